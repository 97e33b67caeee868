"""Neural families: one network over all series, 56 days in, every day of the horizon out.

Imports numpy and torch alone, but for counts' quantiles. The same code runs on a GPU where there is
one; on a CPU training and forecasts repeat bit for bit.
"""

from __future__ import annotations

import copy
import datetime as dt
import json
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Self

import numpy as np
import torch
from numpy.typing import NDArray

from forecast_platform.contracts import QUANTILES
from forecast_platform.errors import ModelError
from forecast_platform.models.base import (
    NOT_TRAINED,
    Floats,
    Progress,
    Reasons,
    WindowForecaster,
    on_offer,
)
from forecast_platform.models.compress import narrowed, packed, unpacked
from forecast_platform.models.drivers import LEVEL, Parts
from forecast_platform.models.net_answers import answer, sample_paths
from forecast_platform.models.net_data import CONTEXT, FIRST_CONTEXT, Inputs, Schema
from forecast_platform.models.net_team import devices_for, train_together
from forecast_platform.models.net_training import Plan, device, one_thread, train
from forecast_platform.models.networks import TWEEDIE_POWER, Architecture, Cell, Network
from forecast_platform.models.seasonal_naive import SeasonalNaive, lag_one

if TYPE_CHECKING:
    from forecast_platform.panel import Panel

HORIZON = 28
MIN_DAYS = FIRST_CONTEXT + 2 * HORIZON
FINE_TUNING = 1 / 3
"""Share of epochs and of the learning rate with which a pruned network is trained on."""


