"""What a replay of history needs of the lake: demand as it came, margins and terms."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import polars as pl
from numpy.typing import NDArray

from forecast_platform.contracts import tables
from forecast_platform.errors import ConfigurationError
from forecast_platform.home import Home
from forecast_platform.lake.days import ONE_DAY
from forecast_platform.lake_panel import read_panel
from forecast_platform.panel import Panel
from forecast_platform.replenishment import terms
from forecast_platform.replenishment.economics import unit_costs

if TYPE_CHECKING:
    from forecast_platform.replenishment.history_replay.case import Case

PAST_DAYS = 365
"""Days before the replay that the alternatives rest on, as far as there are so many."""

_LEAST_TRAINING = 28

FloatArray = NDArray[np.float64]


def read_case(
    home: Home,
    days: int,
    *,
    lead_time: int | None = None,
    review: int | None = None,
    order_cost: float | None = None,
) -> tuple[Case, Panel, list[str]]:
    """What is replayed, the panel it is forecast from, and what was assumed.

    Args:
        home: The home folder.
        days: Newest days of the history that are counted; twice the longest lead time plus review
            before them warm up.
        lead_time: Days from order to receipt for all; None: by supplier, else the settings.
        review: Days between review days for all; None likewise.
        order_cost: Currency per order line for all; None likewise.

    Raises:
        ConfigurationError: If there is no history or it is too short.
    """
    from forecast_platform.replenishment.history_replay.case import Case

    known = home.state().days("features")
    if not known:
        raise ConfigurationError(
            "There is no history to replay: land sales and run `forecast-platform run`."
        )
    settings, last = home.settings, known[-1]
    wanted = settings.training_days + PAST_DAYS + days
    panel = read_panel(home, max(known[0], last - wanted * ONE_DAY), last)
    line = _terms(home, panel, lead_time_days=lead_time, review_days=review,
                  order_cost=order_cost)  # fmt: skip
    lead, every = (line[name].to_numpy() for name in ("lead_time_days", "review_days"))
    warm_up = 2 * int((lead + every).max())
    start = panel.n_days - days - warm_up
    least = max(_LEAST_TRAINING, int((lead + every).max()))
    if start < least:
        raise ConfigurationError(
            f"Replaying {days} days needs {days + warm_up + least} days of history "
            f"(with {warm_up} to warm up and {least} before), the lake holds {panel.n_days}: ask "
            f"for at most {max(panel.n_days - warm_up - least, 0)} days by --days."
        )
    demand, price = (_wide(home, panel, name) for name in ("demand_units", "price"))
    margin, notes = _margins(home, panel, price[:, :start])
    unknown = np.isnan(demand[:, start + warm_up :]).mean()
    notes.append(f"days of unknown demand counted as none: {unknown:.2%} of item-days")
    first_day = panel.first_day + start * ONE_DAY
    demand = np.nan_to_num(demand)
    case = Case(
        demand=demand[:, start:], past=demand[:, max(start - PAST_DAYS, 0) : start],
        warm_up=warm_up, lead_time=lead, review=every,
        first_review=(1 - first_day.toordinal()) % every,
        minimum=line["min_order_quantity"].to_numpy(), pack=line["pack_size"].to_numpy(),
        order_cost=line["order_cost"].to_numpy(), margin=margin, holding=margin,
    )  # fmt: skip
    return case, panel, notes


def _terms(home: Home, panel: Panel, **given: float | None) -> pl.DataFrame:
    """Terms of the panel's series, in its order; those given hold for all."""
    products, suppliers = home.read("validated_products"), home.read("validated_suppliers")
    found = terms(panel.keys, products, suppliers, home.plan_parameters)
    return found.with_columns(
        pl.lit(value).cast(found.schema[name]).alias(name)
        for name, value in given.items()
        if value is not None
    )


def _margins(home: Home, panel: Panel, price: FloatArray) -> tuple[FloatArray, list[str]]:
    """(N,) margin per unit at the mean price before the replay; the median if unknown."""
    days = np.isfinite(price[:, -PAST_DAYS:])
    total = np.where(days, price[:, -PAST_DAYS:], 0.0).sum(axis=1)
    mean = np.where(days.any(axis=1), total / np.maximum(days.sum(axis=1), 1), np.nan)
    costs = panel.keys.join(
        home.read("validated_products").select("item_id", "unit_cost"), on="item_id", how="left",
        maintain_order="left",
    )["unit_cost"]  # fmt: skip
    cost, _ = unit_costs(
        costs.cast(pl.Float64).fill_null(np.nan).to_numpy(), mean, home.settings.cost_share
    )
    margin = mean - cost
    known = margin > 0
    middle = float(np.median(margin[known])) if known.any() else 1.0
    notes = [] if known.all() else [
        f"{np.count_nonzero(~known)} items without a price above cost got the median margin"
    ]  # fmt: skip
    return np.where(known, margin, middle), notes


def _wide(home: Home, panel: Panel, column: str) -> FloatArray:
    """(N, T) of a column of cleaned demand for the panel's series and days; NaN where unknown."""
    keys = panel.keys.with_row_index("series")
    rows = (
        home.lake.scan(tables()["clean_demand"], panel.first_day, panel.last_day)
        .select("date", "item_id", "location_id", column).collect()
        .join(keys, on=["item_id", "location_id"])
    )  # fmt: skip
    day = (rows["date"] - panel.first_day).dt.total_days().to_numpy()
    values = np.full((panel.n_series, panel.n_days), np.nan)
    values[rows["series"].to_numpy(), day] = rows[column].cast(pl.Float64).fill_null(np.nan)
    return values
