"""Forecasts of past origins kept as files, for calibration and for stacking."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from forecast_platform.errors import ModelError
from forecast_platform.models import Forecast


def keep_forecast(folder: Path, forecast: Forecast) -> Path:
    """Write the forecast of one origin as `folder/origin.npz`."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{forecast.origins[0]}.npz"
    reasons = ["" if reason is None else reason for reason in forecast.fallback_reason[0]]
    np.savez(
        path,
        mean=forecast.mean,
        quantiles=forecast.quantiles,
        fallback_reason=np.array(reasons, dtype=str),
        autocorrelation=np.array(forecast.autocorrelation),
        levels=np.array(forecast.levels),
    )
    return path


def kept_origins(folder: Path) -> list[dt.date]:
    """Origins kept in `folder`, oldest first."""
    return sorted(dt.date.fromisoformat(path.stem) for path in folder.glob("*.npz"))


def kept_forecasts(folder: Path, origins: Sequence[dt.date] | None = None) -> Iterator[Forecast]:
    """Forecasts kept in `folder`, one origin at a time, oldest first; all origins if None.

    Raises:
        ModelError: If an origin was not kept.
    """
    for origin in kept_origins(folder) if origins is None else sorted(origins):
        path = folder / f"{origin}.npz"
        if not path.exists():
            raise ModelError(
                f"{folder} keeps no forecast of {origin}: run the backtest of that origin again "
                "and keep its forecasts."
            )
        with np.load(path) as arrays:
            reasons = arrays["fallback_reason"].astype(object)
            reasons[reasons == ""] = None
            yield Forecast(
                origins=(origin,),
                mean=arrays["mean"],
                quantiles=arrays["quantiles"],
                fallback_reason=reasons[None],
                autocorrelation=float(arrays["autocorrelation"]),
                levels=tuple(arrays["levels"].tolist()),
            )
