"""One LSTM over all series: 56 days in, quantiles and mean of every day of the horizon out.

Hochreiter and Schmidhuber (1997) for the cell; a direct multi-horizon quantile head after Wen et
al. (2017), "A Multi-Horizon Quantile Recurrent Forecaster". Imports numpy and torch alone. The same
code runs on a GPU where there is one; on a CPU training and forecasts repeat bit for bit.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray
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
from forecast_platform.models.lstm_data import (
    CONTEXT,
    FIRST_CONTEXT,
    LARGEST,
    Inputs,
    Schema,
    Window,
)
from forecast_platform.models.seasonal_naive import SeasonalNaive, lag_one

if TYPE_CHECKING:
    from forecast_platform.panel import Panel

HORIZON = 28
MIN_DAYS = FIRST_CONTEXT + 2 * HORIZON
HIDDEN = 64
EPOCHS = 10
BATCH = 64
MOST_BATCHES, FEWEST_BATCHES = 96, 16
PATIENCE = 5
LEARNING_RATE = 4e-3
DEVIANCE_WEIGHT = 0.5
ZERO_BAND = 0.3
FORGET_SERIES = 0.2
"""Share of training windows whose identity is hidden, so that unknown items can be answered."""

BLOCK = 128
"""Series answered at once on a CPU."""

Index = NDArray[np.intp]


def device() -> torch.device:
    """The device models train and predict on: the first GPU if there is one, else the CPU."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


