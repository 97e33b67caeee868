"""One LSTM over all series: 56 days in, quantiles and mean of every day of the horizon out.

Hochreiter and Schmidhuber (1997) for the cell; a direct multi-horizon quantile head after Wen et
al. (2017), "A Multi-Horizon Quantile Recurrent Forecaster". Imports numpy and torch alone. The same
code runs on a GPU where there is one; on a CPU training and forecasts repeat bit for bit.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor, nn

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
from forecast_platform.models.lstm_data import CONTEXT, Inputs, Schema, Window
from forecast_platform.models.seasonal_naive import lag_one

if TYPE_CHECKING:
    from forecast_platform.panel import Panel

HORIZON = 28
HIDDEN = 64
EPOCHS = 14
BATCHES = 32
BATCH = 256
PATIENCE = 4
LEARNING_RATE = 4e-3
POW=0.5
DEV=0.2
ZERO_BAND = 0.3
FORGET_SERIES = 0.2
"""Share of training windows whose identity is hidden, so that unknown items can be answered."""


def device() -> torch.device:
    """The device models train and predict on: the first GPU if there is one, else the CPU."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


class Network(nn.Module):
    """Encoder LSTM, then one small network shared by all days of the horizon."""

    def __init__(self, schema: Schema) -> None:
        super().__init__()
        self.embeddings = nn.ModuleList(
            nn.Embedding(size + 1, min(16, 2 + size // 8)) for size in schema.vocabulary_sizes
        )
        identity = sum(int(e.embedding_dim) for e in self.embeddings)  # type: ignore[arg-type]
        self.encoder = nn.LSTM(schema.past_width, HIDDEN, batch_first=True)
        self.shared = nn.Linear(HIDDEN + identity + schema.summary_width, HIDDEN)
        self.daily = nn.Linear(schema.ahead_width, HIDDEN)
        self.inner = nn.Linear(HIDDEN, HIDDEN)
        self.head = nn.Linear(HIDDEN, len(QUANTILES) + 1)

    def forward(self, window: Window) -> tuple[Tensor, Tensor]:
        """Mean (B, H) and quantiles (B, H, Q) in units of the window's scale."""
        _, (state, _) = self.encoder(window.past)
        identity = [e(code) for e, code in zip(self.embeddings, window.codes.T, strict=True)]
        shared = self.shared(torch.cat([state[-1], *identity, window.summary], dim=1))
        hidden = torch.relu(shared[:, None] + self.daily(window.ahead))
        steps = nn.functional.softplus(self.head(torch.relu(self.inner(hidden))))
        quantiles = steps[..., 1:].cumsum(dim=-1) - ZERO_BAND
        # Below zero the slope is small, not none: there the quantile of a slow seller settles, and
        # is cut to exactly no demand, but training can still bring it back.
        return steps[..., 0] + 1e-4, nn.functional.leaky_relu(quantiles, 0.05)


class Lstm(WindowForecaster):
    """Global LSTM; an item it was not trained on is answered from its attributes and sales."""

    name = "lstm"
    context_days = CONTEXT

    def __init__(self) -> None:
        super().__init__()
        self._schema: Schema | None = None
        self._network: Network | None = None

    def _fit(self, panel: Panel, seed: int, progress: Progress | None) -> None:
        if panel.n_days < CONTEXT + 2 * HORIZON:
            raise ModelError(
                f"lstm needs at least {CONTEXT + 2 * HORIZON} days to be trained on, the panel "
                f"holds {panel.n_days} ({panel.first_day} to {panel.last_day}): train a later "
                "cutoff, or leave lstm out of the setting `models`."
            )
        self._schema = Schema.of(panel)
        inputs = Inputs(panel, self._schema, HORIZON, device())
        on_gpu = [torch.cuda.current_device()] if torch.cuda.is_available() else []
        with torch.random.fork_rng(on_gpu):
            torch.manual_seed(seed)
            self._network = Network(self._schema).to(device())
            train(self._network, inputs, np.random.default_rng(seed), progress)
        self.autocorrelation = self._error_correlation(inputs)

    def _error_correlation(self, inputs: Inputs) -> float:
        """Lag-1 autocorrelation along the horizon of errors on the days held out."""
        assert self._network is not None
        series, column = inputs.held_out(HORIZON)
        mean, _, scale = forward(self._network, inputs, series, column)
        return lag_one((inputs.targets(series, column).cpu().numpy() - mean) / scale)

    def _predict(
        self, panel: Panel, origins: Sequence[dt.date], horizon: int
    ) -> tuple[Floats, Floats, Reasons]:
        assert self._schema is not None  # guaranteed by fit and load
        assert self._network is not None
        if horizon > HORIZON:
            raise ModelError(
                f"lstm forecasts {HORIZON} days ahead and was asked for {horizon}: lower the "
                "setting `horizon_days`, or leave lstm out of the setting `models`."
            )
        inputs = Inputs(panel, self._schema, HORIZON, device())
        mean = np.zeros((len(origins), panel.n_series, horizon), dtype=np.float32)
        quantiles = np.zeros((*mean.shape, len(QUANTILES)), dtype=np.float32)
        # One origin at a time, and only what is on offer: sums in a matrix product can depend on
        # its shape, and an origin's forecast must not depend on what else was asked for.
        for at, (origin, wanted) in enumerate(zip(origins, on_offer(panel, origins), strict=True)):
            series = np.flatnonzero(wanted)
            column = np.full(len(series), panel.column_of(origin))
            means, bands, _ = forward(self._network, inputs, series, column)
            mean[at, series] = means[:, :horizon]
            quantiles[at, series] = bands[:, :horizon]
        reasons = np.full(mean.shape[:2], None, dtype=object)
        reasons[:, self.rows_of(panel) < 0] = NOT_TRAINED
        return mean, quantiles, reasons

    def _save(self, folder: Path) -> None:
        assert self._schema is not None
        assert self._network is not None
        state = {name: value.cpu() for name, value in self._network.state_dict().items()}
        torch.save(state, folder / "weights.pt")
        (folder / "schema.json").write_text(json.dumps(self._schema.to_dict()))

    def _load(self, folder: Path) -> None:
        self._schema = Schema(**json.loads((folder / "schema.json").read_text()))
        self._network = Network(self._schema).to(device())
        state: dict[str, Any] = torch.load(
            folder / "weights.pt", weights_only=True, map_location=device()
        )
        self._network.load_state_dict(state)


def train(
    network: Network, inputs: Inputs, rng: np.random.Generator, progress: Progress | None
) -> None:
    """Train in place, stopping early on the last 28 days, and keep the best epoch's weights.

    Each epoch draws a fixed number of windows, so its time does not grow with the history.
    """
    optimiser = torch.optim.Adam(network.parameters(), lr=LEARNING_RATE)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimiser, LEARNING_RATE, total_steps=EPOCHS * BATCHES, pct_start=0.15
    )
    held_out = inputs.held_out(HORIZON)
    best, best_loss, stale = network.state_dict(), float("inf"), 0
    for epoch in range(EPOCHS):
        network.train()
        series, column = inputs.sample(rng, BATCHES * BATCH, HORIZON)
        hidden = rng.random(len(series)) < FORGET_SERIES
        for at in range(0, len(series), BATCH):
            part = slice(at, at + BATCH)
            window = inputs.window(series[part], column[part], hide=hidden[part])
            optimiser.zero_grad(set_to_none=True)
            loss(network, inputs, window, series[part], column[part]).backward()
            nn.utils.clip_grad_norm_(network.parameters(), 1.0)
            optimiser.step()
            schedule.step()
        network.eval()
        with torch.no_grad():
            value = float(loss(network, inputs, inputs.window(*held_out), *held_out))
        if progress:
            progress(epoch + 1, value)
        if value < best_loss:
            best_loss, stale = value, 0
            best = {name: tensor.clone() for name, tensor in network.state_dict().items()}
        else:
            stale += 1
            if stale == PATIENCE:
                break
    network.load_state_dict(best)


def loss(
    network: Network,
    inputs: Inputs,
    window: Window,
    series: np.ndarray[Any, np.dtype[np.intp]],
    column: np.ndarray[Any, np.dtype[np.intp]],
) -> Tensor:
    """Pinball loss of the quantiles plus Poisson deviance of the mean, over known days, scaled."""
    mean, quantiles = network(window)
    target = inputs.targets(series, column) / window.scale
    known = ~torch.isnan(target)
    target = torch.nan_to_num(target)
    levels = torch.tensor(QUANTILES, device=target.device)
    gap = target[..., None] - quantiles
    pinball = torch.maximum(levels * gap, (levels - 1) * gap).mean(dim=-1)
    deviance = mean - torch.xlogy(target, mean)
    # In units of Poisson noise, sqrt(scale), so that neither slow nor fast sellers dominate.
    weight = (window.scale / inputs.schema.typical) ** POW * known
    return ((pinball + DEV * deviance) * weight).sum() / known.sum().clamp(min=1)


@torch.no_grad()
def forward(
    network: Network,
    inputs: Inputs,
    series: np.ndarray[Any, np.dtype[np.intp]],
    column: np.ndarray[Any, np.dtype[np.intp]],
) -> tuple[Floats, Floats, Floats]:
    """Mean (B, H) and quantiles (B, H, Q) in units per day, and the scale (B, 1)."""
    network.eval()
    window = inputs.window(series, column)
    mean, quantiles = network(window)
    scale = window.scale
    return (
        (mean * scale).cpu().numpy(),
        (quantiles * scale[..., None]).cpu().numpy(),
        scale.cpu().numpy(),
    )
