"""Many lost-sales systems as one vectorised gymnasium environment.

Imports gymnasium; nothing imports this module but agents.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from gymnasium import spaces
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space
from numpy.typing import NDArray

from forecast_platform.replenishment.exact.lost_sales import LostSales
from forecast_platform.replenishment.exact.states import largest_orders
from forecast_platform.replenishment.learned.dynamics import (
    FloatArray,
    IntArray,
    Reward,
    draw,
    order_limits,
    play,
)

BoolArray = NDArray[np.bool_]


class LostSalesEnv(VectorEnv[Any, Any, Any]):
    """N independent copies of a system; a continuing task, so no episode ever ends by itself.

    Observations are (N, L) states, units; an action is the order of each system, units, and is cut
    to the largest that makes sense, which `info["most"]` gives beforehand.

    Args:
        system: Demand, lead time and prices.
        systems: N.
        reward: What is rewarded.
    """

    def __init__(self, system: LostSales, systems: int, reward: Reward | None = None) -> None:
        self.system, self.reward = system, reward or Reward()
        self.limits = order_limits(system)
        self.num_envs = systems
        self.metadata = {"autoreset_mode": AutoresetMode.DISABLED}
        self.single_observation_space = spaces.Box(0, self.limits[0], (system.lead_time,), np.int64)
        self.single_action_space = spaces.Discrete(self.limits[-1] + 1)
        self.observation_space = batch_space(self.single_observation_space, systems)
        self.action_space = batch_space(self.single_action_space, systems)
        self._states = np.zeros((systems, system.lead_time), dtype=np.int64)

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[IntArray, dict[str, Any]]:
        """Empty every system, or those of the (N,) booleans `options["reset_mask"]`.

        Returns:
            (N, L) states, and `most`: the (N,) largest orders.
        """
        super().reset(seed=seed)
        mask = (options or {}).get("reset_mask", np.ones(self.num_envs, dtype=bool))
        self._states = np.where(np.asarray(mask)[:, None], 0, self._states)
        return self._states.copy(), {"most": self.most()}

    def most(self) -> IntArray:
        """(N,) largest orders, units; what is beyond them is masked."""
        return largest_orders(self._states, self.limits)

    def step(
        self, actions: IntArray
    ) -> tuple[IntArray, FloatArray, BoolArray, BoolArray, dict[str, Any]]:
        """Order, receive, meet demand.

        Returns:
            (N, L) states a period later, (N,) rewards, (N,) terminated and truncated (never), and
            (N,) figures: `most`, `ordered`, `demand`, `sold`, `left`, `lost`, units, and the
            weighted parts of the reward.
        """
        orders = np.clip(np.asarray(actions, dtype=np.int64), 0, self.most())
        demand = draw(self.system.demand, (self.num_envs,), self.np_random)
        period = play(self._states, orders, demand)
        self._states = period.states
        parts = self.reward.parts(self.system, orders, period)
        info = {"most": self.most(), "ordered": orders, "demand": demand, **parts}
        info |= {"sold": period.sold, "left": period.left, "lost": period.lost}
        never = np.zeros(self.num_envs, dtype=bool)
        reward = np.sum(list(parts.values()), axis=0)
        return period.states.copy(), reward, never, never.copy(), info
