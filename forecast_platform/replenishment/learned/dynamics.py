"""One period of many lost-sales systems at once, the orders that make sense, and rewards.

Events as in `exact`: order, receive, demand. A state is a row (on hand, due next period, ..., due
in L - 1 periods), units, after the receipt of the period and before its order.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from forecast_platform.errors import ConfigurationError
from forecast_platform.replenishment.classic.checks import not_negative, positive
from forecast_platform.replenishment.exact.lost_sales import LostSales

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]


@dataclass(frozen=True)
class Period:
    """What a period brought to N systems.

    Attributes:
        states: (N, L) states a period later.
        sold: (N,) units.
        left: (N,) units on hand at the end, before the next receipt.
        lost: (N,) units of demand not met.
    """

    states: IntArray
    sold: IntArray
    left: IntArray
    lost: IntArray


def play(states: IntArray, orders: IntArray, demand: IntArray) -> Period:
    """Play one period.

    Args:
        states: (N, L) units.
        orders: (N,) units, received L periods later.
        demand: (N,) units.
    """
    stock = states[:, 0]
    sold = np.minimum(stock, demand)
    following = np.empty_like(states)
    following[:, :-1] = states[:, 1:]
    following[:, -1] = orders
    following[:, 0] += stock - sold
    return Period(following, sold, stock - sold, demand - sold)


def draw(pmf: FloatArray, shape: tuple[int, ...], rng: np.random.Generator) -> IntArray:
    """Demand of the given shape, units, by inverting the (M,) probabilities of 0, 1, ..."""
    table = np.cumsum(pmf)
    return np.searchsorted(table[:-1], rng.random(shape), side="right").astype(np.int64)


def mean_demand(system: LostSales) -> float:
    """Units per period.

    Raises:
        ConfigurationError: If there is no demand at all, so that nothing can be learned.
    """
    return float(positive("The mean demand", system.demand @ np.arange(system.demand.size)))


def order_limits(system: LostSales) -> tuple[int, ...]:
    """(L + 1,) units that the last L + 1, ..., 1 orders, with the stock for all, may come to.

    Without an order cost no optimal order goes beyond them (Zipkin 2008, section 3); with one, two
    economic order quantities are added.
    """
    if system.order_cost == 0:
        return system.limits
    quantity = np.sqrt(2 * system.order_cost * mean_demand(system) / system.holding)
    largest = system.limits[-1] + 2 * int(np.ceil(quantity))
    highest = system.limits[0] + 2 * int(np.ceil(quantity))
    return (highest,) + (largest,) * system.lead_time


@dataclass(frozen=True)
class Reward:
    """Weights of the parts of which the reward of a period is the sum.

    Attributes:
        cost: Of minus the holding, lost-sales and order cost, per unit of currency.
        service: Of the units sold over mean demand; on average that is the fill rate (type 2).
        turnover: Of minus the stock left in periods of mean demand, whose average is the
            reciprocal of the stock turns at full service; turns themselves add up over no periods.

    Raises:
        ConfigurationError: If a weight is negative or NaN, or nothing weighs against stock, or
            nothing against lost sales.
    """

    cost: float = 1.0
    service: float = 0.0
    turnover: float = 0.0

    def __post_init__(self) -> None:
        for name in ("cost", "service", "turnover"):
            not_negative(f"The weight of {name}", getattr(self, name))
        if self.cost == 0 and (self.service == 0 or self.turnover == 0):
            raise ConfigurationError(
                "A reward must weigh stock against lost sales; this one has a cost weight of 0, "
                f"service {self.service:g} and turnover {self.turnover:g}: give cost a weight, or "
                "both of the others."
            )

    def parts(self, system: LostSales, orders: IntArray, period: Period) -> dict[str, FloatArray]:
        """(N,) weighted reward of the period by part, in the reward's own unit."""
        mean = mean_demand(system)
        cost = system.holding * period.left + system.penalty * period.lost
        cost = cost + system.order_cost * (orders > 0)
        return {
            "cost": -self.cost * cost,
            "service": self.service * period.sold / mean,
            "turnover": -self.turnover * period.left / mean,
        }

    def priced(self, system: LostSales) -> LostSales:
        """The system whose cost per period is `service` less the average reward of this one.

        Every part is linear in what is left and what is lost, so any weights are prices of stock
        and of lost sales, and what is exact for costs is exact for rewards.
        """
        mean = mean_demand(system)
        return replace(
            system,
            holding=self.cost * system.holding + self.turnover / mean,
            penalty=self.cost * system.penalty + self.service / mean,
            order_cost=self.cost * system.order_cost,
        )
