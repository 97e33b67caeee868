"""Deep Q-learning of the average cost of a lost-sales system.

A network names the relative cost of every order in a state (Mnih et al. 2015, Nature 518), nothing
discounted (relative values, Abounadi, Bertsekas and Borkar 2001). What made it settle here: a
target network that follows softly; orders that make no sense left out of the minimum over the next
orders; several demands redrawn for each replayed state and order, since demand does not depend on
either; the cost of a period credited to the order that arrives in it, L periods later.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import polars as pl
import torch  # noqa: TID253 (loaded only when a policy is learned or read)
from torch import nn  # noqa: TID253

from forecast_platform.errors import ConfigurationError
from forecast_platform.replenishment.classic.demand import expected_cost
from forecast_platform.replenishment.exact.lost_sales import LostSales
from forecast_platform.replenishment.exact.policies import Policy
from forecast_platform.replenishment.exact.states import largest_orders
from forecast_platform.replenishment.learned.curve import Curve
from forecast_platform.replenishment.learned.dynamics import (
    FloatArray,
    IntArray,
    Reward,
    draw,
    mean_demand,
    order_limits,
    play,
)
from forecast_platform.replenishment.learned.environment import LostSalesEnv
from forecast_platform.replenishment.learned.network import NetworkPolicy, Shape


@dataclass(frozen=True)
class DqnSettings:
    """How a network is learned.

    Attributes:
        updates: Gradient steps; each follows one period of all systems.
        hidden: Units of the hidden layers.
        systems: Systems that gather experience side by side.
        memory: Pairs of state and order remembered.
        batch: Pairs replayed per update.
        redraws: Demands redrawn per replayed pair.
        explore: Share of random orders.
        learning_rate: Adam's at the start; falls to nothing along a half cosine.
        tau: Share of the network that the target takes over per update.
        judgements: How often on the way the target network's policy is judged.
        device: Where the network is computed; only a CPU repeats bit for bit.
    """

    updates: int = 8_000
    hidden: tuple[int, ...] = (64, 64)
    systems: int = 256
    memory: int = 100_000
    batch: int = 512
    redraws: int = 8
    explore: float = 0.2
    learning_rate: float = 3e-3
    tau: float = 0.01
    judgements: int = 10
    device: str = "cpu"


@dataclass(frozen=True)
class Learned:
    """A learned network.

    Attributes:
        policy: The cheapest greedy policy on the way.
        curve: periods, cost, gap; see `Curve.frame`.
    """

    policy: NetworkPolicy
    curve: pl.DataFrame


def learn(
    system: LostSales,
    seed: int,
    settings: DqnSettings | None = None,
    reward: Reward | None = None,
    optimum: float | None = None,
    evaluate: Callable[[Policy], float] | None = None,
) -> Learned:
    """Learn a policy; on a CPU the same seed gives the same one.

    Args:
        system: The system.
        seed: Of everything drawn.
        settings: How.
        reward: What is rewarded; costs of the curve are those of `reward.priced(system)`.
        optimum: Least such cost, for the gap in the curve.
        evaluate: Cost of a policy; for systems too large for the exact evaluation, which is taken
            by default, a simulation.

    Raises:
        ConfigurationError: If no policy with a long-run cost was found.
    """
    chosen, priced = settings or DqnSettings(), (reward or Reward()).priced(system)
    curve = Curve(evaluate or priced.evaluate, optimum)
    with _repeatable(seed):
        learner = _Learner(priced, seed, chosen)
        marks = np.linspace(0, chosen.updates, chosen.judgements + 1).astype(int)[1:]
        for update in range(1, chosen.updates + 1):
            learner.live()
            learner.update()
            if update in marks:
                curve.judge(update * chosen.systems, learner.policy())
    if not isinstance(curve.best, NetworkPolicy):
        raise ConfigurationError(
            f"No policy with a long-run cost was learned in {chosen.updates:,} updates: give it "
            "more of them."
        )
    return Learned(curve.best, curve.frame())


class _Learner:
    """Network, target, environment and memory."""

    def __init__(self, system: LostSales, seed: int, settings: DqnSettings) -> None:
        self._system, self._settings = system, settings
        self._limits = order_limits(system)
        self._rng = np.random.default_rng(seed)
        self._environment = LostSalesEnv(system, settings.systems)
        self._states, info = self._environment.reset(seed=seed)
        self._most = info["most"]
        self._costs = expected_cost(system.demand, self._limits[0], system.holding, system.penalty)
        mean = mean_demand(system)
        # Values of the size of one in every currency; regular demand may cost nearly nothing.
        self._unit = max(float(self._costs.min()), 0.1 * system.holding * mean)
        self._shape = Shape(self._limits, settings.hidden, 1.0 / mean)
        self._network = self._shape.network().to(settings.device)
        self._target = copy.deepcopy(self._network).requires_grad_(False)
        self._optimiser = torch.optim.Adam(self._network.parameters(), settings.learning_rate)
        self._schedule = torch.optim.lr_scheduler.CosineAnnealingLR(
            self._optimiser, settings.updates
        )
        self._memory = np.zeros((settings.memory, system.lead_time + 1), dtype=np.int64)
        self._remembered = 0

    def policy(self) -> NetworkPolicy:
        """Greedy policy of the target network, which averages over many updates."""
        return NetworkPolicy(self._shape, copy.deepcopy(self._target).cpu())

    def live(self) -> None:
        """One period of every system; a few begin anew, so that empty ones stay known."""
        values = self._values(self._target, self._states, self._most)
        orders = values.argmin(dim=1).cpu().numpy()
        at_random = self._rng.random(orders.size) < self._settings.explore
        random = self._rng.integers(0, self._most + 1)
        orders = np.where(at_random, random, orders)
        places = (self._remembered + np.arange(orders.size)) % len(self._memory)
        self._memory[places] = np.column_stack([self._states, orders])
        self._remembered += orders.size
        self._environment.step(orders)
        anew = self._rng.random(orders.size) < _ANEW
        self._states, info = self._environment.reset(options={"reset_mask": anew})
        self._most = info["most"]

    def update(self) -> None:
        """One gradient step towards the cost redrawn for remembered states and orders."""
        known = min(self._remembered, len(self._memory))
        pairs = self._memory[self._rng.integers(0, known, self._settings.batch)]
        states, orders = pairs[:, :-1], pairs[:, -1]
        aims = self._aims(states, orders)
        device = self._settings.device
        values = self._network(torch.from_numpy(states).to(device, torch.float32))
        values = values.gather(1, torch.from_numpy(orders).to(device)[:, None])[:, 0]
        loss = nn.functional.smooth_l1_loss(values, aims)
        self._optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        self._optimiser.step()
        self._schedule.step()
        with torch.no_grad():
            for slow, fast in zip(
                self._target.parameters(), self._network.parameters(), strict=True
            ):
                slow.lerp_(fast, self._settings.tau)

    def _aims(self, states: IntArray, orders: IntArray) -> torch.Tensor:
        """(B,) relative cost of the orders, averaged over redrawn demand.

        The average over all that follows is subtracted: that fixes the level of the values.
        """
        redraws = self._settings.redraws
        costs, following = self._redrawn(np.repeat(states, redraws, 0), np.repeat(orders, redraws))
        best = self._values(self._target, following, largest_orders(following, self._limits))
        lowest = best.min(dim=1).values
        costs_there = torch.from_numpy(costs / self._unit).to(lowest)
        return (costs_there + lowest - lowest.mean()).view(-1, redraws).mean(dim=1)

    def _redrawn(self, states: IntArray, orders: IntArray) -> tuple[FloatArray, IntArray]:
        """Costs (N,) of the period in which the orders arrive, and (N, L) states a period later.

        The cost is expected over the demand of that period itself.
        """
        system = self._system
        demand = draw(system.demand, (system.lead_time, orders.size), self._rng)
        after = following = play(states, orders, demand[0]).states
        for later in demand[1:]:
            # What is ordered meanwhile arrives later still.
            after = play(after, np.zeros_like(orders), later).states
        return self._costs[after[:, 0]] + system.order_cost * (orders > 0), following

    def _values(self, network: nn.Module, states: IntArray, most: IntArray) -> torch.Tensor:
        """(N, A) values without gradients, infinite for orders beyond (N,) `most`."""
        device = self._settings.device
        with torch.no_grad():
            values = network(torch.from_numpy(states).to(device, torch.float32))
        orders = torch.arange(values.shape[1], device=device)
        beyond = orders > torch.from_numpy(most).to(device)[:, None]
        return torch.as_tensor(values.masked_fill(beyond, torch.inf))


_ANEW = 0.005
"""Share of systems emptied per period."""


@contextmanager
def _repeatable(seed: int) -> Iterator[None]:
    """Seeded torch on one thread, and as it was afterwards."""
    threads = torch.get_num_threads()
    with torch.random.fork_rng([]):
        torch.manual_seed(seed)
        torch.set_num_threads(1)
        try:
            yield
        finally:
            torch.set_num_threads(threads)
