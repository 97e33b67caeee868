"""What the networks see: the panel on the device, and windows gathered there by index.

Imports numpy and torch alone.
"""

from __future__ import annotations

import copy
import datetime as dt
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import torch  # noqa: TID253 - loaded with the neural families alone
from numpy.typing import NDArray
from torch import Tensor  # noqa: TID253

from forecast_platform.errors import ModelError
from forecast_platform.models.base import Floats, known_mean

if TYPE_CHECKING:
    from forecast_platform.panel import Outlook, Panel

CONTEXT = 56
FIRST_CONTEXT = 14
"""Days of context that the earliest window learnt from has; the rest counts as unknown."""

PRIOR_DAYS = 2.0
"""Days at the panel's typical level that a window's scale is shrunk by; keeps it above zero."""

_CALENDAR = 11
LARGEST = 20.0
"""Demand counts up to so many times its window's scale, covariates up to this absolute value."""

Index = NDArray[np.intp]


@dataclass(frozen=True)
class Schema:
    """What was learnt about the columns: everything a window needs beyond the panel.

    Attributes:
        past: Names of past covariates.
        future: Names of covariates known in advance.
        relative: Covariates that count relative to their mean in the window (prices), the others
            lie within [0, 1] and count as they are (flags, shares).
        vocabulary: Code of each known item, location and static attribute; 0 is unknown.
        typical: Median over series of mean demand, units per day.
        outlook: Names of covariates of days to come as they were known at the origin, in [0, 1].
    """

    past: list[str]
    future: list[str]
    relative: list[str]
    vocabulary: dict[str, dict[str, int]]
    typical: float
    outlook: list[str] = field(default_factory=list)

    @classmethod
    def of(cls, panel: Panel) -> Schema:
        """Read the schema off a training panel."""
        columns = {"item_id": panel.items, "location_id": panel.locations, **panel.static}
        vocabulary = {
            name: {value: code + 1 for code, value in enumerate(sorted({str(v) for v in values}))}
            for name, values in columns.items()
        }
        covariates = {**panel.past, **panel.future}
        relative = [name for name, values in covariates.items() if _is_relative(values)]
        means = known_mean(panel.demand)
        typical = float(np.median(means[means > 0])) if (means > 0).any() else 1.0
        return cls(
            sorted(panel.past), sorted(panel.future), sorted(relative), vocabulary, typical,
            sorted(panel.outlook),
        )  # fmt: skip

    def to_dict(self) -> dict[str, Any]:
        """As JSON can hold it; without an outlook as ever."""
        return {name: held for name, held in asdict(self).items() if held or name != "outlook"}

    @property
    def vocabulary_sizes(self) -> list[int]:
        """Known values of each attribute."""
        return [len(codes) for codes in self.vocabulary.values()]

    @property
    def past_width(self) -> int:
        """Inputs per day of context: demand, known, available, calendar, covariates."""
        return 3 + _CALENDAR + len(self.past) + len(self.future)

    @property
    def ahead_width(self) -> int:
        """Inputs per day ahead: same weekday's mean, distance, calendar, covariates."""
        return 2 + _CALENDAR + len(self.future) + len(self.outlook)

    @property
    def summary_width(self) -> int:
        """Inputs per window: log scale, share of days known, mean of the last 7 and 28 days."""
        return 4


@dataclass(frozen=True)
class Window:
    """B windows: past (B, context, P), ahead (B, H, A), summary (B, 4), codes (B, C) of static
    attributes, and scale (B, 1) in units per day.
    """  # noqa: D205

    past: Tensor
    ahead: Tensor
    summary: Tensor
    codes: Tensor
    scale: Tensor


