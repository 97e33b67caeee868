"""A small shop in which policies are chosen."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import polars as pl
from plan_shop import landed_rows, rows_of

from forecast_platform.contracts import tables
from forecast_platform.replenishment import PlanParameters
from forecast_platform.replenishment.choice.table import DEMAND_DAYS, policy_choice

CUTOFF = dt.date(2024, 6, 2)
"""A Sunday."""
KEYS = ["item_id", "location_id"]


@dataclass(frozen=True)
class ChoiceShop:
    """Tables of some items at l0; `choice()` chooses their policies."""

    tables: dict[str, pl.DataFrame]
    parameters: PlanParameters = field(default_factory=PlanParameters)

    def having(self, **frames: pl.DataFrame) -> ChoiceShop:
        """The shop with some tables replaced."""
        return replace(self, tables={**self.tables, **frames})

    def choice(self, cutoff: dt.date = CUTOFF, seed: int = 7) -> pl.DataFrame:
        """Rows of `policy_choice`."""
        return policy_choice(cutoff, **self.tables, parameters=self.parameters, seed=seed)


def build(
    means: tuple[float, ...] = (0.1, 0.6, 2.0, 8.0),
    *,
    unit: float = 1.0,
    days: int = DEMAND_DAYS,
    **terms: Any,
) -> ChoiceShop:
    """Items i<n> that sell `means[n]` units a day in bursts, up to the cutoff.

    `unit` is the size of a unit: 2 makes every quantity twice as large and every price half.
    """
    rng = np.random.default_rng(5)
    sold = rng.negative_binomial(1.5, 1.5 / (1.5 + np.array(means)), (days, len(means)))
    demand = [
        {"date": CUTOFF - dt.timedelta(days=days - 1 - t), "item_id": f"i{n}", "location_id": "l0",
         "demand_units": float(sold[t, n]) * unit, "price": 10.0 / unit}
        for t in range(days) for n in range(len(means))
    ]  # fmt: skip
    supplier = {"supplier_id": "s0", "lead_time_days": 5.0, "lead_time_std_days": 1.5,
                "review_days": 7, "min_order_quantity": 2.0 * unit, "pack_size": 2.0 * unit,
                "order_cost": 2.0, **terms}  # fmt: skip
    products = [
        {"item_id": f"i{n}", "unit_cost": 6.0 / unit, "supplier_id": "s0", "is_product": True}
        for n in range(len(means))
    ]
    return ChoiceShop(
        {
            "clean_demand": rows_of(tables()["clean_demand"], demand),
            "products": landed_rows("products", products),
            "suppliers": landed_rows("suppliers", [supplier]),
            "lead_times": rows_of(tables()["lead_times"], []),
            "earlier": rows_of(tables()["policy_choice"], []),
        }
    )


def chosen(choice: pl.DataFrame) -> dict[str, str]:
    """The policy of every item."""
    return dict(choice.filter("is_chosen").select("item_id", "policy").iter_rows())
