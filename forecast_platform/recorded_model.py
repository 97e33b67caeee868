"""A trained model away from its home folder: a long frame of sales in, forecasts out.

The model's folder holds what a forecast needs beside sales: attributes of items and locations, the
events known in advance and the length of the horizon. Given the rows of the feature table up to an
origin it says what the platform issues of that origin.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from forecast_platform.contracts import quantile_name
from forecast_platform.contracts import tables as contracts
from forecast_platform.errors import ContractError
from forecast_platform.features import PANEL_COLUMNS, PAST_COVARIATES, panel_from_features
from forecast_platform.features.signal_panel import with_signals
from forecast_platform.forecasting.calibrated import load_forecaster
from forecast_platform.graph import FORECAST_CONTEXT_DAYS
from forecast_platform.lake import polars_schema
from forecast_platform.models import Forecaster
from forecast_platform.models.base import on_offer
from forecast_platform.panel import Panel

SURROUNDINGS, _ABOUT = "surroundings", "about.json"
_TABLES = {
    "products": ("item_id", "category", "department"),
    "locations": ("location_id", "country", "region"),
    "calendar": ("date", "kind", "region"),
}
_KEYS = ("item_id", "location_id")


@dataclass(frozen=True)
class Surroundings:
    """What a forecast needs beside sales.

    Attributes:
        tables: `products`, `locations` and `calendar`, as `panel_from_features` takes them.
        horizon_days: Days ahead where none are asked for.
        country: Country of the holidays of locations that name none.
        signals: Optional tables whose signals the model knows; they count as unknown here.
    """

    tables: Mapping[str, pl.DataFrame]
    horizon_days: int
    country: str
    signals: tuple[str, ...] = ()

    def save(self, folder: Path) -> None:
        """Write them into the folder of a model; the same tables in any order give one file."""
        inside = folder / SURROUNDINGS
        inside.mkdir(parents=True, exist_ok=True)
        for name, columns in _TABLES.items():
            rows = self.tables[name].select(columns).unique().sort(columns)
            rows.write_parquet(inside / f"{name}.parquet")
        about: dict[str, Any] = {"horizon_days": self.horizon_days, "country": self.country}
        if self.signals:
            about["signals"] = self.signals
        (inside / _ABOUT).write_text(json.dumps(about))

    @classmethod
    def load(cls, folder: Path) -> Surroundings:
        """Read what `save` wrote."""
        inside = folder / SURROUNDINGS
        tables = {name: pl.read_parquet(inside / f"{name}.parquet") for name in _TABLES}
        return cls(tables, **json.loads((inside / _ABOUT).read_text()))


class RecordedModel:
    """A model and its surroundings, as recorded.

    Args:
        folder: The model's folder, or a copy of it.
    """

    def __init__(self, folder: Path) -> None:
        self.forecaster: Forecaster = load_forecaster(folder)
        self.surroundings = Surroundings.load(folder)

    def predict(self, sales: pl.DataFrame, horizon: int | None = None) -> pl.DataFrame:
        """Forecast from the last day of a long frame, every series on offer.

        Args:
            sales: One row per series and day: `item_id` and `location_id`, or `unique_id`, the two
                joined by a slash; `ds`; `y`, units per day, null where demand is unknown; and if
                known `is_available` (else true where `y` is known) and the past covariates of the
                feature table, which count as unknown where they are missing. At least the last
                183 days, in any order.
            horizon: Days ahead, by default those of the home folder.

        Returns:
            item_id, location_id, date, mean, quantiles (units per day), fallback_reason; sorted by
            item, location and date.

        Raises:
            ContractError: If a column is missing, or a series has two rows of a day.
        """
        features = as_features(sales)
        horizon = horizon or self.surroundings.horizon_days
        panel = self._panel(features, horizon)
        forecast = self.forecaster.predict(panel, [panel.last_day], horizon)
        days = [panel.last_day + dt.timedelta(days=ahead + 1) for ahead in range(horizon)]
        values = {"mean": forecast.mean[0]} | {
            quantile_name(level): forecast.quantiles[0, ..., at]
            for at, level in enumerate(forecast.levels)
        }
        series = np.repeat(np.arange(panel.n_series), horizon)
        return pl.DataFrame(
            {
                "item_id": pl.Series(panel.items[series].tolist(), dtype=pl.String),
                "location_id": pl.Series(panel.locations[series].tolist(), dtype=pl.String),
                "date": pl.Series(days * panel.n_series, dtype=pl.Date),
                **{name: of.ravel() for name, of in values.items()},
                "fallback_reason": pl.Series(
                    forecast.fallback_reason[0][series].tolist(), dtype=pl.String
                ),
            }
        )

    def _panel(self, features: pl.DataFrame, horizon: int) -> Panel:
        """The days before the last and the series on offer, as forecasts are issued from."""
        last = features["date"].max()
        assert isinstance(last, dt.date)
        first = last - dt.timedelta(days=FORECAST_CONTEXT_DAYS)
        panel = panel_from_features(
            features.filter(pl.col("date") >= first),
            first,
            last,
            horizon=horizon,
            country=self.surroundings.country,
            **self.surroundings.tables,
        )
        if signals := self.surroundings.signals:
            panel = with_signals(
                panel, horizon,
                features=polars_schema(contracts()["signal_features"]).to_frame(),
                products=self.surroundings.tables["products"],
                landed={
                    name: polars_schema(contracts()[f"validated_{name}"]).to_frame()
                    for name in signals
                },
            )  # fmt: skip
        return panel.select(on_offer(panel, [last])[0])


def as_features(sales: pl.DataFrame) -> pl.DataFrame:
    """A long frame as rows of the feature table: `PANEL_COLUMNS`.

    Raises:
        ContractError: If a column is missing, or a series has two rows of a day.
    """
    given = set(sales.columns)
    if not {"ds", "y"} <= given or not (set(_KEYS) <= given or "unique_id" in given):
        raise ContractError(
            "Sales to forecast from need the columns ds, y and either item_id and location_id or "
            f"unique_id (item/location), got {', '.join(sales.columns)}: rename or add them."
        )
    if not set(_KEYS) <= given:
        parts = pl.col("unique_id").cast(pl.String).str.extract_groups(r"^(.*)/([^/]*)$")
        keys = parts.struct.rename_fields(list(_KEYS)).struct.field(*_KEYS)
    else:
        keys = pl.col(_KEYS).cast(pl.String)
    known = pl.col("is_available").cast(pl.Boolean) if "is_available" in given else pl.lit(None)
    demand = pl.col("y").cast(pl.Float32).fill_nan(None)
    rows = sales.select(
        keys,
        date=pl.col("ds").cast(pl.Date),
        demand=demand,
        is_available=pl.coalesce(known, demand.is_not_null()),
        **{
            name: (pl.col(name) if name in given else pl.lit(None)).cast(pl.Float32)
            for name in PAST_COVARIATES
        },
    )
    lacking = rows.select(pl.col("date", *_KEYS).null_count()).sum_horizontal().item()
    if not rows.height or lacking or rows.select("date", *_KEYS).is_duplicated().any():
        raise ContractError(
            "Sales to forecast from need one row per item, location and day, each named: remove "
            "rows without them, and repeated ones."
        )
    return rows.select(PANEL_COLUMNS)
