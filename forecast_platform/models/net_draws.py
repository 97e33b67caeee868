"""Draws of a day's demand at given levels of its distribution, for many series at once.

At the same level the same distribution gives the same draw, whatever else is drawn beside it, so
that a series' sample paths do not depend on the other series. Imports numpy and torch alone.
"""

from __future__ import annotations

from collections.abc import Callable

import torch  # noqa: TID253 - loaded with the neural families alone
from torch import Tensor  # noqa: TID253

from forecast_platform.contracts import QUANTILES
from forecast_platform.models.paths import level_weights

COARSE = 64.0
"""Above this mean demand counts in units of mean / 64: finer steps cost time and change little."""

HIGHEST = 0.999
"""Levels are cut here: single precision has not the digits for more of the tail."""

_MOST = 1000


def negative_binomial(mean: Tensor, dispersion: Tensor, level: Tensor) -> Tensor:
    """Quantile function of a negative binomial with variance m + a m^2, made continuous.

    Each count k is spread over [k - 1/2, k + 1/2], zero stays zero and one fills [0, 3/2], as in
    `spread`. Masses follow P(k + 1) = P(k) (c + d k) / (k + 1) (Panjer 1981, class (a, b, 0)).
    Above the mean `COARSE` a distribution narrower than a Poisson of that mean is answered by
    Cornish and Fisher's (1938) expansion to the skewness.

    Args:
        mean: Positive, units per day.
        dispersion: a, positive, of the same shape.
        level: Between 0 and 1, broadcastable to it.
    """
    level = level.clamp(max=HIGHEST).expand_as(mean)
    unit = (mean / COARSE).clamp(min=1)
    count = mean / unit
    variance = (mean + dispersion * mean.square()) / unit.square()
    narrow = variance <= count
    excess = torch.where(narrow, count * 1e-3, variance - count)
    d = excess / (count + excess)
    c = count * (1 - d)
    upto = torch.exp(-count.square() / excess * torch.log1p(excess / count))
    mass, below = upto, torch.zeros_like(upto)
    reached = torch.zeros_like(upto)
    for k in range(_MOST):
        on = upto < level
        if not on.any():
            break
        mass = mass * (c + d * k) / (k + 1)
        reached = reached + on
        below, upto = torch.where(on, upto, below), torch.where(on, upto + mass, upto)
    share = ((level - below) / (upto - below).clamp(min=1e-9)).clamp(0, 1)
    counted = torch.where(reached == 1, 1.5 * share.sqrt(), reached - 0.5 + share)
    counted = torch.where(reached == 0, 0.0, counted) * unit
    smooth = _nearly_normal(mean, dispersion, level)
    drawn: Tensor = torch.where(narrow & (unit > 1), smooth, counted)
    return drawn


def _nearly_normal(mean: Tensor, dispersion: Tensor, level: Tensor) -> Tensor:
    score = torch.special.ndtri(level)
    variance = mean + dispersion * mean.square()
    deviation = variance.sqrt()
    skewness = (2 * variance - mean) / (mean * deviation)
    drawn: Tensor = mean + deviation * (score + skewness * (score.square() - 1) / 6)
    return drawn.clamp(min=0)


def between_quantiles(levels: Tensor) -> Callable[[Tensor, Tensor, int], Tensor]:
    """What draws a day (B, 1) from its quantiles (B, 1, Q) at levels (B, H), as `paths` does."""
    at = levels.clamp(max=HIGHEST).double().cpu().numpy()
    weights = torch.from_numpy(level_weights(QUANTILES, at)[..., 1:]).float().to(levels.device)

    def draw(mean: Tensor, quantiles: Tensor, day: int) -> Tensor:
        return (quantiles * weights[:, day, None]).sum(dim=-1).clamp(min=0)

    return draw