class Network(nn.Module):
    """Encoder LSTM, then one small network shared by all days of the horizon."""

    def __init__(self, schema: Schema) -> None:
        super().__init__()
        widths = [min(16, 2 + size // 8) for size in schema.vocabulary_sizes]
        self.embeddings = nn.ModuleList(
            nn.Embedding(size + 1, width)
            for size, width in zip(schema.vocabulary_sizes, widths, strict=True)
        )
        self.encoder = nn.LSTM(schema.past_width, HIDDEN, batch_first=True)
        self.shared = nn.Linear(HIDDEN + sum(widths) + schema.summary_width, HIDDEN)
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
        # In units of the same weekday's mean, drawn to the window's: a few steps of training on a
        # small shop then give the right level.
        steps = steps * ((torch.expm1(window.ahead[..., :1]) * 8 + 6) / 14)
        quantiles = steps[..., 1:].cumsum(dim=-1) - ZERO_BAND
        # Below zero the slope is small, not none: there the quantile of a slow seller settles, and
        # is cut to exactly no demand, but training can still bring it back.
        return steps[..., 0] + 1e-4, nn.functional.leaky_relu(quantiles, 0.05)


class Lstm(WindowForecaster):
    """Global LSTM; an item it was not trained on is answered from its attributes and sales.

    On a history too short to learn from, the seasonal naive answers for every series.
    """

    name = "lstm"
    context_days = CONTEXT

    def __init__(self) -> None:
        super().__init__()
        self._schema: Schema | None = None
        self._network: Network | None = None
        self._unlearnable: str | None = None
        self._fallback = SeasonalNaive()

    def _fit(self, panel: Panel, seed: int, progress: Progress | None) -> None:
        self._fallback.fit(panel, seed=seed)
        self._schema = Schema.of(panel)
        self._network, self._unlearnable = None, None
        inputs = Inputs(panel, self._schema, HORIZON, device())
        if panel.n_days < MIN_DAYS:
            self._unlearnable = f"{panel.n_days} days of history, at least {MIN_DAYS} are needed"
        elif not inputs.usable(HORIZON).size:
            self._unlearnable = "no known demand to learn from"
        if self._unlearnable:
            self.autocorrelation = self._fallback.autocorrelation
            return
        gpus = [torch.cuda.current_device()] if torch.cuda.is_available() else []
        with torch.random.fork_rng(gpus), one_thread():
            torch.manual_seed(seed)
            self._network = Network(self._schema).to(device())
            train(self._network, inputs, np.random.default_rng(seed), progress)
        series, column = inputs.held_out(HORIZON)
        mean, _, scale = answer(self._network, inputs, series, column)
        errors = (inputs.targets(series, column).cpu().numpy() - mean) / scale
        # Clipped: a few series that come back after a pause would decide it alone.
        self.autocorrelation = lag_one(np.clip(errors, -3, 3))

    def _predict(
        self, panel: Panel, origins: Sequence[dt.date], horizon: int
    ) -> tuple[Floats, Floats, Reasons]:
        if self._network is None or self._schema is None:
            mean, quantiles, reasons = self._fallback._predict(panel, origins, horizon)
            reasons[:] = self._unlearnable
            return mean, quantiles, reasons
        if horizon > HORIZON:
            raise ModelError(
                f"lstm forecasts {HORIZON} days ahead and was asked for {horizon}: lower the "
                "setting `horizon_days`, or leave lstm out of the setting `models`."
            )
        inputs = Inputs(panel, self._schema, HORIZON, device())
        mean = np.zeros((len(origins), panel.n_series, horizon), dtype=np.float32)
        quantiles = np.zeros((*mean.shape, len(QUANTILES)), dtype=np.float32)
        for at, (origin, wanted) in enumerate(zip(origins, on_offer(panel, origins), strict=True)):
            series = np.flatnonzero(wanted)
            column = np.full(len(series), panel.column_of(origin))
            means, bands, _ = answer(self._network, inputs, series, column)
            mean[at, series] = means[:, :horizon]
            quantiles[at, series] = bands[:, :horizon]
        reasons = np.full(mean.shape[:2], None, dtype=object)
        reasons[:, self.rows_of(panel) < 0] = NOT_TRAINED
        return mean, quantiles, reasons

    def _save(self, folder: Path) -> None:
        assert self._schema is not None
        shape = {"schema": self._schema.to_dict(), "unlearnable": self._unlearnable}
        (folder / "schema.json").write_text(json.dumps(shape))
        self._fallback.save(folder / "fallback")
        if self._network is not None:
            state = {name: value.cpu() for name, value in self._network.state_dict().items()}
            torch.save(state, folder / "weights.pt")

    def _load(self, folder: Path) -> None:
        shape = json.loads((folder / "schema.json").read_text())
        self._schema, self._unlearnable = Schema(**shape["schema"]), shape["unlearnable"]
        self._fallback.load(folder / "fallback")
        if self._unlearnable is None:
            self._network = Network(self._schema).to(device())
            self._network.load_state_dict(
                torch.load(folder / "weights.pt", weights_only=True, map_location=device())
            )


@contextmanager
def one_thread() -> Iterator[None]:
    """Run torch's kernels in one thread each.

    Sums then come out the same whatever the number of cores, and threads that wait for one another
    on busy cores, which slows an LSTM this small down tenfold, do not occur.
    """
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def train(
    network: Network, inputs: Inputs, rng: np.random.Generator, progress: Progress | None
) -> None:
    """Train in place, stopping early on the last 28 days, and keep the best epoch's weights.

    An epoch draws a bounded number of windows, so its time does not grow with the history.
    """
    batches = min(max(inputs.usable(HORIZON).size // BATCH, FEWEST_BATCHES), MOST_BATCHES)
    optimiser = torch.optim.Adam(network.parameters(), lr=LEARNING_RATE)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimiser, LEARNING_RATE, total_steps=EPOCHS * batches, pct_start=0.15
    )
    held_out = inputs.held_out(HORIZON)
    best, best_loss, stale = network.state_dict(), float("inf"), 0
    for epoch in range(EPOCHS):
        network.train()
        series, column = inputs.sample(rng, batches * BATCH, HORIZON)
        hidden = rng.random(len(series)) < FORGET_SERIES
        for at in range(0, len(series), BATCH):
            part = slice(at, at + BATCH)
            window = inputs.window(series[part], column[part], hide=hidden[part])
            optimiser.zero_grad(set_to_none=True)
            value = loss(network, inputs, window, series[part], column[part])
            value.backward()  # type: ignore[no-untyped-call]
            nn.utils.clip_grad_norm_(network.parameters(), 1.0)
            optimiser.step()
            schedule.step()
        network.eval()
        with torch.no_grad():
            score = float(loss(network, inputs, inputs.window(*held_out), *held_out))
        if progress:
            progress(epoch + 1, score)
        if score < best_loss:
            best_loss, stale = score, 0
            best = {name: tensor.clone() for name, tensor in network.state_dict().items()}
        else:
            stale += 1
            if stale == PATIENCE:
                break
    network.load_state_dict(best)


def loss(network: Network, inputs: Inputs, window: Window, series: Index, column: Index) -> Tensor:
    """Pinball loss of the quantiles plus Poisson deviance of the mean, over known days."""
    mean, quantiles = network(window)
    target = (inputs.targets(series, column) / window.scale).clamp(max=LARGEST)
    known = ~torch.isnan(target)
    target = torch.nan_to_num(target)
    levels = torch.tensor(QUANTILES, device=target.device)
    gap = target[..., None] - quantiles
    pinball = torch.maximum(levels * gap, (levels - 1) * gap).mean(dim=-1)
    deviance = mean - torch.xlogy(target, mean)
    # In units of Poisson noise, sqrt(scale), so that neither slow nor fast sellers decide alone;
    # bounded like the target, so that one absurd day does not either.
    weight = torch.sqrt(window.scale / inputs.schema.typical).clamp(max=10) * known
    total: Tensor = ((pinball + DEVIANCE_WEIGHT * deviance) * weight).sum()
    return total / known.sum().clamp(min=1)


def answer(
    network: Network, inputs: Inputs, series: Index, column: Index
) -> tuple[Floats, Floats, Floats]:
    """Mean (B, H) and quantiles (B, H, Q) in units per day, and the scale (B, 1).

    On a CPU in blocks of one shape, side by side: a sum in a matrix product can depend on the
    shape, and a forecast must not depend on how many series were asked for with it.
    """
    size = BLOCK if inputs.device.type == "cpu" else max(1, len(series))
    blocks = max(1, -(-len(series) // size))
    padded = np.resize(series, blocks * size) if len(series) else np.zeros(size, dtype=np.intp)
    columns = np.resize(column, blocks * size) if len(series) else np.zeros(size, dtype=np.intp)
    cores = torch.get_num_threads()

    @torch.no_grad()
    def block(at: int) -> tuple[Floats, ...]:
        window = inputs.window(padded[at : at + size], columns[at : at + size])
        mean, quantiles = network(window)
        units = mean * window.scale, quantiles * window.scale[..., None], window.scale
        return tuple(part.cpu().numpy() for part in units)

    network.eval()
    with one_thread(), ThreadPoolExecutor(cores) as pool:
        parts = list(pool.map(block, range(0, len(padded), size)))
    mean, quantiles, scale = (
        np.concatenate(part)[: len(series)] for part in zip(*parts, strict=True)
    )
    return mean, quantiles, scale
