"""What regressions and trees see: one row of numbers per series, origin and day ahead.

Demand counts in units of the series' own level at the origin, so that one model serves slow and
fast sellers. All of it comes from `features/`: as of the origin, and as of the newest day at the
origin that shares the target's weekday.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from forecast_platform.errors import ModelError
from forecast_platform.features.demand import DEMAND_FEATURES
from forecast_platform.features.wide import demand_features
from forecast_platform.models.base import Floats, known_mean

if TYPE_CHECKING:
    from forecast_platform.panel import Outlook, Panel

HORIZON = 28
CONTEXT = 182
LARGEST = 20.0
"""Demand learnt from counts up to so many times its series' level, or a typical series'."""

FIRST_CONTEXT = 14
"""Days of history before the earliest origin learnt from."""

_PRIOR_DAYS = 0.1
_BLOCK_CELLS = 200_000
"""Series times days whose features are held at once."""

_MOST_DRAWS = 8

_BY_NAME = {feature.name: feature for feature in DEMAND_FEATURES}
_MEAN_28 = [_BY_NAME["demand_mean_28"]]
_LEVEL = ("demand_mean_28", "demand_mean_56", "known_share_28")
_NOT_DEMAND = ("known_share_28", "zero_share_28", "days_since_sale")
"""Features that are no amounts, so do not count in units of the level."""

_PRIOR_LEVEL = "category_mean_7"
"""Past covariate that is the level of a series without history, where the panel has it."""

Index = NDArray[np.intp]


@dataclass(frozen=True)
class Recipe:
    """Which features of demand a model sees.

    Attributes:
        origin: As of the origin.
        weekday: As of the newest day, up to the origin, with the target's weekday.
    """

    origin: tuple[str, ...]
    weekday: tuple[str, ...]


DIRECT = Recipe(
    ("demand_lag_0", "demand_lag_1", "demand_mean_7", "demand_mean_14", "demand_mean_28",
     "demand_mean_56", "demand_mean_91", "demand_mean_182", "demand_std_28", "zero_share_28",
     "days_since_sale", "known_share_28"),
    ("demand_lag_0", "demand_lag_7", "weekday_mean_4", "weekday_mean_8"),
)  # fmt: skip
ONE_DAY = Recipe(
    ("demand_mean_7", "demand_mean_14", "demand_mean_28", "demand_mean_56", "demand_mean_91",
     "demand_mean_182"),
    ("weekday_mean_4", "weekday_mean_8"),
)  # fmt: skip
"""Means only. Of those, forecast means can stand in for days to come; single days, zeros and spread
look another way in forecasts than in sales, and a model that was rolled forward on them drifted."""


@dataclass(frozen=True)
class Schema:
    """What was learnt about the columns.

    Attributes:
        past: Names of past covariates.
        future: Names of covariates known in advance.
        relative: Past covariates outside [0, 1], which count over their mean of 28 days.
        vocabulary: Code of each known value of each attribute; unknown is -1.
        typical: Median over series of mean demand, units per day.
        outlook: Names of covariates of days to come as they were known at the origin.
    """

    past: list[str]
    future: list[str]
    relative: list[str]
    vocabulary: dict[str, dict[str, int]]
    typical: float
    outlook: list[str] = field(default_factory=list)

    @classmethod
    def of(cls, panel: Panel) -> Schema:
        """Read the schema off a training panel; attributes with one value say nothing."""
        columns = {"location_id": panel.locations, **panel.static}
        columns.pop("item_id", None)
        known = {name: sorted({str(value) for value in of}) for name, of in columns.items()}
        vocabulary = {
            name: {value: code for code, value in enumerate(values)}
            for name, values in known.items()
            if len(values) > 1
        }
        relative = [
            name
            for name, values in panel.past.items()
            if np.nanmin(values, initial=0) < 0 or np.nanmax(values, initial=0) > 1
        ]
        means = known_mean(panel.demand)
        typical = float(np.median(means[means > 0])) if (means > 0).any() else 1.0
        return cls(
            sorted(panel.past), sorted(panel.future), sorted(relative), vocabulary, typical,
            sorted(panel.outlook),
        )  # fmt: skip

    def to_dict(self) -> dict[str, Any]:
        """As JSON takes it; without an outlook as ever."""
        return {name: held for name, held in asdict(self).items() if held or name != "outlook"}


@dataclass(frozen=True)
class Rows:
    """B rows.

    Attributes:
        values: (B, F) float32, NaN where unknown.
        level: (B,) float64, units per day, above zero: what demand counts in.
    """

    values: NDArray[np.float32]
    level: NDArray[np.float64]


class Inputs:
    """A panel as rows for a model."""

    def __init__(self, panel: Panel, schema: Schema, recipe: Recipe = DIRECT) -> None:
        there = {*panel.past, *panel.future, *panel.outlook}
        missing = sorted({*schema.past, *schema.future, *schema.outlook} - there)
        if missing:
            raise ModelError(
                f"The model was trained with the covariates {missing}, which the panel lacks (it "
                f"has {sorted(there)}): add them, or train again without."
            )
        self.panel, self.schema, self.recipe = panel, schema, recipe
        self._features = list(dict.fromkeys((*recipe.origin, *recipe.weekday, *_LEVEL)))
        columns = {"location_id": panel.locations, **panel.static}
        codes = [
            [known.get(str(value), -1) for value in columns.get(name, panel.locations)]
            for name, known in schema.vocabulary.items()
        ]
        self.codes = np.array(codes, dtype=np.float32).reshape(len(codes), panel.n_series).T

    @property
    def names(self) -> list[str]:
        """The F columns of a row."""
        return [
            *self.recipe.origin,
            *(f"{name}_of_weekday" for name in self.recipe.weekday),
            "level", "days_ahead", "weekday", "day_in_month",
            *self.schema.past, *self.schema.future, *self.schema.outlook, *self.schema.vocabulary,
        ]  # fmt: skip

    @property
    def categorical(self) -> list[int]:
        """Columns that hold codes."""
        count = len(self.schema.vocabulary)
        return list(range(len(self.names) - count, len(self.names)))

    def rows(
        self,
        series: Index,
        column: Index,
        ahead: Index,
        demand: NDArray[np.float32] | None = None,
        rolled: int = 0,
    ) -> Rows:
        """Rows of each series, origin column and days ahead (B,).

        Args:
            series: Row in the panel.
            column: Column of the origin.
            ahead: Days from the origin to the target, 1 and more.
            demand: (N, T + ...) array that stands in for the panel's demand.
            rolled: Columns by which the origin lies after the last that past covariates show.
        """
        first, last = int(column.min()), int(column.max())
        demand = self.panel.demand if demand is None else demand
        found = demand_features(demand, first - 6, last, [_BY_NAME[n] for n in self._features])
        at = dict(zip(self._features, found, strict=True))
        day = column - first + 6
        weekday = day - (-ahead) % 7
        past, prior = self._past(series, column - rolled)
        level = self._level({name: at[name][series, day] for name in _LEVEL}, prior)
        columns = [
            *(_in_levels(name, at[name][series, day], level) for name in self.recipe.origin),
            *(_in_levels(name, at[name][series, weekday], level) for name in self.recipe.weekday),
            np.log(level / self.schema.typical),
            ahead,
            *self._calendar(column + ahead),
            *past,
            *(_at(self.panel.future[n], series, column + ahead) for n in self.schema.future),
            *(
                _known_at(self.panel.outlook[n], series, column - rolled, ahead + rolled)
                for n in self.schema.outlook
            ),
            *self.codes[series].T,
        ]
        return Rows(np.stack(columns, axis=1).astype(np.float32), level)

    def targets(self, series: Index, column: Index) -> NDArray[np.float64]:
        """(B,) demand to learn, units per day; NaN where unknown or after the last day."""
        inside = column < self.panel.n_days
        known = self.panel.demand[series, np.minimum(column, self.panel.n_days - 1)]
        return np.where(inside, known, np.nan).astype(np.float64)

    def sample(
        self, rng: np.random.Generator, most: int, days: int, horizon: int
    ) -> Iterator[tuple[Rows, NDArray[np.float64]]]:
        """Draw at most about `most` rows, and their demand, from origins of the last `days` days.

        Rows come in blocks of series.
        """
        panel = self.panel
        first = max(FIRST_CONTEXT - 1, panel.n_days - days)
        origins = max(panel.n_days - 1 - first, 0)
        cells = max(origins * panel.n_series, 1)
        draws = int(np.clip(np.ceil(most / cells), 1, min(_MOST_DRAWS, horizon)))
        keep = most / (cells * draws)
        block = max(_BLOCK_CELLS // panel.n_days, 8)
        for begin in range(0, panel.n_series, block):
            series = np.arange(begin, min(begin + block, panel.n_series))
            part = Inputs(panel.select(series), self.schema, self.recipe)
            shape = (len(series), origins, draws)
            ahead = rng.integers(1, horizon + 1, shape)
            row, day, draw = np.nonzero(rng.random(shape) < keep)
            column, ahead = first + day, ahead[row, day, draw]
            demand = part.targets(row, column + ahead)
            known = np.flatnonzero(~np.isnan(demand))
            if not len(known):
                continue
            rows = part.rows(row[known], column[known], ahead[known])
            most_units = LARGEST * np.maximum(rows.level, self.schema.typical)
            yield rows, np.clip(demand[known], 0, most_units)

    def _past(
        self, series: Index, column: Index
    ) -> tuple[list[Floats], NDArray[np.float64] | None]:
        """Past covariates on the day `column` (B,), and the level that one of them suggests."""
        values: list[Floats] = []
        prior = None
        for name in self.schema.past:
            today = self.panel.past[name][series, column]
            if name == _PRIOR_LEVEL:
                prior = today.astype(np.float64)
            if name in self.schema.relative:
                first, last = int(column.min()), int(column.max())
                mean = demand_features(self.panel.past[name], first, last, _MEAN_28)[0]
                with np.errstate(divide="ignore", invalid="ignore"):
                    today = today / mean[series, column - first]
            values.append(np.where(np.isfinite(today), today, np.nan))
        return values, prior

    def _level(
        self, means: dict[str, Floats], prior: NDArray[np.float64] | None
    ) -> NDArray[np.float64]:
        """(B,) mean of 28 days, drawn to that of 56 by a week and a little to the prior."""
        typical = self.schema.typical
        prior = np.full(len(means["demand_mean_28"]), typical) if prior is None else prior
        prior = np.where(prior > 0, prior, typical)
        days = 28 * means["known_share_28"].astype(np.float64)
        week = np.where(np.isnan(means["demand_mean_56"]), 0.0, 7.0)
        total = (
            days * np.nan_to_num(means["demand_mean_28"])
            + week * np.nan_to_num(means["demand_mean_56"])
            + _PRIOR_DAYS * prior
        )
        return np.asarray(total / (days + week + _PRIOR_DAYS))

    def _calendar(self, column: Index) -> tuple[Floats, Floats]:
        """Weekday, Monday 0, and day of the month of a column."""
        days = np.datetime64(self.panel.first_day, "D") + column
        weekday = (days.astype(np.int64) + 3) % 7  # 1970-01-01 was a Thursday
        in_month = (days - days.astype("datetime64[M]")).astype(np.int64) + 1
        return weekday.astype(np.float32), in_month.astype(np.float32)


def _in_levels(name: str, values: Floats, level: NDArray[np.float64]) -> Floats:
    return values if name in _NOT_DEMAND else np.minimum(values / level, LARGEST)


def _known_at(outlook: Outlook, series: Index, column: Index, ahead: Index) -> Floats:
    """What was known on the days `column` of the days ahead; NaN beyond the last told."""
    last = outlook.values.shape[2]
    found = outlook.values[outlook.row[series], column, np.minimum(ahead, last) - 1]
    return np.where(ahead <= last, found, np.nan)


def _at(values: Floats, series: Index, column: Index) -> Floats:
    """Values of (N, D) or (D,) at the columns; NaN beyond the last."""
    inside = np.minimum(column, values.shape[-1] - 1)
    found = values[series, inside] if values.ndim == 2 else values[inside]
    return np.where(column < values.shape[-1], found, np.nan)
