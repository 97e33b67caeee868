"""Contracts of what is watched: inputs against the training window, accuracy against its past."""

from __future__ import annotations

from forecast_platform.contracts.core import Column, DType, Table

_SUMMED = "empty where the level holds all of them."
_GROUP = (
    Column("level", DType.STRING, "All items, one category or one location.",
           allowed=("total", "category", "location")),
    Column("category", DType.STRING, f"Category; {_SUMMED}", required=False),
    Column("location_id", DType.STRING, f"Location; {_SUMMED}", required=False),
)  # fmt: skip
_WATCHED = Column(
    "watched", DType.STRING, "Column of clean_demand, or what is read from one: zero_demand (no "
    "demand that day), stock_known (stock was counted).",
    allowed=("demand_units", "zero_demand", "price", "on_promotion", "is_available",
             "stock_known"),
)  # fmt: skip
_PSI_LIMIT = Column("psi_limit", DType.REAL, "PSI beyond which it is drift: 1.5 times the largest "
                    "of four weeks of the training window against the rest, 0.05 at least.",
                    minimum=0)  # fmt: skip
_KS_LIMIT = Column("ks_limit", DType.REAL, "KS beyond which it is drift, likewise.", minimum=0)
_CUTOFF = Column("cutoff", DType.DATE, "Last day of the training window compared with.")

TRAINING_PROFILE = Table(
    name="training_profile",
    description="How watched columns were distributed in the training window of each cutoff, and "
    "how much four weeks of it differed from the rest.",
    grain="one row per cutoff, group, watched column and bin",
    key=("cutoff", "level", "category", "location_id", "watched", "bin"),
    day="cutoff",
    group="models",
    columns=(
        Column("cutoff", DType.DATE, "Training cutoff."),
        *_GROUP,
        _WATCHED,
        Column("bin", DType.INT, "Bin; 0 holds unknown values.", minimum=0),
        Column("psi_bin", DType.INT, "Wider bin that it is counted into for PSI.", minimum=0),
        Column("lower", DType.REAL, "Smallest value of the bin; empty for bin 0.",
               required=False),
        Column("share", DType.REAL, "Share of the rows.", "share", minimum=0, maximum=1),
        Column("mean", DType.REAL, "Mean of all known values; empty where none is.",
               required=False),
        _PSI_LIMIT,
        _KS_LIMIT,
        Column("least_rows", DType.INT, "Fewest rows of the group in four weeks.", "rows",
               minimum=0),
    ),
)  # fmt: skip

INPUT_DRIFT = Table(
    name="input_drift",
    description="Watched columns of the last 28 days against the training window of the models "
    "that answer.",
    grain="one row per day, group and watched column",
    key=("date", "level", "category", "location_id", "watched"),
    group="feedback",
    columns=(
        Column("date", DType.DATE, "Last of the 28 days."),
        *_GROUP,
        _WATCHED,
        _CUTOFF,
        Column("rows", DType.INT, "Rows of the 28 days.", "rows", minimum=0),
        Column("mean", DType.REAL, "Mean of the known values; empty where none is.",
               required=False),
        Column("trained_mean", DType.REAL, "Mean of the known values of the training window.",
               required=False),
        Column("unknown_share", DType.REAL, "Share of the rows without a value.", "share", False,
               0, 1),
        Column("psi", DType.REAL, "Population stability index; empty without rows.",
               required=False, minimum=0),
        _PSI_LIMIT,
        Column("ks", DType.REAL, "Largest distance of the distribution functions; empty without "
               "rows.", required=False, minimum=0, maximum=1),
        _KS_LIMIT,
        Column("is_drift", DType.BOOL, "Beyond a limit, or less than half the fewest rows of four "
               "weeks of the training window."),
    ),
)  # fmt: skip


def _error(name: str, description: str, required: bool = False) -> Column:
    return Column(name, DType.REAL, description, "share", required, 0, 1)


ACCURACY_DRIFT = Table(
    name="accuracy_drift",
    description="Error of issued forecasts by day, and since when it is of one level.",
    grain="one row per target day and group",
    key=("date", "level", "category", "location_id"),
    group="feedback",
    columns=(
        Column("date", DType.DATE, "Target day."),
        *_GROUP,
        _error("error", "Absolute errors over forecasts plus actuals, all judged horizons: 0 all "
               "right, 1 all wrong; empty where both are zero."),
        Column("weeks", DType.INT, "Whole weeks up to this day in which it is of one level, at "
               "most 26; 0 where a week is not known yet.", "weeks", minimum=0),
        _error("level_error", "Mean of those weeks, each without its best and worst day."),
        _error("before_error", "Mean of the weeks before them; empty where nothing changed."),
        _error("spread", "Standard deviation of weeks of one level; empty for fewer than two."),
    ),
)  # fmt: skip

WATCHED = _WATCHED.allowed
DRIFT = (TRAINING_PROFILE, INPUT_DRIFT, ACCURACY_DRIFT)
