"""Rows of `training_profile` and `input_drift` from rows of `clean_demand`."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import polars as pl

from forecast_platform.contracts.drift import INPUT_DRIFT, TRAINING_PROFILE, WATCHED
from forecast_platform.drift.groups import Group, split, with_category
from forecast_platform.drift.profile import (
    Bins,
    Floats,
    Ints,
    daily_counts,
    ks,
    make_bins,
    psi,
    usual,
    window_counts,
)
from forecast_platform.graph import DRIFT_DAYS
from forecast_platform.lake.schema import conform, polars_schema

_LEAST_PSI = 0.05
_LEAST_KS = 0.05
_BEYOND_USUAL = 1.5
_LEAST_OF_ROWS = 0.5


@dataclass(frozen=True)
class _Column:
    """One watched column of one group in a training window."""

    bins: Bins
    shares: Floats
    mean: float | None
    psi_limit: float
    ks_limit: float
    least_rows: int


def training_profile(
    clean_demand: pl.DataFrame, products: pl.DataFrame, cutoff: dt.date
) -> pl.DataFrame:
    """Rows of `training_profile`.

    Groups without a row in the last four weeks are left out: nothing of them is expected. So are
    those of less than eight weeks: how far one four weeks differ from others is not known yet.

    Args:
        clean_demand: Rows of the training window, which ends at the cutoff.
        products: Validated products.
        cutoff: Training cutoff.
    """
    rows, nothing = _in_order(clean_demand, products), polars_schema(TRAINING_PROFILE).to_frame()
    if rows.is_empty():
        return nothing
    first = rows["date"][0]
    day, values = _days_since(rows, first), _values(rows)
    days = (cutoff - first).days + 1
    parts = []
    for group, at in split(rows):
        began = day[at[0]]
        if day[at[-1]] < days - DRIFT_DAYS or days - began < 2 * DRIFT_DAYS:
            continue
        for name in WATCHED:
            column = _profile(values[name][at], day[at] - began, days - began)
            parts.append(_told(column).with_columns(watched=pl.lit(name), **_lits(group)))
    if not parts:
        return nothing
    return conform(pl.concat(parts).with_columns(cutoff=pl.lit(cutoff)), TRAINING_PROFILE)


def input_drift(
    clean_demand: pl.DataFrame,
    products: pl.DataFrame,
    profiles: pl.DataFrame,
    days: Sequence[dt.date],
) -> pl.DataFrame:
    """Rows of `input_drift` of consecutive days; none before the first training cutoff.

    Args:
        clean_demand: Rows from 27 days before the first of `days` to the last.
        products: Validated products.
        profiles: Rows of `training_profile`; a day is held against the newest cutoff up to it.
        days: Consecutive days, in order.
    """
    cutoffs = sorted(profiles["cutoff"].unique())
    found: list[dict[str, Any]] = []
    for cutoff, until in pairwise([*cutoffs, dt.date.max]):
        judged = [day for day in days if cutoff <= day < until]
        if not judged:
            continue
        first = judged[0] - dt.timedelta(DRIFT_DAYS - 1)
        rows = clean_demand.filter(pl.col("date").is_between(first, judged[-1]))
        found += _judged(_in_order(rows, products), profiles.filter(cutoff=cutoff), judged)
    return pl.DataFrame(found, schema=polars_schema(INPUT_DRIFT)).sort(INPUT_DRIFT.key)


def _judged(
    rows: pl.DataFrame, profile: pl.DataFrame, days: Sequence[dt.date]
) -> Iterator[dict[str, Any]]:
    first = days[0] - dt.timedelta(DRIFT_DAYS - 1)
    held = len(days) + DRIFT_DAYS - 1
    day, values = _days_since(rows, first), _values(rows)
    positions = dict(split(rows))
    by = ["level", "category", "location_id", "watched"]
    for key, bins in profile.sort(*by, "bin").group_by(by, maintain_order=True):
        *names, watched = (str(part) if part is not None else None for part in key)
        group, column = Group(*names), _read(bins)  # type: ignore[arg-type]
        at = positions.get(group, np.array([], dtype=np.intp))
        value = values[str(watched)][at]
        counts = window_counts(
            daily_counts(column.bins.of(value), day[at], held, len(column.shares))
        )
        total = counts.sum(axis=1)
        apart, distance = psi(counts, column.shares, column.bins.coarse), ks(counts, column.shares)
        known = total - counts[:, 0]
        sums = _window_sums(value, day[at], held)
        for n, (judged, n_rows) in enumerate(zip(days, total.tolist(), strict=True)):
            beyond = apart[n] > column.psi_limit or distance[n] > column.ks_limit
            yield {
                **group._asdict(), "date": judged, "watched": watched,
                "cutoff": profile["cutoff"][0], "rows": n_rows,
                "mean": sums[n] / known[n] if known[n] else None, "trained_mean": column.mean,
                "unknown_share": counts[n, 0] / n_rows if n_rows else None,
                "psi": apart[n] if n_rows else None, "psi_limit": column.psi_limit,
                "ks": distance[n] if n_rows else None, "ks_limit": column.ks_limit,
                "is_drift": bool(n_rows < _LEAST_OF_ROWS * column.least_rows
                                 or (n_rows and beyond)),
            }  # fmt: skip


def _values(rows: pl.DataFrame) -> dict[str, Floats]:
    """(K,) values >= 0 of every watched column, NaN where unknown."""
    watched = rows.select(
        "demand_units", "price", "on_promotion", "is_available",
        zero_demand=pl.col("demand_units") == 0, stock_known=pl.col("on_hand").is_not_null(),
    )  # fmt: skip
    return {name: watched[name].cast(pl.Float64).fill_null(np.nan).to_numpy() for name in WATCHED}


def _days_since(rows: pl.DataFrame, first: dt.date) -> Ints:
    return (rows["date"] - first).dt.total_days().to_numpy()


def _window_sums(values: Floats, day: Ints, days: int) -> Floats:
    """(days - 27,) sums; each by itself, so that none depends on which others are asked for."""
    daily = np.bincount(day, np.nan_to_num(values), days)
    windows = np.lib.stride_tricks.sliding_window_view(daily, DRIFT_DAYS)
    return np.asarray(np.ascontiguousarray(windows).sum(axis=1))


def _in_order(rows: pl.DataFrame, products: pl.DataFrame) -> pl.DataFrame:
    return with_category(rows.lazy().sort("date", "item_id", "location_id"), products).collect()


def _profile(values: Floats, day: Ints, days: int) -> _Column:
    bins = make_bins(values)
    counts = daily_counts(bins.of(values), day, days, len(bins.lower))
    windows = window_counts(counts).sum(axis=1)
    psi_usual, ks_usual = usual(counts, bins.coarse)
    known = values[~np.isnan(values)]
    return _Column(
        bins,
        counts.sum(axis=0) / len(values),
        float(known.mean()) if len(known) else None,
        max(_LEAST_PSI, _BEYOND_USUAL * psi_usual),
        max(_LEAST_KS, _BEYOND_USUAL * ks_usual),
        int(windows.min(initial=len(values))) if len(windows) else 0,
    )


def _told(column: _Column) -> pl.DataFrame:
    lower = column.bins.lower.astype(np.float64)
    return pl.DataFrame(
        {"bin": np.arange(len(lower)), "psi_bin": column.bins.coarse, "lower": lower,
         "share": column.shares}
    ).with_columns(
        lower=pl.when(pl.col("bin") > 0).then("lower"),
        mean=pl.lit(column.mean, pl.Float64),
        psi_limit=pl.lit(column.psi_limit),
        ks_limit=pl.lit(column.ks_limit),
        least_rows=pl.lit(column.least_rows),
    )  # fmt: skip


def _read(bins: pl.DataFrame) -> _Column:
    told = bins.row(0, named=True)
    made = Bins(bins["lower"].fill_null(-1.0).to_numpy(), bins["psi_bin"].to_numpy())
    return _Column(
        made, bins["share"].to_numpy(), told["mean"], told["psi_limit"], told["ks_limit"],
        told["least_rows"],
    )  # fmt: skip


def _lits(group: Group) -> dict[str, pl.Expr]:
    return {name: pl.lit(value, pl.String) for name, value in group._asdict().items()}
