"""Whether sales have changed so much since a training that its models should be made again.

A row that comes late does not retrain by itself: the next weekly cutoff sees it. With the setting
`retrain_changed_share` it does once late rows have changed that share of the units trained on.
"""

from __future__ import annotations

import datetime as dt
from io import BytesIO
from typing import TYPE_CHECKING

import polars as pl

from forecast_platform.contracts import tables
from forecast_platform.lake.days import ONE_DAY
from forecast_platform.storage import Place, write_whole

if TYPE_CHECKING:
    from forecast_platform.home import Home

_SERIES = ("item_id", "location_id")


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
