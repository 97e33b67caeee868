"""Contracts of the tables the platform derives; features, models, plan and policies have files."""

from __future__ import annotations

from forecast_platform.contracts.core import Column, DType, Table
from forecast_platform.contracts.models import MODEL_SCORES, MODEL_VERSIONS
from forecast_platform.contracts.outcome import PLAN_OUTCOME

QUANTILES = (0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.975, 0.99)


def quantile_name(level: float) -> str:
    """Column name of a quantile: .05 -> q05, .975 -> q975."""
    return "q" + f"{level:.3f}"[2:].rstrip("0").ljust(2, "0")


ITEM = Column("item_id", DType.STRING, "Item.")
LOCATION = Column("location_id", DType.STRING, "Location.")
DAY = Column("date", DType.DATE, "Business day.")
ORIGIN = Column("origin", DType.DATE, "Last day of data the forecast rests on.")


def _quantiles(of_what: str) -> tuple[Column, ...]:
    return tuple(
        Column(quantile_name(q), DType.REAL, f"{q:g} quantile of {of_what}.", "units", minimum=0)
        for q in QUANTILES
    )


LANDING_FILES = Table(
    name="landing_files",
    description="Register of landed files: what arrived, which version counts, what was refused.",
    grain="one row per landed file",
    key=("table_name", "file"),
    day=None,
    group="raw",
    columns=(
        Column("table_name", DType.STRING, "Table the file was landed for."),
        Column("file", DType.STRING, "Path relative to the table's folder."),
        Column("checksum", DType.STRING, "SHA-256 of the bytes that count."),
        Column("size", DType.INT, "Size of the file.", "bytes", minimum=0),
        Column("status", DType.STRING, "landed or refused.", allowed=("landed", "refused")),
        Column("reason", DType.STRING, "Why the file was refused.", required=False),
        Column("rows", DType.INT, "Rows in the file.", "rows", minimum=0),
        Column("unreadable_rows", DType.INT, "Rows without a business day.", "rows", minimum=0),
        Column("first_day", DType.DATE, "First business day in the file.", required=False),
        Column("last_day", DType.DATE, "Last business day in the file.", required=False),
    ),
)

UNREADABLE_ROWS = Table(
    name="unreadable_rows",
    description="Landed rows of daily tables in which no business day can be read, so that no "
    "later stage sees them.",
    grain="one row per refused row",
    key=("table_name", "file", "row_number"),
    day=None,
    group="raw",
    columns=(
        Column("table_name", DType.STRING, "Table the row was landed for."),
        Column("file", DType.STRING, "Path relative to the table's folder."),
        Column("row_number", DType.INT, "Row number in the file.", minimum=1),
        Column("content", DType.STRING, "The row as landed, as JSON."),
        Column("reasons", DType.STRING, "Why it cannot be dated."),
    ),
)

CLEAN_DEMAND = Table(
    name="clean_demand",
    description="Demand, price, promotion and stock of every item on offer, every day.",
    grain="one row per item, location and day on offer",
    key=("date", "item_id", "location_id"),
    group="clean",
    columns=(
        DAY,
        ITEM,
        LOCATION,
        Column("gross_units", DType.REAL, "Units sold.", "units", minimum=0),
        Column("returned_units", DType.REAL, "Units returned or cancelled.", "units", minimum=0),
        Column("net_units", DType.REAL, "Gross less returned units.", "units"),
        Column(
            "demand_units",
            DType.REAL,
            "Net units, not below zero; empty where demand is unknown (stock-out).",
            "units",
            required=False,
            minimum=0,
        ),
        Column(
            "demand_winsorised",
            DType.REAL,
            "Demand with outliers cut to the fence.",
            "units",
            required=False,
            minimum=0,
        ),
        Column("is_outlier", DType.BOOL, "Demand lies outside the robust fence."),
        Column("price", DType.REAL, "Price that holds.", "currency", required=False, minimum=0),
        Column("on_promotion", DType.BOOL, "A promotion runs."),
        Column("discount", DType.REAL, "Largest price cut that runs.", "share", minimum=0),
        Column("on_hand", DType.REAL, "Stock at close.", "units", required=False),
        Column("is_stockout", DType.BOOL, "Nothing on hand at close, or shelf empty in the day."),
        Column(
            "is_available",
            DType.BOOL,
            "On offer and in stock, so that no sale means no demand.",
        ),
    ),
)

FORECASTS = Table(
    name="forecasts",
    description="Daily demand forecasts as issued, 28 days ahead of each origin.",
    grain="one row per origin, item, location and target day",
    key=("origin", "item_id", "location_id", "date"),
    day="origin",
    group="forecasts",
    columns=(
        ORIGIN,
        ITEM,
        LOCATION,
        Column("date", DType.DATE, "Target day."),
        Column("horizon", DType.INT, "Days from origin to target.", "days", minimum=1),
        Column("mean", DType.REAL, "Expected demand.", "units", minimum=0),
        *_quantiles("demand on the target day"),
        Column("model", DType.STRING, "Model family."),
        Column("model_version", DType.STRING, "Registered version."),
        Column("training_cutoff", DType.DATE, "Last day the model was trained on."),
        Column("fallback_reason", DType.STRING, "Why a simpler model answered.", required=False),
        Column("revision", DType.INT, "0 as first issued, then the number of restatements."),
    ),
)

_SUMMED = "empty where the level sums over all of them."

