"""What moves a network's forecasts: integrated gradients.

Sundararajan, Taly and Yan (2017), "Axiomatic Attribution for Deep Networks", equation 1: the
gradient along the straight line from a baseline to the window, times the way between them. What the
inputs are credited with adds up to the forecast less that of the baseline (their proposition 1), as
far as the sum over the line is exact. Imports numpy and torch alone.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch  # noqa: TID253 - loaded with the neural families alone
from numpy.typing import NDArray
from torch import Tensor  # noqa: TID253

from forecast_platform.models import drivers
from forecast_platform.models.drivers import Parts
from forecast_platform.models.net_data import Inputs, Schema, Window
from forecast_platform.models.net_training import one_thread
from forecast_platform.models.networks import Network

NODES = 32
"""Points on the line, of a Gauss-Legendre rule."""

BLOCK = 16
"""Series attributed at once."""

_STEADY = math.log1p(1)
"""Demand at its window's mean, as a window holds it."""

Index = NDArray[np.intp]


def attributed(
    networks: Sequence[Network], inputs: Inputs, series: Index, column: Index, horizon: int
) -> Parts:
    """Drivers of the mean over the horizon of windows (B,), averaged over the networks.

    The baseline is even demand at the series' own level, always available, without covariates out
    of the ordinary, on no day in particular, of an item like all: what the networks say of that is
    the driver "level".

    Args:
        networks: Networks that are averaged.
        inputs: The panel.
        series: Row of the panel.
        column: Column of the origin.
        horizon: Days ahead, at most those the networks answer.

    Returns:
        By driver (B,) units per day.
    """
    total: Parts = {}
    with one_thread(), torch.backends.cudnn.flags(enabled=False):
        for at in range(0, len(series), BLOCK):
            some = slice(at, at + BLOCK)
            window = inputs.window(series[some], column[some])
            for network in networks:
                network.eval()
                for driver, values in _along(network, inputs.schema, window, horizon).items():
                    held = total.setdefault(driver, np.zeros(len(series)))
                    held[some] += values / len(networks)
    return total


def _along(network: Network, schema: Schema, window: Window, horizon: int) -> Parts:
    """Drivers (B,) of one network."""
    identity = [part.detach() for part in network.identity(window.codes)]
    everyone = [
        torch.arange(1, size + 1, device=window.scale.device) for size in schema.vocabulary_sizes
    ]
    typical = [
        embedding(codes).mean(dim=0).detach().expand(len(window.scale), -1)
        for embedding, codes in zip(network.embeddings, everyone, strict=True)
    ]
    ends = [window.past, window.ahead, window.summary, *identity]
    starts = [*_baseline(schema, window), *typical]
    points, weights = np.polynomial.legendre.leggauss(NODES)
    at, weight = (
        torch.tensor(values / 2, dtype=torch.float32, device=window.scale.device)
        for values in (points + 1, weights)
    )
    # All points of the line side by side, as one batch.
    many = replace(window, scale=window.scale.repeat(NODES, 1))
    line = [
        (start + at.reshape(-1, *[1] * end.ndim) * (end - start)).flatten(0, 1).requires_grad_()
        for start, end in zip(starts, ends, strict=True)
    ]
    gradients = torch.autograd.grad(_mean(network, many, line, horizon).sum(), line)
    slopes = [
        torch.einsum("n,n...->...", weight, gradient.reshape(NODES, -1, *gradient.shape[1:]))
        for gradient in gradients
    ]
    with torch.no_grad():
        level = _mean(network, window, starts, horizon)
    credit = [slope * (end - start) for slope, start, end in zip(slopes, starts, ends, strict=True)]
    past, ahead, summary, *others = (part.sum(dim=1) if part.ndim == 3 else part for part in credit)
    shares = torch.cat([past, ahead, summary, *others, level[:, None]], dim=1)
    names = [*_names(schema), *[drivers.IDENTITY] * sum(o.shape[1] for o in others), drivers.LEVEL]
    return drivers.summed(names, shares.double().cpu().numpy())


def _mean(network: Network, window: Window, at: Sequence[Tensor], horizon: int) -> Tensor:
    """(B,) mean over the horizon, units per day, at a point of the line."""
    past, ahead, summary, *identity = at
    moved = replace(window, past=past, ahead=ahead, summary=summary)
    mean, _ = network(moved, identity)
    average: Tensor = (mean[:, :horizon] * window.scale).mean(dim=1)
    return average


def _baseline(schema: Schema, window: Window) -> tuple[Tensor, Tensor, Tensor]:
    """Past, ahead and summary of the baseline."""
    day = torch.tensor([1 / 7] * 7 + [0.0] * 4, device=window.scale.device)

    def usual(names: Sequence[str]) -> Tensor:
        share = [float(drivers.group_of(name) == drivers.AVAILABILITY) for name in names]
        return torch.tensor(share, device=window.scale.device)

    covariates = usual([*schema.past, *schema.future])
    steady = torch.tensor([_STEADY, 1.0, 1.0], device=window.scale.device)
    past = torch.cat([steady, covariates, day]).expand_as(window.past)
    ahead = torch.cat([steady[:2], usual([*schema.future, *schema.outlook]), day])
    ahead = ahead.expand_as(window.ahead).clone()
    ahead[..., 1] = window.ahead[..., 1]  # how far ahead the day lies is no matter of chance
    summary = torch.tensor([0.0, 1.0, _STEADY, _STEADY], device=window.scale.device)
    summary = summary.expand_as(window.summary).clone()
    summary[:, 0] = window.summary[:, 0]  # the level stays
    return past, ahead, summary


def _names(schema: Schema) -> list[str]:
    """The driver of each column of past, ahead and summary."""
    day = [drivers.WEEKDAY] * 7 + [drivers.CALENDAR] * 4
    past = [drivers.group_of(name) for name in schema.past]
    future = [drivers.group_of(name) for name in schema.future]
    outlook = [drivers.group_of(name) for name in schema.outlook]
    return [
        drivers.RECENT, drivers.AVAILABILITY, drivers.AVAILABILITY, *past, *future, *day,
        drivers.WEEKDAY, drivers.CALENDAR, *future, *outlook, *day,
        drivers.LEVEL, drivers.AVAILABILITY, drivers.RECENT, drivers.RECENT,
    ]  # fmt: skip
