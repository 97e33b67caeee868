"""The networks behind the neural families: an encoder of the past, one decoder for all days ahead.

Hochreiter and Schmidhuber (1997) for the LSTM cell, Cho et al. (2014) for the GRU, Elman (1990) for
the plain recurrent one. The decoder answers all days of the horizon directly, after Wen et al.
(2017), "A Multi-Horizon Quantile Recurrent Forecaster". Imports torch alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import torch  # noqa: TID253 - loaded with the neural families alone
from torch import Tensor, nn  # noqa: TID253

from forecast_platform.contracts import QUANTILES
from forecast_platform.models.net_data import CONTEXT, LARGEST, Inputs, Schema, Window

Cell = Literal["lstm", "gru", "rnn", "dnn"]
Head = Literal["quantiles", "negative_binomial", "tweedie"]

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
    """

    cell: Cell = "lstm"
    head: Head = "negative_binomial"
    hidden: int = 64
    layers: int = 1
    dropout: float = 0.1

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

    def identity(self, codes: Tensor) -> list[Tensor]:
        """By attribute the embedding (B, width) of codes (B, C)."""
        return [e(code) for e, code in zip(self.embeddings, codes.T, strict=True)]

    def forward(
        self, window: Window, identity: Sequence[Tensor] | None = None
    ) -> tuple[Tensor, Tensor]:
        """Mean (B, H) in units of the window's scale, and what else the head says of each day.

        That is quantiles (B, H, Q) in the same units, the dispersion (B, H, 1) of the negative
        binomial, or nothing (B, H, 0). Embeddings given stand in for those of the window's codes.
        """
        identity = self.identity(window.codes) if identity is None else identity
        shared = self.shared(torch.cat([self._encoded(window), *identity, window.summary], dim=1))
        hidden = self.dropout(torch.relu(shared[:, None] + self.daily(window.ahead)))
        steps = nn.functional.softplus(self.head(torch.relu(self.inner(hidden))))
        # In units of the same weekday's mean, drawn to the window's: a few steps of training on a
        # small shop then give the right level.
        level = (torch.expm1(window.ahead[..., :1]) * 8 + 6) / 14
        mean, others = steps[..., 0] * level[..., 0] + SMALLEST, steps[..., 1:]
        if self.architecture.head != "quantiles":
            return mean, others + SMALLEST
        quantiles = (others * level).cumsum(dim=-1) - ZERO_BAND
        # Below zero the slope is small, not none: there the quantile of a slow seller settles, and
        # is cut to exactly no demand, but training can still bring it back.
        return mean, nn.functional.leaky_relu(quantiles, 0.05)

    def _encoded(self, window: Window) -> Tensor:
        """(B, hidden) the past."""
        if self.architecture.cell == "dnn":
            encoded: Tensor = self.encoder(window.past.flatten(1))
            return encoded
        steps, _ = self.encoder(window.past)
        last: Tensor = self.dropout(steps[:, -1])
        return last

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
    cells = {"lstm": nn.LSTM, "gru": nn.GRU, "rnn": nn.RNN}
    between = dropout if architecture.layers > 1 else 0.0
    cell: nn.Module = cells[architecture.cell](
        width, hidden, num_layers=architecture.layers, dropout=between, batch_first=True
    )
    return cell


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
