"""What an order is worth: the margin it keeps and the order cost it spares.

A unit that lifts stock above x keeps its margin m if demand D of the protection period exceeds x.
If not, it stays as cycle stock and puts off the next order. In the steady state of the economic
order quantity Q, with holding cost h, the value of having q units is h (Q q - q^2 / 2) / d for a
demand rate d: the relative value function of that control problem (Tijms 2003, A First Course in
Stochastic Models, section 6.2). Its slope, (h Q / d) (1 - q / Q), is that of a demand for cycle
stock which is uniform on 0 .. Q. Together

    marginal value = m P(D > x) + (h Q / d) P(D + U > x),    U uniform on 0 .. Q,

which is a newsvendor's with underage cost m + h Q / d and a mixture of D and D + U for its demand:
the form that `optimise` takes. A whole cycle stock is worth the cost of one order.
"""

from __future__ import annotations

import numpy as np
import polars as pl
from numpy.typing import NDArray

from forecast_platform.contracts import QUANTILES
from forecast_platform.replenishment.economics import unit_margins
from forecast_platform.replenishment.lines import QUANTILE_COLUMNS
from forecast_platform.replenishment.optimise.problem import Lines, equal_points
from forecast_platform.replenishment.parameters import PlanParameters

FloatArray = NDArray[np.float64]

_POINTS = 32
_STRIDE = 13
"""Pairs the points of D with those of U evenly; has no factor in common with their number."""
_DAYS_PER_YEAR = 365.0
_NEARLY = 0.99
"""Share of its gain that a due order may cost at most."""


def order_lines(
    lines: pl.DataFrame,
    wanted: FloatArray,
    most: FloatArray,
    usage: FloatArray,
    supplier: NDArray[np.int64],
    parameters: PlanParameters,
) -> Lines:
    """Lines of an allocation whose best plan without limits is the plan that is wanted.

    The policy decides which lines are due: the order cost of a due line counts up to what the
    order gains, that of another counts at least that much, so that only a limit moves a line.

    Args:
        lines: N plan lines whose quantity can be told and whose unit cost is known.
        wanted: (N,) units that the policy asks for.
        most: (N,) most units that the line may be raised to.
        usage: (M, N) of each limit per unit, purchase cost first.
        supplier: (N,) place of the line's supplier.
        parameters: Cost rates.
    """
    position, pack = _numbers(lines, "planned_position"), _numbers(lines, "pack_size")
    due = wanted > 0
    enough = np.where(due, position + wanted - pack / 2, _numbers(lines, "order_up_to_level"))
    demand, underage = _stock_demand(lines, enough, parameters)
    days = _numbers(lines, "protection_days")
    # Small enough for the last unit that the policy asks for to be worth having.
    overage = np.minimum(_holding(lines, parameters) * days, underage / (2 * _POINTS))
    stock = np.where(due, position + wanted, enough)
    short = np.maximum(demand - position[:, None], 0.0) - np.maximum(demand - stock[:, None], 0.0)
    spare = np.maximum(stock[:, None] - demand, 0.0) - np.maximum(position[:, None] - demand, 0.0)
    gain = underage * short.mean(axis=1) - overage * spare.mean(axis=1)
    cost = _numbers(lines, "order_cost")
    return Lines(
        position=position,
        demand=demand,
        underage=underage,
        overage=overage,
        usage=usage,
        order_cost=np.where(
            due, np.minimum(cost, _NEARLY * gain), np.maximum(cost, gain / _NEARLY)
        ),
        pack=pack,
        minimum=_numbers(lines, "min_order_quantity"),
        maximum=most,
        supplier=supplier,
    )


def protection_demand(lines: pl.DataFrame) -> FloatArray:
    """(N, B) equally likely demands of the protection period, widened for the lead time's spread.

    Widened as the safety stock is: variances of demand and of demand in the lead time's spread
    add up.
    """
    points = equal_points(QUANTILES, lines.select(QUANTILE_COLUMNS).to_numpy(), _POINTS)
    mean, std = _numbers(lines, "protection_demand"), _numbers(lines, "protection_std")
    spread = mean / _numbers(lines, "protection_days") * _numbers(lines, "lead_time_std_days")
    wider = np.sqrt(1.0 + np.square(spread / np.where(std > 0, std, np.inf)))
    return np.maximum(mean[:, None] + (points - mean[:, None]) * wider[:, None], 0.0)


def _stock_demand(
    lines: pl.DataFrame, enough: FloatArray, parameters: PlanParameters
) -> tuple[FloatArray, FloatArray]:
    """(N, B) equally likely demands for stock and (N,) the value of meeting a unit of them.

    The largest is the stock that is enough, so that every unit up to it is worth something and
    none above it.
    """
    demand = protection_demand(lines)
    eoq = np.nan_to_num(_numbers(lines, "eoq"))
    rate = _numbers(lines, "protection_demand") / _numbers(lines, "protection_days")
    margin = unit_margins(
        _numbers(lines, "price"), _numbers(lines, "unit_cost"), parameters.cost_share
    )
    spared = _holding(lines, parameters) * eoq / np.where(rate > 0, rate, np.inf)
    uniform = (np.arange(_POINTS) * _STRIDE % _POINTS + 0.5) / _POINTS
    both = np.concatenate([demand, demand + eoq[:, None] * uniform], axis=1)
    underage = margin + spared
    share = margin / np.where(underage > 0, underage, 1.0)
    weights = np.repeat(np.stack([share, 1.0 - share], axis=1), _POINTS, axis=1) / _POINTS
    points = np.clip(_equally_likely(both, weights), 0.0, np.maximum(enough, 0.0)[:, None])
    points[:, -1] = np.maximum(enough, 0.0)
    return points, underage


def _holding(lines: pl.DataFrame, parameters: PlanParameters) -> FloatArray:
    """(N,) currency per unit and day."""
    return parameters.holding_rate * _numbers(lines, "unit_cost") / _DAYS_PER_YEAR


def _equally_likely(values: FloatArray, weights: FloatArray) -> FloatArray:
    """(N, B) quantiles, at (b + 1/2) / B, of weighted values (N, V)."""
    order = np.argsort(values, axis=1, kind="stable")
    rising = np.take_along_axis(values, order, axis=1)
    reached = np.cumsum(np.take_along_axis(weights, order, axis=1), axis=1)
    at = (np.arange(_POINTS) + 0.5) / _POINTS
    places = np.stack([(reached < level - 1e-12).sum(axis=1) for level in at], axis=1)
    return np.take_along_axis(rising, np.minimum(places, values.shape[1] - 1), axis=1)


def _numbers(lines: pl.DataFrame, name: str) -> FloatArray:
    return lines[name].cast(pl.Float64).to_numpy()
