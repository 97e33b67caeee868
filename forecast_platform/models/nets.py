"""Neural families: one network over all series, 56 days in, every day of the horizon out.

Imports numpy and torch alone, but for counts' quantiles. The same code runs on a GPU where there is
one; on a CPU training and forecasts repeat bit for bit.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

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
from forecast_platform.models.drivers import LEVEL, Parts
from forecast_platform.models.net_data import CONTEXT, FIRST_CONTEXT, Inputs, Schema
from forecast_platform.models.net_training import Plan, device, one_thread, train
from forecast_platform.models.networks import TWEEDIE_POWER, Architecture, Cell, Network
from forecast_platform.models.seasonal_naive import SeasonalNaive, lag_one

if TYPE_CHECKING:
    from forecast_platform.panel import Panel

HORIZON = 28
MIN_DAYS = FIRST_CONTEXT + 2 * HORIZON

BLOCK = 128
"""Series answered at once on a CPU."""

Index = NDArray[np.intp]
Answer = tuple[Floats, Floats, Floats]


class Net(WindowForecaster):
    """Global network; an item it was not trained on is answered from its attributes and sales.

    On a history too short to learn from, the seasonal naive answers for every series.

    Args:
        architecture: What the network is made of, by default the family's cell.
        plan: How it is trained.
        seeds: Networks that are trained alike from different random numbers and averaged.
    """

    cell: ClassVar[Cell]
    context_days = CONTEXT

    def __init__(
        self, architecture: Architecture | None = None, plan: Plan | None = None, seeds: int = 1
    ) -> None:
        super().__init__()
        self.architecture = architecture or Architecture(cell=self.cell)
        self.plan = plan or Plan()
        self.effort = 1.0
        self.seeds = seeds
        self.checkpoints: Path | None = None
        """Folder of checkpoints, from which an interrupted `fit` goes on."""
        self._schema: Schema | None = None
        self._networks: list[Network] = []
        self._unlearnable: str | None = None
        self._variance = 1.0
        self._fallback = SeasonalNaive()

    @property
    def _knows_alike(self) -> bool:
        return bool(self._networks)

    def _fit(self, panel: Panel, seed: int, progress: Progress | None) -> None:
        self._fallback.fit(panel, seed=seed)
        self._schema = Schema.of(panel)
        self._networks, self._unlearnable = [], None
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

    def _trained(self, inputs: Inputs, seed: int, progress: Progress | None) -> Network:
        gpus = [torch.cuda.current_device()] if inputs.device.type == "cuda" else []
        with torch.random.fork_rng(gpus), one_thread():
            torch.manual_seed(seed)
            network = Network(inputs.schema, self.architecture).to(inputs.device)
            checkpoint = self.checkpoints / f"seed{seed}.pt" if self.checkpoints else None
            rng = np.random.default_rng(seed)
            epochs = max(1, round(self.plan.epochs * self.effort))
            plan = replace(self.plan, epochs=epochs)
            train(network, inputs, rng, plan, progress, checkpoint)
        return network

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
        for member, network in enumerate(self._networks):
            state = {name: value.cpu() for name, value in network.state_dict().items()}
            torch.save(state, folder / f"weights{member}.pt")

    def _load(self, folder: Path) -> None:
        shape = json.loads((folder / "schema.json").read_text())
        self._schema, self._unlearnable = Schema(**shape["schema"]), shape["unlearnable"]
        self._variance = shape["variance"]
        self.architecture = Architecture(**shape["architecture"])
        self._fallback.load(folder / "fallback")
        self._networks = []
        for path in sorted(folder.glob("weights*.pt")):
            network = Network(self._schema, self.architecture).to(device())
            network.load_state_dict(torch.load(path, weights_only=True, map_location=device()))
            self._networks.append(network)
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


def answer(networks: Sequence[Network], inputs: Inputs, series: Index, column: Index) -> Answer:
    """The networks' average: mean (B, H), units per day; the head's other values; scale (B, 1).

    Quantiles (B, H, Q) come in units per day, a dispersion (B, H, 1) as it is. On a CPU in blocks
    of one shape, side by side: a sum in a matrix product can depend on the shape, and a forecast
    must not depend on how many series were asked for with it.
    """
    size = BLOCK if inputs.device.type == "cpu" else max(1, len(series))
    blocks = max(1, -(-len(series) // size))
    padded = np.resize(series, blocks * size) if len(series) else np.zeros(size, dtype=np.intp)
    columns = np.resize(column, blocks * size) if len(series) else np.zeros(size, dtype=np.intp)
    cores = torch.get_num_threads()
    in_units = networks[0].architecture.head == "quantiles"

    @torch.no_grad()
    def block(at: int) -> tuple[Floats, ...]:
        window = inputs.window(padded[at : at + size], columns[at : at + size])
        means, others = zip(*(network(window) for network in networks), strict=True)
        mean, other = torch.stack(means).mean(dim=0), torch.stack(others).mean(dim=0)
        scale = window.scale
        units = mean * scale, other * scale[..., None] if in_units else other, scale
        return tuple(part.float().cpu().numpy() for part in units)

    for network in networks:
        network.eval()
    with one_thread(), ThreadPoolExecutor(cores) as pool:
        parts = list(pool.map(block, range(0, len(padded), size)))
    mean, others, scale = (np.concatenate(part)[: len(series)] for part in zip(*parts, strict=True))
    return mean, others, scale
