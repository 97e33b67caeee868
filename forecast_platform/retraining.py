"""Whether models should be made again before the weekly training makes them.

A row that comes late does not retrain by itself: the next weekly cutoff sees it. With the setting
`retrain_changed_share` it does once late rows have changed that share of the units trained on.
Errors that left their band (`retrain_accuracy_band`) retrain at the newest cutoff after they did.
"""

from __future__ import annotations

import datetime as dt
from io import BytesIO
from typing import TYPE_CHECKING

import polars as pl

from forecast_platform.contracts import tables
from forecast_platform.graph import last_cutoff
from forecast_platform.lake.days import ONE_DAY
from forecast_platform.storage import Place, write_whole

if TYPE_CHECKING:
    from forecast_platform.home import Home

_SERIES = ("item_id", "location_id")
_COOLING_DAYS = 14
"""Days of data that models get to prove themselves."""


def remember_units(home: Home, cutoff: dt.date) -> None:
    """Keep the units that the models of a cutoff were trained on, for `changed_share`."""
    content = BytesIO()
    _units(home, cutoff).write_parquet(content)
    write_whole(_remembered(home, cutoff), content.getvalue())


def changed_share(home: Home, cutoff: dt.date) -> float:
    """Units that came or went since the models of a cutoff were trained, as share of all.

    Counted per item-location over the training days: what moves between days counts as nothing.

    Returns:
        At least 0; 0 where it was never remembered what they were trained on.
    """
    path = _remembered(home, cutoff)
    if not path.exists():
        return 0.0
    both = pl.read_parquet(BytesIO(path.read_bytes())).join(
        _units(home, cutoff), on=_SERIES, how="full", coalesce=True, suffix="_now"
    )
    then, now = (pl.col(name).fill_null(0.0) for name in ("units", "units_now"))
    changed, trained = both.select((now - then).abs().sum(), then.sum().alias("trained")).row(0)
    return float(changed / trained) if trained else float(changed > 0)


def outdated_cutoff(home: Home, origin: dt.date) -> dt.date | None:
    """The cutoff whose models answer `origin` and should be trained again, if they should."""
    threshold = home.settings.retrain_changed_share
    answering = [day for day in home.state().days("model_versions") if day <= origin]
    if threshold is None or not answering:
        return None
    return answering[-1] if changed_share(home, answering[-1]) > threshold else None


def cutoff_after_change(home: Home) -> tuple[dt.date | None, str]:
    """The cutoff to train at because the errors of all items left their band, and why.

    Returns:
        None where nothing is to be trained: errors are in their band, or the models are younger
        than two weeks, before which they cannot have proved themselves.
    """
    from forecast_platform.drift import out_of_band

    judged, trained = (home.state().days(name) for name in ("accuracy_drift", "model_versions"))
    if not judged or not trained:
        return None, "No forecast was judged yet."
    day, band = judged[-1], home.settings.retrain_accuracy_band
    newest = home.read("accuracy_drift", day, day).filter(level="total")
    worse = out_of_band(newest, band).rows(named=True)
    if not worse:
        return None, f"Errors of all items are in their band on {day}."
    changed = day - (7 * worse[0]["weeks"] - 1) * ONE_DAY
    told = f"Errors of all items rose by {worse[0]['rise']:.0%} on about {changed}"
    cutoff = last_cutoff(day)
    if (cutoff - trained[-1]).days < _COOLING_DAYS:
        return None, f"{told}: models of {trained[-1]} are given two weeks first."
    return cutoff, f"{told}, band {band:.0%}."


def _units(home: Home, cutoff: dt.date) -> pl.DataFrame:
    """Units per item-location in the training days of a cutoff, in a fixed order."""
    first = cutoff - (home.settings.training_days - 1) * ONE_DAY
    return (
        home.lake.scan(tables()["features"], first, cutoff)
        .group_by(_SERIES).agg(units=pl.col("demand").sum().cast(pl.Float64))
        .sort(_SERIES).collect()
    )  # fmt: skip


def _remembered(home: Home, cutoff: dt.date) -> Place:
    return home.settings.stored(f"models/_trained_on/{cutoff}.parquet")
