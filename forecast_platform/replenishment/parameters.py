"""What a shop decides about its plan: targets, cost rates and terms where none are known."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from forecast_platform.errors import ConfigurationError

LIMITS = ("order_budget", "order_volume", "location_order_volume")
"""Parameters that limit the orders of a day together."""


@dataclass(frozen=True)
class PlanParameters:
    """Parameters of the plan. Those named in `graph.PLAN_SETTINGS` come from settings.

    Attributes:
        service_level: Cycle service level aimed at, between .5 and 1.
        holding_rate: Holding cost per year as share of unit cost.
        order_cost: Fixed cost of an order line, where the supplier names none.
        cost_share: Unit cost as share of price, where no cost is known.
        lead_time_days: Mean lead time in days, where no supplier is known.
        lead_time_std_days: Its standard deviation.
        review_days: Days between two chances to order.
        min_order_quantity: Smallest order in units.
        pack_size: Units per pack.
        class_service_levels: Service level of an ABC class, where it differs.
        abc_cuts: Shares of annual value at which class A and class B end.
        xyz_cuts: Coefficients of variation at which class X and class Y end.
        max_cover_days: Longest cover that the economic order quantity may buy.
        order_budget: Most currency that the orders of a day may cost together; none if empty.
        order_volume: Most volume that they may have together; none if empty.
        location_order_volume: Most volume that those for one location may have; none if empty.
        transfer_cost: Cost of moving a unit between two locations, currency; nothing is moved if
            empty.
        country: Country whose public holidays are no order days (ISO 3166).

    Raises:
        ConfigurationError: If a value makes no sense; names it.
    """

    service_level: float = 0.95
    holding_rate: float = 0.25
    order_cost: float = 5.0
    cost_share: float = 0.7
    lead_time_days: float = 7.0
    lead_time_std_days: float = 1.0
    review_days: int = 7
    min_order_quantity: float = 1.0
    pack_size: float = 1.0
    class_service_levels: Mapping[str, float] = field(default_factory=dict)
    abc_cuts: tuple[float, float] = (0.8, 0.95)
    xyz_cuts: tuple[float, float] = (0.5, 1.0)
    max_cover_days: float = 90.0
    order_budget: float | None = None
    order_volume: float | None = None
    location_order_volume: float | None = None
    transfer_cost: float | None = None
    country: str = "US"

    def __post_init__(self) -> None:
        levels = {"service_level": self.service_level, **self.class_service_levels}
        _require({k: 0.5 < v < 1 for k, v in levels.items()}, levels, "between .5 and 1")
        positive = ("holding_rate", "order_cost", "cost_share", "pack_size", "max_cover_days")
        self._require_finite(positive, above=0.0, strict=True)
        self._require_finite(
            ("lead_time_days", "lead_time_std_days", "min_order_quantity"), above=0.0, strict=False
        )
        self._require_finite(("review_days",), above=1.0, strict=False)
        given = [n for n in (*LIMITS, "transfer_cost") if getattr(self, n) is not None]
        self._require_finite(given, above=0.0, strict=False)
        for name in ("abc_cuts", "xyz_cuts"):
            low, high = getattr(self, name)
            _require({name: 0 < low <= high}, {name: (low, high)}, "two rising positive numbers")

    def _require_finite(self, names: Sequence[str], above: float, strict: bool) -> None:
        values = {name: float(getattr(self, name)) for name in names}
        fits = {n: math.isfinite(v) and (v > above if strict else v >= above)
                for n, v in values.items()}  # fmt: skip
        _require(fits, values, f"{'above' if strict else 'at least'} {above:g}")

    @property
    def has_limits(self) -> bool:
        """Whether the orders of a day share a budget or a volume."""
        return any(getattr(self, name) is not None for name in LIMITS)

    def service_level_of(self, abc_class: str) -> float:
        """Cycle service level aimed at for an ABC class."""
        return self.class_service_levels.get(abc_class, self.service_level)


def _require(fits: Mapping[str, bool], values: Mapping[str, object], expected: str) -> None:
    for name, fit in fits.items():
        if not fit:
            raise ConfigurationError(
                f"Plan parameter {name} must be {expected}, not {values[name]}: mend the settings."
            )
