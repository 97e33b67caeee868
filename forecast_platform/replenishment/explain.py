"""Why an order has its quantity: every number of a plan line taken back to its source."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import polars as pl

from forecast_platform.contracts.reasons import ReasonCode
from forecast_platform.errors import PlatformError


@dataclass(frozen=True)
class Sum:
    """A figure of the plan and the figures it is the sum of.

    Attributes:
        label: Name of the figure.
        parts: Name and value of each part, with its sign.
        total: The figure as the plan has it.
        unit: Unit of all of them.
        note: What a person should know about it.
    """

    label: str
    parts: tuple[tuple[str, float], ...]
    total: float
    unit: str = "units"
    note: str = ""

    def lines(self) -> list[str]:
        """The sum as text, one line per part."""
        rows = [f"  {value + 0.0:>+12,.2f}  {name}" for name, value in self.parts]
        note = f"  ({self.note})" if self.note else ""
        return [*rows, f"  {self.total:>12,.2f}  = {self.label}, {self.unit}{note}"]


@dataclass(frozen=True)
class Source:
    """A landed file that the line rests on.

    Attributes:
        file: Path relative to the table's folder.
        rows: Rows of the series in it.
        first_day: First of their days.
        last_day: Last of their days.
    """

    file: str
    rows: int
    first_day: dt.date
    last_day: dt.date


@dataclass(frozen=True)
class Explanation:
    """A plan line taken apart.

    Attributes:
        title: The line in one sentence.
        sums: Position, reorder point, order-up-to level, raw and order quantity; only those of
            which the line has figures.
        facts: Named facts: terms, service level, dates, model.
        daily_forecast: Target day and expected units, over the protection period.
        sales_days: Days with sales among the sales rows given.
        sales_units: Net units on them.
        sources: Landed files the sales came from.
        reasons: Reason codes with their meaning.
    """

    title: str
    sums: tuple[Sum, ...]
    facts: tuple[tuple[str, str], ...]
    daily_forecast: tuple[tuple[dt.date, float], ...]
    sales_days: int
    sales_units: float
    sources: tuple[Source, ...]
    reasons: tuple[tuple[str, str], ...]

    def lines(self) -> list[str]:
        """The explanation as text, for a terminal."""
        text = [self.title, ""]
        for figure in self.sums:
            text += [*figure.lines(), ""]
        text += [f"{name}: {value}" for name, value in self.facts]
        if self.daily_forecast:
            days = ", ".join(f"{day:%a %d %b} {mean:.2f}" for day, mean in self.daily_forecast)
            text += ["", f"Expected per day: {days}"]
        text += ["", f"Rests on {self.sales_days} days with sales, {self.sales_units:,.0f} units:"]
        text += [
            f"  {s.file}: {s.rows} rows, {s.first_day} to {s.last_day}" for s in self.sources
        ] or ["  no landed sales in the look-back"]
        return [*text, "", *(f"{code}: {meaning}" for code, meaning in self.reasons)]


def explain(
    plan_row: Mapping[str, Any],
    forecasts: pl.DataFrame,
    sales: pl.DataFrame,
    model: Mapping[str, Any] | None = None,
) -> Explanation:
    """Take one plan line apart.

    Args:
        plan_row: A row of `REPLENISHMENT_PLAN`.
        forecasts: Rows of `forecasts`; those of the line's series and origin are used.
        sales: Rows of `validated_sales` in the look-back; those of the line's series, not after
            its day, are used.
        model: The row of `model_versions` that answered, where it is known.

    Returns:
        The explanation; its sums hold to rounding of floating-point numbers.

    Raises:
        PlatformError: If the row is not a plan line; names the columns that lack.
    """
    needed = ("date", "item_id", "location_id", "inventory_position", "reason_codes")
    if lacking := [name for name in needed if name not in plan_row]:
        raise PlatformError(
            f"A row of the replenishment plan was expected; {', '.join(lacking)} lack: "
            "read it from the table replenishment_plan."
        )
    series = (pl.col("item_id") == plan_row["item_id"]) & (
        pl.col("location_id") == plan_row["location_id"]
    )
    codes = plan_row["reason_codes"].split(",")
    rows = sales.filter(series & (pl.col("date") <= plan_row["date"]))
    return Explanation(
        title=_title(plan_row),
        sums=_sums(plan_row),
        facts=_facts(plan_row, model),
        daily_forecast=_daily(plan_row, forecasts.filter(series)),
        sales_days=rows.filter(pl.col("units") > 0)["date"].n_unique(),
        sales_units=float(rows.sort("date", "units")["units"].sum()),
        sources=_sources(rows),
        reasons=tuple((code, ReasonCode[code].meaning) for code in codes),
    )


def _title(row: Mapping[str, Any]) -> str:
    what = f"{row['item_id']} at {row['location_id']}, plan of {row['date']}"
    if row["order_quantity"] is None:
        return f"{what}: no quantity can be told"
    if row["order_quantity"] == 0:
        within = ", but due without the limits of the day" if row["unlimited_quantity"] else ""
        if ReasonCode.WAITS_FOR_ORDER_DAY in row["reason_codes"].split(","):
            within = f", but due: the supplier takes orders on {row['next_order_date']} next"
        return f"{what}: nothing to order{within}"
    supplier = row["supplier_id"] or "a supplier not known"
    return (
        f"{what}: order {row['order_quantity']:,g} units from {supplier} on {row['order_date']}, "
        f"expected on {row['expected_receipt_date']}"
    )


def _sums(row: Mapping[str, Any]) -> tuple[Sum, ...]:
    position = Sum(
        "inventory position",
        (
            ("on hand", row["on_hand"]),
            ("reserved", -row["reserved"]),
            ("on order, expected in time", row["on_order"]),
            ("on order, late", row["late_units"]),
        ),
        row["inventory_position"],
        note=f"counted {row['stock_date']}" if row["stock_date"] else "simulated, never counted",
    )
    if row["reorder_point"] is None:
        return (position,)
    after_lead_time = row["protection_demand"] - row["lead_time_demand"]
    season = row["season_adjustment"]
    reorder = Sum(
        "reorder point",
        (
            (f"expected demand in the lead time, {_days(row['lead_time_days'])}",
             row["lead_time_demand"]),
            (f"expected demand until the next review, {_days(row['review_days'])}",
             after_lead_time),
            *([("the season, after the days forecast", season)] if season else []),
            (_protection(row), row["safety_stock"]),
        ),
        row["reorder_point"],
    )  # fmt: skip
    cycle = row["order_up_to_level"] - row["reorder_point"]
    upto = Sum(
        "order-up-to level",
        (("reorder point", row["reorder_point"]), ("cycle stock", cycle)),
        row["order_up_to_level"],
        note=_cycle_note(row, cycle),
    )
    if not (row["order_quantity"] or row["unlimited_quantity"]):
        return position, reorder, upto
    if not row["raw_quantity"]:
        return position, reorder, upto, _order(row)
    wanted: list[tuple[str, float]] = [
        ("order-up-to level", row["order_up_to_level"]),
        ("inventory position", -row["inventory_position"]),
        *([("moved here from other locations", -row["transfer_in"])] if row["transfer_in"] else []),
    ]
    if row["order_cap"] == row["raw_quantity"]:
        cut = row["raw_quantity"] - sum(value for _, value in wanted)
        wanted.append(("cut to the most ordered at once", cut))
    raw = Sum("raw quantity", tuple(wanted), row["raw_quantity"])
    return position, reorder, upto, raw, _order(row)


def _order(row: Mapping[str, Any]) -> Sum:
    lot, unlimited = row["lot_size"], row["unlimited_quantity"]
    whole = row["order_quantity"] if unlimited is None else unlimited
    rounding = "rounding up" if lot is None else f"rounding down to lots of {lot:g}"
    parts = [("raw quantity", row["raw_quantity"]), (rounding, whole - row["raw_quantity"])]
    if row["order_quantity"] != whole:
        parts.append(("limits shared with other lines", row["order_quantity"] - whole))
    return Sum(
        "order quantity",
        tuple(parts),
        row["order_quantity"],
        note=f"minimum {row['min_order_quantity']:g}, packs of {row['pack_size']:g}",
    )


def _protection(row: Mapping[str, Any]) -> str:
    if row["critical_ratio"] is not None:
        return f"safety stock for critical ratio {row['critical_ratio']:.3f}"
    return f"safety stock for service level {row['service_level']:g}"


def _cycle_note(row: Mapping[str, Any], cycle: float) -> str:
    eoq = row["eoq"]
    if eoq is None:
        return "no economic order quantity without a unit cost"
    if not cycle:
        return f"{row['policy']} orders up to it at every review"
    what = f"economic order quantity {eoq:,.1f}"
    if row["lot_size"] is not None:
        what = f"a lot, the {what} in whole packs"
    if row["season_end"]:
        return f"cycle stock: what is economic for the season ahead; {what} otherwise"
    if cycle < eoq * (1 - 1e-9):
        return f"cycle stock: {what}, cut to the longest cover"
    return f"cycle stock: {what}"


def _policy(row: Mapping[str, Any]) -> str:
    """The policy and where it comes from, in a sentence."""
    name, cutoff = row["policy"], row["policy_cutoff"]
    if row["policy_source"] == "class":
        return f"{name}, the choice of class {row['abc_class']} on demand up to {cutoff}"
    if row["policy_cost"] is None:
        return f"{name}, the default: no policy was chosen by the line's own demand"
    return (
        f"{name}, chosen by simulation on its demand up to {cutoff}: expected to cost "
        f"{row['policy_cost']:,.2f} a day, next best {row['next_policy']} with "
        f"{row['next_policy_cost']:,.2f}"
    )


def _facts(row: Mapping[str, Any], model: Mapping[str, Any] | None) -> tuple[tuple[str, str], ...]:
    facts = [
        ("Class", f"{row['abc_class']}{row['xyz_class']}, {row['life_cycle'].replace('_', ' ')}"),
        ("Policy", _policy(row)),
        ("Terms", f"lead time {_days(row['lead_time_days'])}, give or take "
         f"{row['lead_time_std_days']:.1f}, {_review(row)}"),
        ("Where from", row["parameters_from"].replace("=", " ").replace(",", ", ")),
        ("Stock-out expected", str(row["stockout_date"] or "not in sight")),
        ("Latest order date", str(row["latest_order_date"] or "none")),
        ("Model", f"{row['model']} version {row['model_version']}, trained on sales up to "
         f"{row['training_cutoff']}, forecast of {row['origin']}" if row["model"] else "none"),
    ]  # fmt: skip
    if row["season_end"]:
        facts.append(("Season", f"until {row['season_end']}, {row['season_units']:,.1f} units "
                      "expected until then"))  # fmt: skip
    if row["transfer_in"]:
        facts.append(("Moved here", row["transfer_from"].replace("=", " ").replace(",", ", ")))
    if row["transfer_out"]:
        facts.append(("Moved away", f"{row['transfer_out']:,g} units to other locations"))
    if row["plan_gap"] is not None:
        facts.append(("Limits", f"{row['unlimited_quantity'] or 0:,g} units without them; no plan "
                      f"within them is worth more by over {row['plan_gap']:.4%}"))  # fmt: skip
    if model is not None:
        facts.append(("Model run", f"{model['run_id']}, {model['reason']}"))
    return tuple(facts)


def _days(count: int) -> str:
    return f"{count} day" if count == 1 else f"{count} days"


def _review(row: Mapping[str, Any]) -> str:
    if row["next_order_date"]:
        return f"next order day of the supplier {row['next_order_date']}"
    every = "day" if row["review_days"] == 1 else f"{row['review_days']} days"
    return f"review every {every}"


def _daily(row: Mapping[str, Any], forecasts: pl.DataFrame) -> tuple[tuple[dt.date, float], ...]:
    rows = forecasts.filter(
        (pl.col("origin") == row["date"]) & (pl.col("horizon") <= row["protection_days"])
    )
    return tuple(rows.sort("date").select("date", pl.col("mean").cast(pl.Float64)).iter_rows())


def _sources(sales: pl.DataFrame) -> tuple[Source, ...]:
    files = sales.group_by("file").agg(
        pl.len().alias("rows"), pl.col("date").min().alias("first"), pl.col("date").max()
    )
    ordered = files.select("file", "rows", "first", "date").sort("file")
    return tuple(Source(*row) for row in ordered.iter_rows())
