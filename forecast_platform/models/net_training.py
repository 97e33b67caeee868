"""Training of a network: warm-up and cosine, early stopping, averaged and resumable checkpoints.

Imports numpy and torch alone. On a CPU a training repeats bit for bit.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch  # noqa: TID253 - loaded with the neural families alone
from numpy.typing import NDArray
from torch import Tensor, nn  # noqa: TID253

from forecast_platform.models.base import Progress
from forecast_platform.models.net_data import Inputs
from forecast_platform.models.net_team import Team
from forecast_platform.models.networks import Network

PATIENCE = 5
WARM_UP = 0.15
AVERAGED = 3
"""Last epochs whose weights are averaged (Izmailov et al. 2018, "Averaging weights leads to wider
optima and better generalization")."""
FORGET_SERIES = 0.2
"""Share of training windows whose identity is hidden, so that unknown items can be answered."""

Index = NDArray[np.intp]


@dataclass(frozen=True)
class Plan:
    """How a network is trained.

    Attributes:
        epochs: Epochs at most.
        batch: Windows per step.
        most_batches: Steps per epoch at most, so that time does not grow with the history.
        fewest_batches: Steps per epoch at least.
        learning_rate: Highest rate, reached after the warm-up.
        weight_decay: Of AdamW (Loshchilov and Hutter 2019).
        bfloat16: Whether matrix products and recurrent layers compute in bfloat16, weights and
            losses staying in single precision; None: where the device has it in hardware.
    """

    epochs: int = 24
    batch: int = 128
    most_batches: int = 72
    fewest_batches: int = 16
    learning_rate: float = 6e-3
    weight_decay: float = 1e-3
    bfloat16: bool | None = None


@dataclass
class _Progress:
    """Where a training stands after an epoch; everything a later process needs to go on."""

    epoch: int = 0
    best_loss: float = float("inf")
    best: dict[str, Tensor] = field(default_factory=dict)
    recent: list[dict[str, Tensor]] = field(default_factory=list)
    stale: int = 0


def device() -> torch.device:
    """The device models train and predict on: the first GPU if there is one, else the CPU."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def has_bfloat16(where: torch.device) -> bool:
    """Whether a device multiplies bfloat16 in hardware; a CPU without would only emulate it."""
    if where.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    able = torch.cpu.get_capabilities()
    return bool(able.get("avx512_bf16") or able.get("amx_bf16"))


@contextmanager
def one_thread() -> Iterator[None]:
    """Run torch's kernels in one thread each.

    Sums then come out the same whatever the number of cores, and threads that wait for one another
    on busy cores, which slows a network this small down tenfold, do not occur.
    """
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def train(
    network: Network,
    inputs: Inputs,
    rng: np.random.Generator,
    plan: Plan,
    progress: Progress | None = None,
    checkpoint: Path | None = None,
    team: Team | None = None,
) -> None:
    """Train in place, stopping early on the last days, and keep the best weights.

    The best are those of one epoch, or the mean of the last three epochs' where that is better.

    Args:
        network: On its device.
        inputs: The panel on the same device.
        rng: Draws windows.
        plan: Epochs, rates and sizes.
        progress: Told the epoch and the loss on the days held out.
        checkpoint: File that the state is written to after every epoch; a training that finds it
            goes on from there, to the same weights as if it had never stopped.
        team: Where several processes train alike, each on its share of every batch; the first
            writes the checkpoint.
    """
    horizon = inputs.horizon
    most = max(inputs.usable(horizon).size // plan.batch, plan.fewest_batches)
    batches = min(most, plan.most_batches)
    optimiser = torch.optim.AdamW(
        network.parameters(), lr=plan.learning_rate, weight_decay=plan.weight_decay
    )
    schedule = _schedule(optimiser, plan, plan.epochs * batches)
    held_out = inputs.held_out(horizon)
    at = _Progress()
    parts: dict[str, Any] = {"network": network, "optimiser": optimiser, "schedule": schedule}
    if checkpoint is not None and checkpoint.exists():
        at = _restore(checkpoint, parts, rng, inputs.device)
    while at.epoch < plan.epochs and at.stale < PATIENCE:
        _epoch(network, inputs, rng, plan, batches, optimiser, schedule, at.epoch, team)
        at.epoch += 1
        loss = _held_out_loss(network, inputs, *held_out)
        loss = team.agreed(loss) if team else loss
        _note(at, _weights(network), loss)
        if progress:
            progress(at.epoch, loss)
        if checkpoint is not None and not (team and team.rank):
            _keep(checkpoint, parts, rng, at)
    network.load_state_dict(_mean_weights(at.recent))
    if _held_out_loss(network, inputs, *held_out) > at.best_loss:
        network.load_state_dict(at.best)


def _schedule(
    optimiser: torch.optim.Optimizer, plan: Plan, steps: int
) -> torch.optim.lr_scheduler.LRScheduler:
    """Up to the highest rate over the warm-up, then down along a cosine (Smith and Topin 2019)."""
    return torch.optim.lr_scheduler.OneCycleLR(
        optimiser, plan.learning_rate, total_steps=steps, pct_start=WARM_UP
    )


def _epoch(
    network: Network,
    inputs: Inputs,
    rng: np.random.Generator,
    plan: Plan,
    batches: int,
    optimiser: torch.optim.Optimizer,
    schedule: torch.optim.lr_scheduler.LRScheduler,
    number: int,
    team: Team | None,
) -> None:
    network.train()
    if team:
        team.begin(number)
    reduced = has_bfloat16(inputs.device) if plan.bfloat16 is None else plan.bfloat16
    series, column = inputs.sample(rng, batches * plan.batch, inputs.horizon)
    hidden = rng.random(len(series)) < FORGET_SERIES
    for start in range(0, len(series), plan.batch):
        batch = slice(start, start + plan.batch)
        part = team.share(batch) if team else batch
        window = inputs.window(series[part], column[part], hide=hidden[part])
        target = inputs.targets(series[part], column[part])
        optimiser.zero_grad(set_to_none=True)
        with torch.autocast(inputs.device.type, torch.bfloat16, reduced):
            if team:
                whole = inputs.targets(series[batch], column[batch])
                value = team.loss(inputs, window, target, whole)
            else:
                value = network.loss(inputs, window, target)
        value.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimiser.step()
        schedule.step()


@torch.no_grad()
def _held_out_loss(network: Network, inputs: Inputs, series: Index, column: Index) -> float:
    network.eval()
    window, target = inputs.window(series, column), inputs.targets(series, column)
    return float(network.loss(inputs, window, target))


def _note(at: _Progress, weights: dict[str, Tensor], loss: float) -> None:
    at.recent = [*at.recent, weights][-AVERAGED:]
    if loss < at.best_loss:
        at.best_loss, at.best, at.stale = loss, weights, 0
    else:
        at.stale += 1


def _weights(network: Network) -> dict[str, Tensor]:
    return {name: tensor.detach().clone() for name, tensor in network.state_dict().items()}


def _mean_weights(epochs: list[dict[str, Tensor]]) -> dict[str, Tensor]:
    return {name: torch.stack([one[name] for one in epochs]).mean(dim=0) for name in epochs[0]}


def _torch_rng() -> list[Tensor]:
    """State of the random numbers on the CPU and, where dropout is drawn there, on the GPU."""
    gpu = [torch.cuda.get_rng_state()] if torch.cuda.is_available() else []
    return [torch.get_rng_state(), *gpu]


def _keep(path: Path, parts: dict[str, Any], rng: np.random.Generator, at: _Progress) -> None:
    state = {name: part.state_dict() for name, part in parts.items()}
    state |= {"at": vars(at), "rng": rng.bit_generator.state, "torch": _torch_rng()}
    path.parent.mkdir(parents=True, exist_ok=True)
    whole = path.with_suffix(".part")
    torch.save(state, whole)
    whole.replace(path)


def _restore(
    path: Path, parts: dict[str, Any], rng: np.random.Generator, where: torch.device
) -> _Progress:
    state = torch.load(path, weights_only=True, map_location=where)
    for name, part in parts.items():
        part.load_state_dict(state[name])
    rng.bit_generator.state = state["rng"]
    torch.set_rng_state(state["torch"][0].cpu())
    if len(state["torch"]) > 1:
        torch.cuda.set_rng_state(state["torch"][1].cpu())
    return _Progress(**state["at"])