class Net(WindowForecaster):
    """Global network; an item it was not trained on is answered from its attributes and sales.

    On a history too short to learn from, the seasonal naive answers for every series.

    Args:
        architecture: What the network is made of, by default the family's cell.
        plan: How it is trained.
        seeds: Networks that are trained alike from different random numbers and averaged.

    Raises:
        ModelError: If there is to be no network.
    """

    cell: ClassVar[Cell]
    context_days = CONTEXT

    def __init__(
        self, architecture: Architecture | None = None, plan: Plan | None = None, seeds: int = 1
    ) -> None:
        super().__init__()
        if seeds < 1:
            raise ModelError(f"The option seeds of {self.name} must be 1 or more, not {seeds}.")
        self.architecture = architecture or Architecture(cell=self.cell)
        self.plan = plan or Plan()
        self.effort = 1.0
        self.seeds = seeds
        self.checkpoints: Path | None = None
        """Folder of checkpoints, from which an interrupted `fit` goes on."""
        self.devices: list[str] = []
        """Devices that share every batch, such as "cuda:0"; by default as many GPUs as pay."""
        self._schema: Schema | None = None
        self._networks: list[Network] = []
        self._packed: list[dict[str, torch.Tensor]] = []
        self._unlearnable: str | None = None
        self._variance = 1.0
        self._fallback = SeasonalNaive()

    @property
    def _knows_alike(self) -> bool:
        return bool(self._networks)

    def _fit(self, panel: Panel, seed: int, progress: Progress | None) -> None:
        self._fallback.fit(panel, seed=seed)
        self._schema = Schema.of(panel)
        self._networks, self._packed, self._unlearnable = [], [], None
        inputs = Inputs(panel, self._schema, HORIZON, device())
        if panel.n_days < MIN_DAYS:
            self._unlearnable = f"{panel.n_days} days of history, at least {MIN_DAYS} are needed"
        elif not inputs.usable(HORIZON).size:
            self._unlearnable = "no known demand to learn from"
        if self._unlearnable:
            self.autocorrelation = self._fallback.autocorrelation
            return
        self._networks = [
            self._trained(inputs, seed + member, progress) for member in range(self.seeds)
        ]
        self._learn_errors(inputs)

    def _trained(
        self,
        inputs: Inputs,
        seed: int,
        progress: Progress | None = None,
        start: Network | None = None,
    ) -> Network:
        """A network trained from random weights, or trained on a little from those of `start`."""
        gpus = [torch.cuda.current_device()] if inputs.device.type == "cuda" else []
        share = FINE_TUNING if start else 1.0
        epochs = max(1, round(self.plan.epochs * self.effort * share))
        plan = replace(self.plan, epochs=epochs, learning_rate=self.plan.learning_rate * share)
        with torch.random.fork_rng(gpus), one_thread():
            torch.manual_seed(seed)
            network = start or Network(inputs.schema, self.architecture).to(inputs.device)
            folder = None if start else self.checkpoints
            checkpoint = folder / f"seed{seed}.pt" if folder else None
            devices = self.devices or devices_for(plan.batch)
            if len(devices) > 1:
                train_together(network, inputs, seed, plan, devices, progress, checkpoint)
            else:
                train(network, inputs, np.random.default_rng(seed), plan, progress, checkpoint)
        return network

    def compressed(self, keep: float = 0.5, panel: Panel | None = None, seed: int = 0) -> Self:
        """A smaller copy for serving: fewer hidden units, weights of 8 bits.

        Args:
            keep: Share of hidden units that stay; 1 for all.
            panel: History to train the pruned networks on with; without it they stay as cut.
            seed: Of that training.
        """
        small = copy.deepcopy(self)
        if not self._networks or self._schema is None:
            return small
        small._networks = [narrowed(one, self._schema, keep) for one in self._networks]
        small.architecture = small._networks[0].architecture
        if panel is not None and keep < 1:
            inputs = Inputs(panel, self._schema, HORIZON, device())
            for member, network in enumerate(small._networks):
                small._trained(inputs, seed + member, start=network)
            small._learn_errors(inputs)
        small._packed = [packed(network.state_dict()) for network in small._networks]
        for network, held in zip(small._networks, small._packed, strict=True):
            network.load_state_dict(unpacked(held))
        return small

    def _learn_errors(self, inputs: Inputs) -> None:
        """Lag-1 autocorrelation and, for the Tweedie head, the variance, on the days held out."""
        series, column = inputs.held_out(HORIZON)
        mean, _, scale = answer(self._networks, inputs, series, column)
        errors = inputs.targets(series, column).cpu().numpy() - mean
        # Clipped: a few series that come back after a pause would decide it alone.
        self.autocorrelation = lag_one(np.clip(errors / scale, -3, 3))
        share = np.square(np.clip(errors / scale, -3, 3) * scale) / mean**TWEEDIE_POWER
        self._variance = float(np.nanmean(share)) if np.isfinite(share).any() else 1.0

    def _predict(
        self, panel: Panel, origins: Sequence[dt.date], horizon: int
    ) -> tuple[Floats, Floats, Reasons]:
        if not self._networks or self._schema is None:
            mean, quantiles, reasons = self._fallback._predict(panel, origins, horizon)
            reasons[:] = self._unlearnable
            return mean, quantiles, reasons
        if horizon > HORIZON:
            raise ModelError(
                f"{self.name} forecasts {HORIZON} days ahead and was asked for {horizon}: lower "
                f"the setting `horizon_days`, or leave {self.name} out of the setting `models`."
            )
        inputs = Inputs(panel, self._schema, HORIZON, device())
        mean = np.zeros((len(origins), panel.n_series, horizon), dtype=np.float32)
        quantiles = np.zeros((*mean.shape, len(QUANTILES)), dtype=np.float32)
        for at, (origin, wanted) in enumerate(zip(origins, on_offer(panel, origins), strict=True)):
            series = np.flatnonzero(wanted)
            column = np.full(len(series), panel.column_of(origin))
            means, others, _ = answer(self._networks, inputs, series, column)
            mean[at, series] = means[:, :horizon]
            quantiles[at, series] = self._quantiles(means, others)[:, :horizon]
        reasons = np.full(mean.shape[:2], None, dtype=object)
        reasons[:, self.rows_of(panel) < 0] = NOT_TRAINED
        return mean, quantiles, reasons

    def sample_paths(
        self, panel: Panel, origin: dt.date, n: int, seed: int = 0
    ) -> NDArray[np.float32]:
        """Draw (N, n, 28) sample paths from an origin, units per day.

        With the decoder "own_samples" each path goes from day to day on what it drew itself; else,
        and for the head "tweedie", it is drawn from the forecast's quantiles (`Forecast.paths`).
        The same seed gives the same paths; series share their random levels.
        """
        unrolls = self.architecture.decoder == "own_samples" and self.architecture.head != "tweedie"
        if not (unrolls and self._networks and self._schema):
            return self.predict(panel, [origin], HORIZON).paths(0, n, seed)
        inputs = Inputs(panel, self._schema, HORIZON, device())
        series = np.flatnonzero(on_offer(panel, [origin])[0])
        column = np.full(len(series), panel.column_of(origin))
        paths = np.zeros((panel.n_series, n, HORIZON), dtype=np.float32)
        paths[series] = sample_paths(self._networks, inputs, series, column, n, seed)
        return paths

    def _drivers(self, panel: Panel, origin: dt.date, horizon: int) -> Parts:
        from forecast_platform.models.attributions import attributed

        series = np.arange(panel.n_series)
        if not self._networks or self._schema is None:
            return {LEVEL: np.full(len(series), np.nan)}
        inputs = Inputs(panel, self._schema, HORIZON, device())
        column = np.full(len(series), panel.column_of(origin))
        return attributed(self._networks, inputs, series, column, horizon)

    def _quantiles(self, mean: Floats, others: Floats) -> Floats:
        """(B, H, Q) units per day, from what the head says beside the mean."""
        if self.architecture.head == "quantiles":
            return others
        from forecast_platform.models.spread import quantiles_around

        if self.architecture.head == "negative_binomial":
            return quantiles_around(mean, mean + others[..., 0] * np.square(mean), QUANTILES)
        return quantiles_around(mean, self._variance * mean**TWEEDIE_POWER, QUANTILES)

    def _save(self, folder: Path) -> None:
        assert self._schema is not None
        shape = {
            "schema": self._schema.to_dict(),
            "architecture": asdict(self.architecture),
            "unlearnable": self._unlearnable,
            "variance": self._variance,
        }
        (folder / "schema.json").write_text(json.dumps(shape))
        self._fallback.save(folder / "fallback")
        states = self._packed or [network.state_dict() for network in self._networks]
        for member, state in enumerate(states):
            held = {name: value.cpu() for name, value in state.items()}
            torch.save(held, folder / f"weights{member}.pt")

    def _load(self, folder: Path) -> None:
        shape = json.loads((folder / "schema.json").read_text())
        self._schema, self._unlearnable = Schema(**shape["schema"]), shape["unlearnable"]
        self._variance = shape["variance"]
        self.architecture = Architecture(**shape["architecture"])
        self._fallback.load(folder / "fallback")
        self._networks, self._packed = [], []
        for path in sorted(folder.glob("weights*.pt")):
            network = Network(self._schema, self.architecture).to(device())
            held = torch.load(path, weights_only=True, map_location=device())
            network.load_state_dict(unpacked(held))
            self._networks.append(network)
            if held.keys() != network.state_dict().keys():
                self._packed.append(held)
        self.seeds = len(self._networks)


class Lstm(Net):
    """Long short-term memory."""

    name = "lstm"
    cell = "lstm"


class Gru(Net):
    """Gated recurrent unit."""

    name = "gru"
    cell = "gru"


class Rnn(Net):
    """Plain recurrent network."""

    name = "rnn"
    cell = "rnn"


class Dnn(Net):
    """Dense layers over all days of the context."""

    name = "dnn"
    cell = "dnn"
