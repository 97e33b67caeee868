"""One training on several devices: a process for each, every batch shared among them.

Gradients are averaged by torch's DistributedDataParallel (Li et al. 2020, "PyTorch Distributed:
Experiences on Accelerating Data Parallel Training"), so that a step is that of the whole batch on
one device but for the rounding of sums, and for dropout, which every process draws by itself.
Imports numpy and torch alone.
"""

from __future__ import annotations

import signal
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch  # noqa: TID253 - loaded with the neural families alone
import torch.distributed as dist  # noqa: TID253
import torch.multiprocessing as mp  # noqa: TID253
from torch import Tensor, nn  # noqa: TID253
from torch.multiprocessing.spawn import (  # noqa: TID253
    ProcessContext,
    ProcessExitedException,
    ProcessRaisedException,
    start_processes,
)

from forecast_platform.errors import ModelError
from forecast_platform.models.base import Progress
from forecast_platform.models.net_data import Inputs
from forecast_platform.models.networks import Network

if TYPE_CHECKING:
    from forecast_platform.models.net_training import Plan

LEAST_WINDOWS = 64
"""Windows of a batch below which a device more costs more than it saves."""
_POLL_SECONDS = 0.1


def devices_for(batch: int) -> list[str]:
    """The GPUs that share batches of that size: none where one device is enough."""
    visible = torch.cuda.device_count() if torch.cuda.is_available() else 0
    some = min(visible, batch // LEAST_WINDOWS)
    return [f"cuda:{at}" for at in range(some)] if some > 1 else []


class _Loss(nn.Module):
    """The loss as a module, whose gradients can be averaged."""

    def __init__(self, network: Network) -> None:
        super().__init__()
        self.network = network

    def forward(self, inputs: Inputs, window: Any, target: Tensor) -> Tensor:
        return self.network.loss(inputs, window, target)


class Team:
    """What one of several processes has to know of the others.

    Args:
        network: On this process's device.
    """

    def __init__(self, network: Network) -> None:
        self.rank, self.size = dist.get_rank(), dist.get_world_size()
        self._loss = nn.parallel.DistributedDataParallel(_Loss(network))

    def share(self, batch: slice) -> slice:
        """This process's windows of a batch."""
        edges = np.linspace(batch.start, batch.stop, self.size + 1).astype(int)
        return slice(int(edges[self.rank]), int(edges[self.rank + 1]))

    def loss(self, inputs: Inputs, window: Any, target: Tensor, whole: Tensor) -> Tensor:
        """The loss of a share, weighted so that the mean over processes is that of the batch.

        Args:
            inputs: The panel.
            window: Of the share.
            target: (b, H) of the share.
            whole: (B, H) of the batch.
        """
        weight = self.size * (~torch.isnan(target)).sum() / (~torch.isnan(whole)).sum().clamp(min=1)
        value: Tensor = self._loss(inputs, window, target) * weight
        return value

    def begin(self, epoch: int) -> None:
        """Draw other dropout than the first process, and the same again after a restart."""
        if self.rank:
            torch.manual_seed(1_000_003 * self.rank + epoch)

    def agreed(self, loss: float) -> float:
        """The first process's loss, so that all stop after the same epoch."""
        told = [loss]
        dist.broadcast_object_list(told)
        return told[0]


@dataclass(frozen=True)
class _Task:
    devices: list[str]
    seed: int
    plan: Plan
    checkpoint: Path | None
    folder: str


def train_together(
    network: Network,
    inputs: Inputs,
    seed: int,
    plan: Plan,
    devices: list[str],
    progress: Progress | None = None,
    checkpoint: Path | None = None,
) -> None:
    """Train in place as `net_training.train` does, a process on each device.

    Args:
        network: As it starts.
        inputs: The panel on any device.
        seed: Of windows and dropout.
        plan: Its batches are shared.
        devices: Such as "cuda:0"; or "cpu" several times.
        progress: Told the epoch and the loss on the days held out.
        checkpoint: As for `train`.

    Raises:
        ModelError: If a process ends early; says how to go on.
    """
    with tempfile.TemporaryDirectory(prefix="training-") as folder:
        # By a file: what processes share by memory is bounded in containers, often to 64 MB.
        torch.save((network.cpu(), inputs.at(torch.device("cpu"))), f"{folder}/given.pt")
        network.to(inputs.device)
        task = _Task(devices, seed, plan, checkpoint, folder)
        told = mp.get_context("spawn").SimpleQueue()
        running: ProcessContext = start_processes(  # type: ignore[no-untyped-call]
            _work, (task, told), len(devices), False, False, "spawn"
        )
        try:
            while not running.join(_POLL_SECONDS):
                _pass_on(told, progress)
        except (ProcessExitedException, ProcessRaisedException) as error:
            raise ModelError(
                f"Training on {len(devices)} devices stopped: {_ending(running, error)}. Train "
                "again: it goes on "
                + ("after the last epoch kept." if checkpoint else "from the beginning.")
            ) from error
        _pass_on(told, progress)
        found = torch.load(f"{folder}/weights.pt", weights_only=True)
        network.load_state_dict(found)


def _ending(running: ProcessContext, error: Exception) -> str:
    """Which process ended and how: one that was killed, before those that missed it."""
    for at, process in enumerate(running.processes):
        code = process.exitcode or 0
        if code < 0 and code != -signal.SIGTERM:  # which ends the others
            return f"process {at} was ended by {signal.Signals(-code).name}"
    return str(error).strip().splitlines()[-1]


def _pass_on(told: Any, progress: Progress | None) -> None:
    while not told.empty():
        step = told.get()
        if progress:
            progress(*step)


def _work(rank: int, task: _Task, told: Any) -> None:
    from forecast_platform.models.net_training import one_thread, train

    device = torch.device(task.devices[rank])
    on_gpu = device.type == "cuda"
    if on_gpu:
        torch.cuda.set_device(device)
    dist.init_process_group(
        "nccl" if on_gpu else "gloo", f"file://{task.folder}/meeting", rank=rank,
        world_size=len(task.devices),
    )  # fmt: skip
    with one_thread():
        network, inputs = torch.load(f"{task.folder}/given.pt", weights_only=False)
        torch.manual_seed(task.seed)
        Network(inputs.schema, network.architecture)  # draws what one process has drawn by now
        network.to(device)
        rng = np.random.default_rng(task.seed)
        tell = None if rank else lambda epoch, loss: told.put((epoch, loss))
        train(network, inputs.at(device), rng, task.plan, tell, task.checkpoint, Team(network))
    if rank == 0:
        torch.save({k: v.cpu() for k, v in network.state_dict().items()},
                   f"{task.folder}/weights.pt")  # fmt: skip
    dist.destroy_process_group()
