"""From a model to the tables: `forecasts`, `lead_time_demand`, and `accuracy` once demand came."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from forecast_platform.contracts import QUANTILES, quantile_name
from forecast_platform.contracts.derived import ACCURACY, FORECASTS, LEAD_TIME_DEMAND
from forecast_platform.forecasting.champion import Champion
from forecast_platform.lake.schema import conform
from forecast_platform.models import Forecast, Forecaster
from forecast_platform.models.base import known_quantiles, on_offer, one_blas_thread
from forecast_platform.models.paths import days_of, path_levels, path_sums
from forecast_platform.panel import Panel

JUDGED_HORIZONS = (1, 7, 14, 28)
ROWS_AT_ONCE = 1_000_000
_NAMES = [quantile_name(level) for level in QUANTILES]

Tables = tuple[pl.DataFrame, pl.DataFrame]
Days = NDArray[np.integer[Any]]


@dataclass(frozen=True)
class Issuer:
    """Issues the forecasts of one trained model.

    Attributes:
        forecaster: The fitted or loaded model.
        champion: Its record: family, version, cutoff.
        horizon: Days ahead.
        n_paths: Sample paths behind the lead-time distribution.
        seed: Seed of the paths.
        revision: 0 as first issued, then the number of restatements.
    """

    forecaster: Forecaster
    champion: Champion
    horizon: int = 28
    n_paths: int = 200
    seed: int = 7
    revision: int = 0

    def issue(
        self,
        panel: Panel,
        origins: Sequence[dt.date],
        *,
        protection_days: Days,
        lead_time_days: Days,
    ) -> Iterator[Tables]:
        """Yield the rows of `forecasts` and of `lead_time_demand`, a few origins at a time.

        Series off the shelf for 35 days get no row. The rows of an origin do not depend on which
        other origins are asked for.

        Args:
            panel: Days up to at least the last origin.
            origins: Origins, each within the panel; issued oldest first.
            protection_days: (N,) lead time plus review period of each series, days, >= 1.
            lead_time_days: (N,) days from order to receipt, >= 0.
        """
        origins = sorted(origins)
        step = max(1, ROWS_AT_ONCE // max(1, panel.n_series * self.horizon))
        for at in range(0, len(origins), step):
            chunk = origins[at : at + step]
            forecast = self.forecaster.predict(panel, chunk, self.horizon)
            offered = on_offer(panel, chunk)
            with one_blas_thread():
                demand = self._lead_times(panel, forecast, offered, protection_days, lead_time_days)
            yield self._forecasts(panel, forecast, offered), demand

    def _forecasts(
        self, panel: Panel, forecast: Forecast, offered: NDArray[np.bool_]
    ) -> pl.DataFrame:
        at, series = np.nonzero(offered)
        repeat = np.repeat(np.arange(len(at)), self.horizon)
        ahead = np.tile(np.arange(1, self.horizon + 1), len(at))
        mean = forecast.mean[at, series].ravel()
        quantiles = forecast.quantiles[at, series].reshape(-1, len(QUANTILES))
        frame = _keys(panel, forecast, at, series).with_columns(
            fallback_reason=pl.Series(
                forecast.fallback_reason[at, series].tolist(), dtype=pl.String
            )
        )
        frame = frame[repeat].with_columns(
            horizon=pl.Series(ahead),
            mean=pl.Series(mean),
            model=pl.lit(self.champion.model),
            model_version=pl.lit(self.champion.version),
            training_cutoff=pl.lit(self.champion.cutoff),
            revision=pl.lit(self.revision),
            **{name: pl.Series(quantiles[:, q]) for q, name in enumerate(_NAMES)},
        )
        frame = frame.with_columns(date=pl.col("origin") + pl.duration(days=pl.col("horizon")))
        return conform(frame, FORECASTS)

    def _lead_times(
        self,
        panel: Panel,
        forecast: Forecast,
        offered: NDArray[np.bool_],
        protection_days: Days,
        lead_time_days: Days,
    ) -> pl.DataFrame:
        parts = []
        for at in range(len(forecast.origins)):
            series = np.flatnonzero(offered[at])
            days, lead = protection_days[series], lead_time_days[series]
            sums = self._path_sums(forecast, at, series, days)
            spread = known_quantiles(sums, QUANTILES)
            longest = max(days.max(initial=1), lead.max(initial=0))
            running = _running_sum(forecast.mean[at, series], int(longest))
            row = np.arange(len(series))
            parts.append(
                _keys(panel, forecast, np.full(len(series), at), series).with_columns(
                    protection_days=pl.Series(days),
                    lead_time_days=pl.Series(lead),
                    lead_time_mean=pl.Series(running[row, lead]),
                    mean=pl.Series(running[row, days]),
                    std=pl.Series(sums.std(axis=1)),
                    **{name: pl.Series(spread[:, q]) for q, name in enumerate(_NAMES)},
                )
            )
        return conform(pl.concat(parts), LEAD_TIME_DEMAND)

    def _path_sums(
        self, forecast: Forecast, at: int, series: NDArray[np.intp], days: Days
    ) -> NDArray[np.float64]:
        """(series, n_paths) demand over each series' protection period."""
        longest = int(days.max(initial=1))
        levels = path_levels(
            self.n_paths,
            longest,
            forecast.autocorrelation,
            seed=self.seed,
            origin=forecast.origins[at],
        )
        sums = np.zeros((len(series), self.n_paths))
        quantiles = forecast.quantiles[at, series]
        for period in np.unique(days):
            same = days == period
            sums[same] = path_sums(quantiles[same], forecast.levels, levels, int(period))
        return sums