FORECAST_LEVELS = Table(
    name="forecast_levels",
    description="Forecasts of sums: of items, categories, locations and the total. Means are the "
    "sums of the means in `forecasts`; quantiles are those of the sum, as series err together.",
    grain="one row per origin, level, sum and target day",
    key=("origin", "level", "item_id", "category", "location_id", "date"),
    day="origin",
    group="forecasts",
    columns=(
        ORIGIN,
        Column("level", DType.STRING, "Level of aggregation.",
               allowed=("item", "category x location", "category", "location", "total")),
        Column("item_id", DType.STRING, f"Item; {_SUMMED}", required=False),
        Column("category", DType.STRING, f"Category; {_SUMMED}", required=False),
        Column("location_id", DType.STRING, f"Location; {_SUMMED}", required=False),
        Column("date", DType.DATE, "Target day."),
        Column("horizon", DType.INT, "Days from origin to target.", "days", minimum=1),
        Column("series", DType.INT, "Item-locations that are summed.", minimum=1),
        Column("mean", DType.REAL, "Expected demand.", "units", minimum=0),
        *_quantiles("demand of all of them on the target day"),
        Column("revision", DType.INT, "0 as first issued, then the number of restatements."),
    ),
)  # fmt: skip

LEAD_TIME_DEMAND = Table(
    name="lead_time_demand",
    description="Distribution of demand over lead time plus review period, from sample paths.",
    grain="one row per origin, item and location",
    key=("origin", "item_id", "location_id"),
    day="origin",
    group="forecasts",
    columns=(
        ORIGIN,
        ITEM,
        LOCATION,
        Column("protection_days", DType.INT, "Lead time plus review period.", "days", minimum=1),
        Column("lead_time_days", DType.INT, "Days from order to receipt.", "days", minimum=0),
        Column("lead_time_mean", DType.REAL, "Expected demand in the lead time.", "units"),
        Column("mean", DType.REAL, "Expected demand in the protection period.", "units", minimum=0),
        Column("std", DType.REAL, "Standard deviation of it.", "units", minimum=0),
        *_quantiles("demand in the protection period"),
    ),
)

_SUPPLIER = Column("supplier_id", DType.STRING, "Supplier; empty: all of them.", required=False)
_SUPPLIED = Column("item_id", DType.STRING, "Item; empty: all of the supplier's.", required=False)


def _lead_days(name: str, description: str, minimum: float | None = 0) -> Column:
    return Column(name, DType.FLOAT, description, "days", minimum=minimum)


LEAD_TIMES = Table(
    name="lead_times",
    description="Lead times as suppliers kept them: estimates from the deliveries of the last 180 "
    "days, of few drawn towards those of more.",
    grain="one row per day and supplier, one per item delivered often, and one for all deliveries",
    key=("date", "supplier_id", "item_id"),
    group="replenishment",
    columns=(
        Column("date", DType.DATE, "Day at whose close this was known."),
        _SUPPLIER,
        _SUPPLIED,
        Column("deliveries", DType.INT, "Deliveries it rests on.", minimum=1),
        _lead_days("mean_days", "Mean days from order to receipt."),
        _lead_days("std_days", "Their standard deviation."),
        _lead_days("q50_days", "Their 0.5 quantile."),
        _lead_days("q90_days", "Their 0.9 quantile."),
        _lead_days("q95_days", "Their 0.95 quantile."),
        _lead_days("late_mean_days", "Mean days from the promised to the day of receipt; below "
                   "zero if early.", None),
        _lead_days("late_q90_days", "The 0.9 quantile of those.", None),
        Column("late_share", DType.FLOAT, "Deliveries after the promised day.", "share", minimum=0,
               maximum=1),
        Column("own_weight", DType.FLOAT, "Weight of its own deliveries in mean and quantiles; "
               "the rest has the row above it.", "share", minimum=0, maximum=1),
    ),
)  # fmt: skip

ACCURACY = Table(
    name="accuracy",
    description="Issued forecasts against the demand that came, per target day and horizon.",
    grain="one row per target day, item, location and horizon (1, 7, 14, 28 days)",
    key=("date", "item_id", "location_id", "horizon"),
    group="feedback",
    columns=(
        DAY,
        ITEM,
        LOCATION,
        Column("horizon", DType.INT, "Days from origin to target.", "days", minimum=1),
        Column("model", DType.STRING, "Model family."),
        Column("model_version", DType.STRING, "Registered version."),
        Column("actual", DType.REAL, "Demand that came.", "units", minimum=0),
        Column("mean", DType.REAL, "Forecast mean.", "units", minimum=0),
        Column("error", DType.REAL, "Forecast mean less actual.", "units"),
        Column("pinball", DType.REAL, "Mean pinball loss over the quantiles.", "units", minimum=0),
        Column("inside_50", DType.BOOL, "Actual within the central 50 % interval."),
        Column("inside_80", DType.BOOL, "Actual within the central 80 % interval."),
        Column("inside_90", DType.BOOL, "Actual within the central 90 % interval."),
    ),
)

RECORD_MARKS = Table(
    name="record_marks",
    description="Closed forecasts and plans that rest on older data than is known now.",
    grain="one row per record table, origin and changed day",
    key=("record", "origin", "changed_table", "changed_day"),
    day=None,
    group="feedback",
    columns=(
        Column("record", DType.STRING, "forecasts or replenishment_plan."),
        ORIGIN,
        Column("changed_table", DType.STRING, "Table that changed after the record was issued."),
        Column("changed_day", DType.DATE, "Day of that table that changed."),
        Column("mark", DType.STRING, "issued on older data."),
    ),
)

DERIVED = (
    LANDING_FILES,
    UNREADABLE_ROWS,
    CLEAN_DEMAND,
    FORECASTS,
    FORECAST_LEVELS,
    LEAD_TIMES,
    LEAD_TIME_DEMAND,
    ACCURACY,
    PLAN_OUTCOME,
    MODEL_SCORES,
    MODEL_VERSIONS,
    RECORD_MARKS,
)
