"""Kalman filter of many series day by day (states and reductions in `sarima.kalman`)."""

from __future__ import annotations

import torch
from torch import Tensor


def filtered(
    columns: Tensor, seen: Tensor, a: Tensor, b: Tensor, covariance: Tensor
) -> tuple[Tensor, Tensor]:
    """Predict every day from the days before it.

    Args:
        columns: (M, c, n) series, each reduced by its continuation.
        seen: (M, n) whether the day is known.
        a: (M, r) autoregressive lags including differencing.
        b: (M, r) moving-average lags.
        covariance: (M, r, r) of the first state, in units of sigma^2.

    Returns:
        Predictions (M, c, n) and their variances (M, n) in units of sigma^2.
    """
    means = columns.new_zeros(*columns.shape[:2], a.shape[1])
    noise = b[:, :, None] * b[:, None, :]
    both = (a + b)[:, :, None] * (a + b)[:, None, :]
    predicted, variances = [], []
    for t in range(columns.shape[2]):
        known = seen[:, t, None, None]
        variance = covariance[:, 0, 0] + 1
        predicted.append(means[..., 0])
        variances.append(variance)
        first = _shifted(covariance[:, 0])
        value = torch.where(known[..., 0], columns[..., t], means[..., 0])
        gain = (first + b) / variance[:, None]
        error = (value - means[..., 0])[..., None]
        means = _shifted(means) + a[:, None] * value[..., None] + gain[:, None] * error
        moved = torch.nn.functional.pad(covariance[:, 1:, 1:], (0, 1, 0, 1))
        updated = noise - gain[:, :, None] * gain[:, None, :] * variance[:, None, None]
        crossed = a[:, :, None] * first[:, None, :]
        open_ended = crossed + crossed.transpose(1, 2) + both
        open_ended += a[:, :, None] * a[:, None, :] * (variance - 1)[:, None, None]
        covariance = moved + torch.where(known, updated, open_ended)
    return torch.stack(predicted, 2), torch.stack(variances, 1)


def _shifted(rows: Tensor) -> Tensor:
    """(..., r) without the first component, 0 at the end."""
    return torch.nn.functional.pad(rows[..., 1:], (0, 1))