def score_issued(clean_demand: pl.DataFrame, forecasts: pl.DataFrame) -> pl.DataFrame:
    """Rows of `accuracy`: issued forecasts against the demand that came.

    Args:
        clean_demand: Rows of the target days; days of unknown demand are not judged.
        forecasts: Rows of `forecasts` for those days, of any origin; only the horizons 1, 7, 14
            and 28 are judged.
    """
    actual = pl.col("actual")
    gaps = [actual - pl.col(name) for name in _NAMES]
    losses = [
        pl.max_horizontal(level * gap, (level - 1) * gap)
        for level, gap in zip(QUANTILES, gaps, strict=True)
    ]
    frame = (
        forecasts.filter(pl.col("horizon").is_in(JUDGED_HORIZONS))
        .join(
            clean_demand.select(
                "date", "item_id", "location_id", actual=pl.col("demand_units")
            ).drop_nulls("actual"),
            on=["date", "item_id", "location_id"],
        )
        .with_columns(
            error=pl.col("mean") - actual,
            pinball=pl.mean_horizontal(losses),
            inside_50=actual.is_between("q25", "q75"),
            inside_80=actual.is_between("q10", "q90"),
            inside_90=actual.is_between("q05", "q95"),
        )
    )
    return conform(frame, ACCURACY).sort(ACCURACY.key)


def _keys(
    panel: Panel, forecast: Forecast, at: NDArray[np.intp], series: NDArray[np.intp]
) -> pl.DataFrame:
    """Origin, item and location of each row; series of a panel are sorted already."""
    return pl.DataFrame(
        {
            "origin": pl.Series(forecast.origins, dtype=pl.Date).gather(at),
            "item_id": pl.Series(panel.items.tolist(), dtype=pl.String).gather(series),
            "location_id": pl.Series(panel.locations.tolist(), dtype=pl.String).gather(series),
        }
    )


def _running_sum(mean: NDArray[np.float32], days: int) -> NDArray[np.float64]:
    """(N, days + 1) sum of the first 0, 1, .., `days` days of (N, H), in 64 bit."""
    total = np.zeros((len(mean), days + 1))
    np.cumsum(mean[:, days_of(days, mean.shape[1])], axis=1, dtype=np.float64, out=total[:, 1:])
    return total
