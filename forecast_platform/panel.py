"""The wide panel: series x days arrays that features and models share.

Belongs here: the arrays, their axes, conversion from and to long frames. Does not belong here:
features (`features/`) and anything that learns (`models/`).
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np
import polars as pl
from numpy.typing import NDArray

from forecast_platform.errors import ContractError

FloatArray = NDArray[np.float32]
BoolArray = NDArray[np.bool_]


@dataclass(frozen=True)
class Outlook:
    """What was known at the close of each day of the H days after it.

    Attributes:
        values: (R, T, H) float32; NaN where nothing was known.
        row: (N,) row of each series.
    """

    values: FloatArray
    row: NDArray[np.intp]


@dataclass(frozen=True)
class Panel:
    """N series over T consecutive days.

    Attributes:
        items: (N,) item of each series; series are sorted by (item, location).
        locations: (N,) location of each series.
        first_day: Day of column 0.
        demand: (N, T) float32, units per day; NaN where demand is unknown or the item is not on
            offer.
        available: (N, T) bool, True where no sale means no demand.
        past: Covariates known up to their own day, each (N, T) float32.
        future: Covariates known in advance, each (N, T + H) or (T + H,) float32; H >= 0 days
            beyond the last day of demand.
        static: Attributes, each (N,) of strings.
        outlook: Covariates of days to come, as they were known at each origin: forecasts and plans,
            which later days change.
    """

    items: NDArray[np.object_]
    locations: NDArray[np.object_]
    first_day: dt.date
    demand: FloatArray
    available: BoolArray
    past: Mapping[str, FloatArray] = field(default_factory=dict)
    future: Mapping[str, FloatArray] = field(default_factory=dict)
    static: Mapping[str, NDArray[np.object_]] = field(default_factory=dict)
    outlook: Mapping[str, Outlook] = field(default_factory=dict)

    @property
    def keys(self) -> pl.DataFrame:
        """Item and location of each series, in order."""
        return pl.DataFrame(
            {"item_id": self.items.tolist(), "location_id": self.locations.tolist()},
            schema={"item_id": pl.String, "location_id": pl.String},
        )

    @property
    def n_series(self) -> int:
        """N."""
        return int(self.demand.shape[0])

    @property
    def n_days(self) -> int:
        """T."""
        return int(self.demand.shape[1])

    @property
    def last_day(self) -> dt.date:
        """Day of the last column of demand."""
        return self.first_day + dt.timedelta(days=self.n_days - 1)

    @property
    def days(self) -> NDArray[np.datetime64]:
        """(T,) the days."""
        return np.datetime64(self.first_day, "D") + np.arange(self.n_days)

    def column_of(self, day: dt.date) -> int:
        """Column of `day`.

        Raises:
            ContractError: If the panel does not hold that day.
        """
        column = (day - self.first_day).days
        if not 0 <= column < self.n_days:
            raise ContractError(
                f"The panel holds {self.first_day} to {self.last_day}, not {day}: "
                "read a longer span."
            )
        return column

    def until(self, day: dt.date) -> Panel:
        """The panel as it was known at the close of `day`: later demand is cut off.

        Covariates known in advance keep their days beyond `day`.
        """
        end = self.column_of(day) + 1
        return replace(
            self,
            demand=self.demand[:, :end],
            available=self.available[:, :end],
            past={name: values[:, :end] for name, values in self.past.items()},
            outlook={n: replace(o, values=o.values[:, :end]) for n, o in self.outlook.items()},
        )

    def last(self, days: int) -> Panel:
        """The last `days` days of the panel, or all of it where it is shorter."""
        start = max(0, self.n_days - days)
        return replace(
            self,
            first_day=self.first_day + dt.timedelta(days=start),
            demand=self.demand[:, start:],
            available=self.available[:, start:],
            past={name: values[:, start:] for name, values in self.past.items()},
            future={name: values[..., start:] for name, values in self.future.items()},
            outlook={n: replace(o, values=o.values[:, start:]) for n, o in self.outlook.items()},
        )

    def select(self, series: NDArray[np.intp] | BoolArray) -> Panel:
        """The panel of some series, by index or mask of length N."""
        return replace(
            self,
            items=self.items[series],
            locations=self.locations[series],
            demand=self.demand[series],
            available=self.available[series],
            past={name: values[series] for name, values in self.past.items()},
            future={
                name: values[series] if values.ndim == 2 else values
                for name, values in self.future.items()
            },
            static={name: values[series] for name, values in self.static.items()},
            outlook={n: replace(o, row=o.row[series]) for n, o in self.outlook.items()},
        )


@dataclass(frozen=True)
class Index:
    """Where each row of a long frame lies in the wide arrays.

    Attributes:
        keys: `item_id` and `location_id` of the N series, sorted.
        series: (rows,) position of each row's series in `keys`.
        day: (rows,) days from the first day to each row's day.
    """

    keys: pl.DataFrame
    series: NDArray[np.int64]
    day: NDArray[np.int64]


def index_rows(frame: pl.DataFrame, first: dt.date) -> Index:
    """Find the series and days of a long frame, whatever the order of its rows.

    Args:
        frame: Columns `item_id`, `location_id`, `date`.
        first: Day 0.
    """
    items = frame["item_id"].unique().sort()
    locations = frame["location_id"].unique().sort()
    # Codes in sorted order instead of a join on strings: three times faster.
    code = (
        frame["item_id"].cast(pl.Enum(items)).to_physical().cast(pl.Int64) * len(locations)
        + frame["location_id"].cast(pl.Enum(locations)).to_physical()
    )
    codes = code.unique().sort()
    present = codes.to_numpy()
    keys = pl.DataFrame(
        {
            "item_id": items.gather(present // max(len(locations), 1)),
            "location_id": locations.gather(present % max(len(locations), 1)),
        }
    )
    day = frame["date"].cast(pl.Int32).cast(pl.Int64) - (first - dt.date(1970, 1, 1)).days
    return Index(keys, np.searchsorted(present, code.to_numpy()), day.to_numpy())


def from_long(
    frame: pl.DataFrame,
    *,
    first: dt.date,
    last: dt.date,
    demand: str = "demand_winsorised",
    past: tuple[str, ...] = (),
    static: tuple[str, ...] = (),
) -> Panel:
    """Build a panel from a long frame with one row per item, location and day.

    Args:
        frame: Columns `item_id`, `location_id`, `date`, `is_available`, the demand column and the
            covariates named. Rows outside [first, last] are ignored; the order of rows is not
            significant.
        first: First day of the panel.
        last: Last day of the panel.
        demand: Column of demand in units per day.
        past: Numeric or boolean columns that become past covariates.
        static: Columns that are constant per series; the last day's value counts.

    Returns:
        The panel; days without a row are NaN and not available.
    """
    frame = frame.filter(pl.col("date").is_between(first, last))
    index = index_rows(frame, first)
    shape = (index.keys.height, (last - first).days + 1)
    at = index.series * shape[1] + index.day

    def wide(name: str) -> FloatArray:
        values = np.full(shape, np.nan, dtype=np.float32)
        values.reshape(-1)[at] = frame[name].cast(pl.Float32).to_numpy()
        return values

    available = np.zeros(shape, dtype=np.bool_)
    available.reshape(-1)[at] = frame["is_available"].to_numpy()
    latest = np.empty(shape[0], dtype=np.int64)
    order = np.argsort(index.day, kind="stable")
    latest[index.series[order]] = order
    return Panel(
        items=index.keys["item_id"].to_numpy().astype(object),
        locations=index.keys["location_id"].to_numpy().astype(object),
        first_day=first,
        demand=wide(demand),
        available=available,
        past={name: wide(name) for name in past},
        static={name: frame[name].gather(latest).to_numpy().astype(object) for name in static},
    )