class Inputs:
    """A panel on the device, padded so that every window of every origin can be gathered."""

    def __init__(self, panel: Panel, schema: Schema, horizon: int, device: torch.device) -> None:
        there = {*panel.past, *panel.future, *panel.outlook}
        missing = sorted({*schema.past, *schema.future, *schema.outlook} - there)
        if missing:
            raise ModelError(
                f"The network was trained with the covariates {missing}, which the panel lacks (it "
                f"has {sorted(there)}): add them, or train again without."
            )
        self.schema, self.horizon, self.device = schema, horizon, device
        self.n_series, self.n_days = panel.n_series, panel.n_days
        days = CONTEXT - 1 + panel.n_days + horizon

        def put(values: Floats, fill: float = np.nan) -> Tensor:
            """(N, T + ...) or (T + ...,) values from CONTEXT - 1 days earlier to H days later."""
            held = np.full((*values.shape[:-1], days), fill, dtype=np.float32)
            kept = min(values.shape[-1], days - CONTEXT + 1)
            held[..., CONTEXT - 1 : CONTEXT - 1 + kept] = values[..., :kept]
            return torch.from_numpy(held).to(device)

        self.demand = put(panel.demand)
        self.available = put(panel.available.astype(np.float32), 0.0)
        self.past = [(name in schema.relative, put(panel.past[name])) for name in schema.past]
        self.future = [(name in schema.relative, put(panel.future[name])) for name in schema.future]
        self.outlook = [self._told(panel.outlook[name]) for name in schema.outlook]
        start = panel.first_day - dt.timedelta(days=CONTEXT - 1)
        self.calendar = torch.from_numpy(calendar(start, days)).to(device)
        columns = {"item_id": panel.items, "location_id": panel.locations, **panel.static}
        codes = [
            [known.get(str(value), 0) for value in columns.get(name, np.full(self.n_series, ""))]
            for name, known in schema.vocabulary.items()
        ]
        self.codes = torch.tensor(codes, dtype=torch.long, device=device).T
        self._back = torch.arange(CONTEXT, device=device)
        self._ahead = CONTEXT + torch.arange(horizon, device=device)
        self._usable: Index | None = None

    def at(self, device: torch.device) -> Inputs:
        """The same on another device."""
        moved = copy.copy(self)
        moved.device = device
        for name, value in vars(self).items():
            if isinstance(value, Tensor):
                setattr(moved, name, value.to(device))
        for name in ("past", "future"):
            held = [(relative, values.to(device)) for relative, values in getattr(self, name)]
            setattr(moved, name, held)
        moved.outlook = [(values.to(device), row.to(device)) for values, row in self.outlook]
        return moved

    def _told(self, outlook: Outlook) -> tuple[Tensor, Tensor]:
        """(R, T, H) values of the days ahead of each origin, unknown ones 0; row of each series."""
        told = np.zeros((*outlook.values.shape[:2], self.horizon), dtype=np.float32)
        kept = min(self.horizon, outlook.values.shape[2])
        told[..., :kept] = np.nan_to_num(outlook.values[..., :kept])
        return (
            torch.from_numpy(told).to(self.device),
            torch.from_numpy(outlook.row).to(self.device),
        )

    def window(self, series: Index, column: Index, hide: NDArray[np.bool_] | None = None) -> Window:
        """Windows of context up to and including `column` of each series, and the days ahead.

        Args:
            series: (B,) row of the panel.
            column: (B,) column of the panel: the origin.
            hide: (B,) whether to withhold item and location, as if unknown.
        """
        row = torch.from_numpy(series).to(self.device)[:, None]
        start = torch.from_numpy(column).to(self.device)[:, None]
        back, ahead = start + self._back, start + self._ahead
        demand = self.demand[row, back]
        known = ~torch.isnan(demand)
        demand = torch.nan_to_num(demand)
        count = known.sum(dim=1, keepdim=True)
        prior = PRIOR_DAYS * self.schema.typical
        # One absurd day must not set the scale: it counts as many times the mean of the others.
        others = demand.sum(dim=1, keepdim=True) - demand.amax(dim=1, keepdim=True)
        demand = torch.minimum(demand, LARGEST * (others + prior) / (count - 1 + PRIOR_DAYS))
        scale = (demand.sum(dim=1, keepdim=True) + prior) / (count + PRIOR_DAYS)
        scaled = (demand / scale).clamp(max=LARGEST)
        past = [torch.log1p(scaled), known.float(), self.available[row, back]]
        weeks = (len(series), CONTEXT // 7, 7)
        weekday = masked_mean(scaled.reshape(weeks), known.reshape(weeks))
        around = weekday[:, torch.arange(self.horizon, device=self.device) % 7]
        distance = ((self._ahead - CONTEXT) / self.horizon).expand_as(around)
        coming = [torch.log1p(around), distance]
        for relative, values in self.past:
            past.append(covariate(_at(values, row, back), relative)[0])
        for relative, values in self.future:
            of_past, of_ahead = covariate(_at(values, row, back), relative, _at(values, row, ahead))
            past.append(of_past)
            coming.append(of_ahead)
        for values, place in self.outlook:
            coming.append(values[place[row[:, 0]], start[:, 0]])
        summary = [
            torch.log(scale / self.schema.typical)[:, 0].clamp(-5, 5),
            count[:, 0] / CONTEXT,
            torch.log1p(masked_mean(scaled[:, -7:], known[:, -7:])),
            torch.log1p(masked_mean(scaled[:, -28:], known[:, -28:])),
        ]
        codes = self.codes[row[:, 0]]
        if hide is not None:
            mask = torch.from_numpy(hide).to(self.device)[:, None]
            codes = torch.cat([codes[:, :2].masked_fill(mask, 0), codes[:, 2:]], dim=1)
        return Window(
            torch.cat([torch.stack(past, dim=2), self.calendar[back]], dim=2),
            torch.cat([torch.stack(coming, dim=2), self.calendar[ahead]], dim=2),
            torch.stack(summary, dim=1),
            codes,
            scale,
        )

    def targets(self, series: Index, column: Index) -> Tensor:
        """(B, H) demand of the days ahead, units per day; NaN where unknown."""
        row = torch.from_numpy(series).to(self.device)[:, None]
        start = torch.from_numpy(column).to(self.device)[:, None]
        return self.demand[row, start + self._ahead]

    def held_out(self, horizon: int, at_most: int = 4096) -> tuple[Index, Index]:
        """Windows whose days ahead are the panel's last: of all series, or of evenly many."""
        series = np.arange(0, self.n_series, max(1, -(-self.n_series // at_most)))
        return series, np.full(len(series), self.n_days - 1 - horizon)

    def sample(self, rng: np.random.Generator, n: int, horizon: int) -> tuple[Index, Index]:
        """Draw n windows with a known day among the days ahead, none of them held out."""
        flat = rng.choice(self.usable(horizon), n)
        origins = self.n_days - 2 * horizon
        return flat // origins, flat % origins

    def usable(self, horizon: int) -> Index:
        """Flat indices into (N, T - 2 H) of the windows that can be learnt from."""
        if self._usable is None:
            end = max(self.n_days - horizon, 0)
            known = ~torch.isnan(self.demand[:, CONTEXT - 1 : CONTEXT - 1 + end])
            total = torch.cumsum(known.int(), dim=1).cpu().numpy()
            some = total[:, horizon:] > total[:, :-horizon]
            some[:, : FIRST_CONTEXT - 1] = False
            self._usable = np.flatnonzero(some)
        return self._usable


def covariate(past: Tensor, relative: bool, ahead: Tensor | None = None) -> tuple[Tensor, Tensor]:
    """A covariate (B, context) as the network sees it, and (B, H) ahead; unknown days are 0."""
    ahead = past if ahead is None else ahead
    if relative:
        level = masked_mean(torch.nan_to_num(past), ~torch.isnan(past))[:, None]
        level = level.abs().clamp(min=1e-6)
        past, ahead = past / level - 1, ahead / level - 1
    return (
        torch.nan_to_num(past).clamp(-LARGEST, LARGEST),
        torch.nan_to_num(ahead).clamp(-LARGEST, LARGEST),
    )


def masked_mean(values: Tensor, known: Tensor) -> Tensor:
    """Mean over dimension 1 of the known values, 0 where there is none."""
    return (values * known).sum(dim=1) / known.sum(dim=1).clamp(min=1)


def calendar(first_day: dt.date, days: int) -> NDArray[np.float32]:
    """(days, 11): weekday one-hot, then sine and cosine of the day in the month and in the year."""
    when = np.datetime64(first_day, "D") + np.arange(days)
    weekday = (when.astype(np.int64) + 3) % 7  # 1970-01-01 was a Thursday
    month = (when - when.astype("datetime64[M]")).astype(np.float64) / 31
    year = (when - when.astype("datetime64[Y]")).astype(np.float64) / 366
    waves = [wave(2 * np.pi * part) for part in (month, year) for wave in (np.sin, np.cos)]
    return np.column_stack([np.eye(7)[weekday], *waves]).astype(np.float32)


def _at(values: Tensor, row: Tensor, column: Tensor) -> Tensor:
    return values[row, column] if values.ndim == 2 else values[column]


def _is_relative(values: Floats) -> bool:
    known = values[~np.isnan(values)]
    return bool(known.size and (known.min() < 0 or known.max() > 1))
