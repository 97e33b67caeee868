"""Two processes that share every batch train the network that one trains."""

from __future__ import annotations

import multiprocessing
from pathlib import Path

import pytest
import torch
from model_shop import CUTOFF

from forecast_platform.errors import ModelError
from forecast_platform.models.net_team import devices_for
from forecast_platform.models.net_training import Plan
from forecast_platform.models.nets import Lstm
from forecast_platform.models.networks import Architecture
from forecast_platform.panel import Panel

PLAN = Plan(epochs=4, batch=63, fewest_batches=4, most_batches=4)
Curve = list[float]


def trained(
    shop: Panel, devices: list[str], dropout: float, checkpoints: Path | None = None, kill: int = 0
) -> tuple[Lstm, Curve]:
    """A model and its losses by epoch; a process is killed after the epoch `kill`."""
    model, losses = Lstm(Architecture(hidden=8, dropout=dropout), PLAN), []
    model.devices, model.checkpoints = devices, checkpoints
    others = set(multiprocessing.active_children())

    def told(epoch: int, loss: float) -> None:
        losses.append(loss)
        if epoch == kill:
            next(iter(set(multiprocessing.active_children()) - others)).kill()

    model.fit(shop.until(CUTOFF), seed=4, progress=told)
    return model, losses


def test_two_processes_learn_as_one(shop: Panel) -> None:
    one, losses = trained(shop, [], dropout=0.0)
    two, shared = trained(shop, ["cpu", "cpu"], dropout=0.0)
    assert shared == pytest.approx(losses, rel=1e-4)
    assert two.predict().mean == pytest.approx(one.predict().mean, rel=1e-3, abs=1e-3)


def test_a_process_killed_is_said_and_training_goes_on_where_it_was(
    shop: Panel, tmp_path: Path
) -> None:
    both = ["cpu", "cpu"]
    whole, losses = trained(shop, both, dropout=0.2)
    with pytest.raises(ModelError, match=r"[01] was ended by SIGKILL.*after the last epoch kept"):
        trained(shop, both, dropout=0.2, checkpoints=tmp_path, kill=2)
    resumed, rest = trained(shop, both, dropout=0.2, checkpoints=tmp_path)
    assert 0 < len(rest) < len(losses)
    assert rest == losses[-len(rest) :]
    assert resumed.predict().mean.tobytes() == whole.predict().mean.tobytes()


def test_as_many_gpus_share_a_batch_as_it_is_large_enough_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert devices_for(10_000) == [] or torch.cuda.device_count() > 1
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 4)
    assert devices_for(128) == ["cuda:0", "cuda:1"]
    assert devices_for(1024) == ["cuda:0", "cuda:1", "cuda:2", "cuda:3"]
    assert devices_for(100) == []
