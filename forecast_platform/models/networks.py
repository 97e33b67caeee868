"""The networks behind the neural families: an encoder of the past, and a decoder of the days ahead.

Hochreiter and Schmidhuber (1997) for the LSTM cell, Cho et al. (2014) for the GRU, Elman (1990) for
the plain recurrent one. The direct decoder answers all days of the horizon at once, after Wen et
al. (2017), "A Multi-Horizon Quantile Recurrent Forecaster". The other goes from day to day and is
fed what it drew for the day before, in training as in use: "scheduled sampling" (Bengio et al.
2015) that samples always. Imports numpy and torch alone.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import torch  # noqa: TID253 - loaded with the neural families alone
from torch import Tensor, nn  # noqa: TID253

from forecast_platform.contracts import QUANTILES
from forecast_platform.errors import ModelError
from forecast_platform.models.net_data import CONTEXT, LARGEST, Inputs, Schema, Window
from forecast_platform.models.net_draws import between_quantiles, negative_binomial

Cell = Literal["lstm", "gru", "rnn", "dnn"]
Head = Literal["quantiles", "negative_binomial", "tweedie"]
Decoder = Literal["direct", "own_samples"]
State = Tensor | tuple[Tensor, ...]

TWEEDIE_POWER = 1.2
DEVIANCE_WEIGHT = 0.5
ZERO_BAND = 0.3
SMALLEST = 1e-4


@dataclass(frozen=True)
class Architecture:
    """What a network is made of.

    Attributes:
        cell: How the past is read: a recurrent cell, or "dnn", dense layers over all its days.
        head: What is learnt of each day ahead: mean and dispersion of a "negative_binomial" by
            likelihood; "quantiles" beside the mean by pinball loss and Poisson deviance; or the
            mean alone by "tweedie" deviance.
        hidden: Width of every layer.
        layers: Recurrent layers.
        dropout: Share of hidden values dropped in training.
        decoder: "direct", all days ahead at once; or "own_samples", day by day, each fed with what
            was drawn for the day before (of the head "tweedie": with its mean).

    Raises:
        ModelError: If a network without a state is to go from day to day.
    """

    cell: Cell = "lstm"
    head: Head = "negative_binomial"
    hidden: int = 64
    layers: int = 1
    dropout: float = 0.1
    decoder: Decoder = "direct"

    def __post_init__(self) -> None:
        if self.cell == "dnn" and self.decoder == "own_samples":
            raise ModelError(
                "Dense layers hold no state that could go from day to day: take the decoder "
                "'direct', or one of the cells lstm, gru and rnn."
            )

    @property
    def outputs(self) -> int:
        """Values per day ahead."""
        return {"quantiles": 1 + len(QUANTILES), "negative_binomial": 2, "tweedie": 1}[self.head]


class Network(nn.Module):
    """Encoder, then one small network shared by all days of the horizon."""

    def __init__(self, schema: Schema, architecture: Architecture) -> None:
        super().__init__()
        self.architecture = architecture
        hidden = architecture.hidden
        widths = [min(16, 2 + size // 8) for size in schema.vocabulary_sizes]
        self.embeddings = nn.ModuleList(
            nn.Embedding(size + 1, width)
            for size, width in zip(schema.vocabulary_sizes, widths, strict=True)
        )
        self.encoder = _encoder(schema.past_width, architecture)
        self.dropout = nn.Dropout(architecture.dropout)
        self.shared = nn.Linear(hidden + sum(widths) + schema.summary_width, hidden)
        self.daily = nn.Linear(schema.ahead_width, hidden)
        self.inner = nn.Linear(hidden, hidden)
        self.head = nn.Linear(hidden, architecture.outputs)
        self.decoder = (
            _recurrent(schema.ahead_width + 1, architecture)
            if architecture.decoder == "own_samples"
            else None
        )

    def identity(self, codes: Tensor) -> list[Tensor]:
        """By attribute the embedding (B, width) of codes (B, C)."""
        return [e(code) for e, code in zip(self.embeddings, codes.T, strict=True)]

    def forward(
        self, window: Window, identity: Sequence[Tensor] | None = None
    ) -> tuple[Tensor, Tensor]:
        """Mean (B, H) in units of the window's scale, and what else the head says of each day.

        That is quantiles (B, H, Q) in the same units, the dispersion (B, H, 1) of the negative
        binomial, or nothing (B, H, 0). Embeddings given stand in for those of the window's codes.
        A decoder that goes from day to day is fed its own samples in training, else its own means.
        """
        last, state, constant = self.encoded(window, identity)
        if self.decoder is None:
            return self._days(last[:, None], constant, window.ahead)
        if not self.training:
            mean, others, _ = self.unrolled(window, state, constant)
            return mean, others
        # No gradient goes through a draw. So days are drawn first, one by one, and all of them are
        # then learnt from in one pass of the fused kernel: the gradient is that of the loop.
        with torch.no_grad(), torch.autocast(window.past.device.type, enabled=False):
            levels = torch.rand(window.ahead.shape[:2]).to(window.past.device)
            *_, drawn = self.unrolled(window, _floats(state), constant.float(), levels)
        fed = torch.cat([window.past[:, -1:, 0], torch.log1p(drawn[:, :-1])], dim=1)
        steps, _ = self.decoder(torch.cat([window.ahead, fed[..., None]], dim=2), state)
        return self._days(self.dropout(steps), constant, window.ahead)

    def encoded(
        self, window: Window, identity: Sequence[Tensor] | None = None
    ) -> tuple[Tensor, State, Tensor]:
        """The past (B, hidden), the encoder's state, and what holds on all days (B, C)."""
        identity = self.identity(window.codes) if identity is None else identity
        constant = torch.cat([*identity, window.summary], dim=1)
        if self.architecture.cell == "dnn":
            return self.encoder(window.past.flatten(1)), (), constant
        steps, state = self.encoder(window.past)
        return self.dropout(steps[:, -1]), state, constant

    def unrolled(
        self, window: Window, state: State, constant: Tensor, levels: Tensor | None = None
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Go from day to day: mean, what else the head says, and draws (B, H) they rest on.

        Args:
            window: Days ahead, last day known, and scale.
            state: Of the encoder after the last day known.
            constant: (B, C) what holds on all days.
            levels: (B, H) uniform levels that the days are drawn at; their means if None.
        """
        assert self.decoder is not None
        draw = self._draws(window.scale, levels)
        previous, days = window.past[:, -1:, :1], []
        for day in range(window.ahead.shape[1]):
            today = window.ahead[:, day : day + 1]
            step, state = self.decoder(torch.cat([today, previous], dim=2), state)
            mean, others = self._days(self.dropout(step), constant, today)
            drawn = draw(mean, others, day).clamp(max=LARGEST)
            previous = torch.log1p(drawn)[..., None]
            days.append((mean, others, drawn))
        mean, others, drawn = (torch.cat(part, dim=1) for part in zip(*days, strict=True))
        return mean, others, drawn

    def _draws(
        self, scale: Tensor, levels: Tensor | None
    ) -> Callable[[Tensor, Tensor, int], Tensor]:
        """What draws a day (B, 1), in units of scale, given its mean, other values and number."""
        if levels is None or self.architecture.head == "tweedie":
            return lambda mean, others, day: mean
        if self.architecture.head == "quantiles":
            return between_quantiles(levels)
        return lambda mean, others, day: (
            negative_binomial(mean * scale, others[..., 0], levels[:, day, None]) / scale
        )

    def _days(self, past: Tensor, constant: Tensor, ahead: Tensor) -> tuple[Tensor, Tensor]:
        """What `forward` says of days (B, D, A), given the past (B, 1 or D, hidden)."""
        every = constant[:, None].expand(-1, past.shape[1], -1)
        shared = self.shared(torch.cat([past, every], dim=2))
        hidden = self.dropout(torch.relu(shared + self.daily(ahead)))
        # Single precision from here: log-gamma of a large shape needs its digits.
        steps = nn.functional.softplus(self.head(torch.relu(self.inner(hidden))).float())
        # In units of the same weekday's mean, drawn to the window's: a few steps of training on a
        # small shop then give the right level.
        level = (torch.expm1(ahead[..., :1]) * 8 + 6) / 14
        mean, others = steps[..., 0] * level[..., 0] + SMALLEST, steps[..., 1:]
        if self.architecture.head != "quantiles":
            return mean, others + SMALLEST
        quantiles = (others * level).cumsum(dim=-1) - ZERO_BAND
        # Below zero the slope is small, not none: there the quantile of a slow seller settles, and
        # is cut to exactly no demand, but training can still bring it back.
        return mean, nn.functional.leaky_relu(quantiles, 0.05)

    def loss(self, inputs: Inputs, window: Window, target: Tensor) -> Tensor:
        """Mean loss per known day of `target` (B, H), units per day; NaN counts nowhere."""
        mean, others = self(window)
        actual = (target / window.scale).clamp(max=LARGEST)
        known = ~torch.isnan(actual)
        actual = torch.nan_to_num(actual)
        # In units of Poisson noise, sqrt(scale), so that neither slow nor fast sellers decide
        # alone; bounded like the target, so that one absurd day does not either.
        weight = torch.sqrt(window.scale / inputs.schema.typical).clamp(max=10)
        if self.architecture.head == "negative_binomial":
            value = _likelihood(actual * window.scale, mean * window.scale, others[..., 0])
            weight = torch.ones_like(weight)  # a likelihood weighs by itself
        elif self.architecture.head == "tweedie":
            value = _tweedie(actual, mean)
        else:
            value = _pinball(actual, others) + DEVIANCE_WEIGHT * (mean - torch.xlogy(actual, mean))
        total: Tensor = (value * weight * known).sum() / known.sum().clamp(min=1)
        return total


def _encoder(width: int, architecture: Architecture) -> nn.Module:
    hidden, dropout = architecture.hidden, architecture.dropout
    if architecture.cell == "dnn":
        return nn.Sequential(
            nn.Linear(CONTEXT * width, 2 * hidden), nn.ReLU(), nn.Dropout(dropout),
            nn.Linear(2 * hidden, hidden), nn.ReLU(), nn.Dropout(dropout),
        )  # fmt: skip
    return _recurrent(width, architecture)


def _recurrent(width: int, architecture: Architecture) -> nn.Module:
    cells = {"lstm": nn.LSTM, "gru": nn.GRU, "rnn": nn.RNN}
    between = architecture.dropout if architecture.layers > 1 else 0.0
    layers, hidden = architecture.layers, architecture.hidden
    cell: nn.Module = cells[architecture.cell](
        width, hidden, num_layers=layers, dropout=between, batch_first=True
    )
    return cell


def _floats(state: State) -> State:
    if isinstance(state, Tensor):
        return state.float()
    return tuple(part.float() for part in state)


def _pinball(actual: Tensor, quantiles: Tensor) -> Tensor:
    """(B, H) pinball loss, mean over levels (Koenker and Bassett 1978)."""
    levels = torch.tensor(QUANTILES, device=actual.device)
    gap = actual[..., None] - quantiles
    return torch.maximum(levels * gap, (levels - 1) * gap).mean(dim=-1)


def _tweedie(actual: Tensor, mean: Tensor) -> Tensor:
    """(B, H) half the Tweedie deviance, without the part that `mean` does not change.

    Jorgensen (1987), "Exponential dispersion models", for powers between 1 and 2.
    """
    p = TWEEDIE_POWER
    return mean.pow(2 - p) / (2 - p) - actual * mean.pow(1 - p) / (1 - p)


def _likelihood(actual: Tensor, mean: Tensor, dispersion: Tensor) -> Tensor:
    """(B, H) negative log-likelihood of a negative binomial with variance m + a m^2.

    Salinas et al. (2020), "DeepAR", equation in section 3.1, a = dispersion.
    """
    shape = 1 / dispersion
    return -(
        torch.lgamma(actual + shape) - torch.lgamma(actual + 1) - torch.lgamma(shape)
        - shape * torch.log1p(dispersion * mean)
        + actual * (torch.log(dispersion * mean) - torch.log1p(dispersion * mean))
    )  # fmt: skip
