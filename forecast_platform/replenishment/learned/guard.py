"""What a learned policy must beat before it orders anything.

All policies meet the same demand (common random numbers); a candidate is promoted only where it is
cheaper than every rival with confidence. Where the demand is that of a solvable system nothing is
cheaper than its optimum: a near-optimal policy is then promoted only by chance, at most as often as
the confidence leaves open (1 in 100 at 99 %). A learned policy earns its place where real demand
departs from the system solved, or where the system is too large to solve.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import polars as pl

from forecast_platform.errors import ConfigurationError
from forecast_platform.replenishment.exact.best import best_capped_base_stock
from forecast_platform.replenishment.exact.lost_sales import LostSales
from forecast_platform.replenishment.exact.policies import Policy
from forecast_platform.replenishment.learned.dynamics import FloatArray, IntArray, play

OPTIMUM, MYOPIC, CAPPED = "dynamic programming", "Myopic-2", "capped base-stock"


@dataclass(frozen=True)
class Verdict:
    """Whether a candidate is promoted, and why.

    Attributes:
        promoted: Whether it saves against every rival with the confidence asked for.
        cost: Its average cost per period, currency.
        rivals: One row per rival: rival, cost, saving (currency per period that the candidate is
            cheaper), standard_error, at_least (lower confidence bound of the saving), beaten.
    """

    promoted: bool
    cost: float
    rivals: pl.DataFrame


def rivals(system: LostSales, most_states: int = 200_000) -> dict[str, Policy]:
    """Policies that a learned one must beat.

    Args:
        system: The system as planned with.
        most_states: The optimum and Myopic-2 are left out of a system with more of them, which
            has no table in reasonable time, or with an order cost (Myopic-2).
    """
    found: dict[str, Policy] = {CAPPED: best_capped_base_stock(system)[0]}
    if (system.limits[-1] + 1) ** (system.lead_time - 1) * system.limits[0] <= most_states:
        found[OPTIMUM] = system.optimal().policy
        if system.order_cost == 0:
            found[MYOPIC] = system.myopic(periods=2)
    return found


def costs_per_path(
    policy: Policy, system: LostSales, demand: IntArray, warm_up: int = 0
) -> FloatArray:
    """Average cost per period of each path, from an empty system.

    Args:
        policy: Orders of (P, L) states.
        system: Its lead time and prices; its demand is not used.
        demand: (T, P) whole units, T periods of P paths.
        warm_up: First periods whose costs are not counted.

    Returns:
        (P,) currency per period.

    Raises:
        ConfigurationError: If demand has another shape, is negative or not whole, or the warm-up
            leaves no period.
    """
    given = np.asarray(demand)
    if given.ndim != 2 or not 0 <= warm_up < len(given) or (given < 0).any():
        raise ConfigurationError(
            "Demand was expected as (periods, paths), not negative and longer than the warm-up of "
            f"{warm_up} periods; it came with the shape {given.shape}: correct it."
        )
    if (given != np.floor(given)).any():
        raise ConfigurationError("Demand was expected in whole units; round it before.")
    states = np.zeros((given.shape[1], system.lead_time), dtype=np.int64)
    total = np.zeros(given.shape[1])
    for period, units in enumerate(given.astype(np.int64)):
        orders = policy(states)
        after = play(states, orders, units)
        states = after.states
        if period >= warm_up:
            total += system.holding * after.left + system.penalty * after.lost
            total += system.order_cost * (orders > 0)
    return total / (len(given) - warm_up)


def judge(
    candidate: Policy,
    against: Mapping[str, Policy],
    system: LostSales,
    demand: IntArray,
    confidence: float = 0.99,
    warm_up: int = 100,
) -> Verdict:
    """Compare a candidate with its rivals on the same demand, path by path.

    The candidate must beat all, each with a one-sided paired t test. Since it fails if any one
    does, the error of the whole is no larger than that of one test, whatever their number
    (intersection-union test, Berger 1982, Technometrics 24(4)).

    Args:
        candidate: Learned policy.
        against: Rivals by name, see `rivals`.
        system: Lead time and prices.
        demand: (T, P) whole units of P independent paths, at least 2.
        confidence: Of the promotion.
        warm_up: First periods that do not count.

    Raises:
        ConfigurationError: If there is no rival, fewer than two paths, a confidence outside
            0.5 to 1, or demand that makes no sense.
    """
    from scipy.special import stdtrit

    if not against or np.shape(demand)[-1] < 2 or not 0.5 <= confidence < 1:
        raise ConfigurationError(
            f"A judgement needs at least one rival (got {len(against)}), two paths of demand (got "
            f"shape {np.shape(demand)}) and a confidence of 0.5 to 1 (got {confidence})."
        )
    cost = costs_per_path(candidate, system, demand, warm_up)
    factor = float(stdtrit(cost.size - 1, confidence))
    rows = []
    for name, rival in against.items():
        theirs = costs_per_path(rival, system, demand, warm_up)
        saving = theirs - cost
        error = float(saving.std(ddof=1) / np.sqrt(saving.size))
        mean = float(saving.mean())
        rows.append((name, float(theirs.mean()), mean, error, mean - factor * error))
    columns = ["rival", "cost", "saving", "standard_error", "at_least"]
    frame = pl.DataFrame(rows, schema=columns, orient="row")
    frame = frame.with_columns(beaten=pl.col("at_least") > 0)
    return Verdict(bool(frame["beaten"].all()), float(cost.mean()), frame)
