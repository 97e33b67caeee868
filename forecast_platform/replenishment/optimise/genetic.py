"""A genetic algorithm for rules that do not separate by line, seeded from the Lagrangian plan.

It does not search quantities but prices: one gene per group of lines (a supplier, a truck) shifts
the price of what the rule counts, and every line answers with its best whole packs. The search
space is small, and every plan it tries is sensible line by line. The seed takes part, so that the
result is never worse.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from forecast_platform.errors import ConfigurationError
from forecast_platform.replenishment.optimise.lagrangian import Allocation, allocate
from forecast_platform.replenishment.optimise.problem import (
    FloatArray,
    IntArray,
    Limits,
    Lines,
    Problem,
    prepare,
)
from forecast_platform.replenishment.optimise.value import best_packs, expected_left, values

_LOWEST, _HIGHEST, _NOTHING = -1.0, 3.0, 2.8
"""Range of a gene in units of the rule's scale; above the last the group orders nothing."""
_SPREAD = 0.5


class Rule(Protocol):
    """A cost on top of what the lines cost, which depends on groups of lines together."""

    group: NDArray[np.int64]
    """(N,) group of every line, from 0."""
    usage: FloatArray
    """(N,) of what the rule counts, per unit."""
    scale: float
    """Currency per unit of usage: by how much prices may have to shift."""

    def cost(self, used: FloatArray) -> float:
        """Currency for the usage of the groups, (J,)."""
        ...


class TruckLoads:
    """Joint truck loads: each group's orders fill whole trucks, each with its freight cost."""

    def __init__(
        self, group: ArrayLike, volume: ArrayLike, truck_volume: float, truck_cost: float
    ) -> None:
        """Set the rule.

        Args:
            group: (N,) group of every line, from 0: supplier, or supplier and warehouse.
            volume: (N,) volume per unit.
            truck_volume: Volume of one truck, above 0.
            truck_cost: Currency per truck.

        Raises:
            ConfigurationError: If a volume or cost is negative, NaN or zero where it cannot be.
        """
        self.group = np.asarray(group, np.int64)
        self.usage = np.asarray(volume, np.float64)
        if not (truck_volume > 0 and truck_cost >= 0 and (self.usage >= 0).all()):
            raise ConfigurationError(
                "Truck loads: a truck volume above 0, a cost from 0 and volumes from 0 were "
                f"expected; {truck_volume}, {truck_cost} and {self.usage.min(initial=np.nan)} at "
                "the least came."
            )
        self.truck_volume, self.truck_cost = truck_volume, truck_cost
        self.scale = truck_cost / truck_volume

    def cost(self, used: FloatArray) -> float:
        """Freight of whole trucks for the volume of the groups, (J,)."""
        return float(np.ceil(used / self.truck_volume - 1e-9).sum() * self.truck_cost)


@dataclass(frozen=True)
class GeneticPlan:
    """What the genetic algorithm found.

    Attributes:
        packs: (n,) packs of the lines that could be planned.
        net: Expected cost saved less the rule's cost, currency.
        seed_net: The same of the Lagrangian plan it started from.
        linear_net: The same with the rule's cost spread evenly over what it counts, the best that
            prices alone know of the rule; minus infinity where that plan breaks a limit.
        bound: No plan has a higher net: the Lagrangian bound, since the rule only costs.
    """

    packs: IntArray
    net: float
    seed_net: float
    linear_net: float
    bound: float


@dataclass(frozen=True)
class ParetoFront:
    """Plans none of which is beaten in both cost and service, by rising service.

    Attributes:
        cost: (F,) expected overage and order cost and the rule's cost, currency: what service is
            bought with.
        service: (F,) expected share of demand over the protection period met from stock.
        packs: (F, n) packs of the lines that could be planned.
    """

    cost: FloatArray
    service: FloatArray
    packs: IntArray


def improve(
    lines: Lines,
    limits: Limits,
    rule: Rule,
    seed_plan: Allocation | None = None,
    *,
    population: int = 40,
    generations: int = 60,
    seed: int = 1,
) -> GeneticPlan:
    """Improve the Lagrangian plan under a rule that does not separate.

    Args:
        lines: N lines.
        limits: What they share.
        rule: The additional cost.
        seed_plan: Plan of the same lines and limits; made where not given.
        population: Plans per generation.
        generations: Generations.
        seed: Seed of the search.

    Returns:
        The best plan seen, at worst the seed.

    Raises:
        ContractError: If there is no line, or arrays do not fit each other.
        ConfigurationError: If a limit is negative or NaN.
    """
    problem = prepare(lines, limits)
    plan = seed_plan or allocate(lines, limits)
    search = _Search(problem, rule, plan.prices)
    seed_net = search.net(plan.packs)
    best, best_net = plan.packs, seed_net
    linear = search.plan(np.ones(search.groups))
    linear_net = search.net(linear) if problem.is_feasible(linear) else -np.inf

    def evaluate(genes: FloatArray) -> tuple[list[float], float]:
        nonlocal best, best_net
        packs = search.plan(genes)
        net, excess = search.net(packs), search.excess(packs)
        if net > best_net and problem.is_feasible(packs):
            best, best_net = packs, net
        return [-net], excess

    start = np.random.default_rng(seed).normal(0.0, _SPREAD, (population, search.groups))
    start[0], start[1:2] = 0.0, 1.0
    if problem.lines:
        _evolve(evaluate, np.clip(start, _LOWEST, _HIGHEST), 1, generations, seed)
    return GeneticPlan(best, best_net, seed_net, linear_net, plan.bound)


def pareto_front(
    lines: Lines,
    limits: Limits,
    rule: Rule,
    *,
    population: int = 40,
    generations: int = 40,
    seed: int = 1,
) -> ParetoFront:
    """Front of cost against service by NSGA-II (Deb et al. 2002), seeded by uniform emphasis.

    A gene per group multiplies the cost of being short; the first population is a family of
    plans with one multiple for all groups, which the Lagrangian would give.

    Raises:
        ContractError: If there is no line, or arrays do not fit each other.
        ConfigurationError: If a limit is negative or NaN.
    """
    problem = prepare(lines, limits)
    search = _Search(problem, rule, allocate(lines, limits).prices)
    seen: list[tuple[float, float, IntArray]] = []

    def evaluate(genes: FloatArray) -> tuple[list[float], float]:
        packs = search.emphasised(genes)
        cost, service = search.cost_and_service(packs)
        if problem.is_feasible(packs):
            seen.append((cost, service, packs))
        return [cost, -service], search.excess(packs)

    evenly = np.linspace(_LOWEST, _HIGHEST, population)
    start = np.repeat(evenly[:, None], search.groups, axis=1)
    if problem.lines:
        _evolve(evaluate, start, 2, generations, seed)
    return _front(seen, problem.lines)


def cost_and_service(
    lines: Lines, limits: Limits, rule: Rule, quantity: FloatArray
) -> tuple[float, float]:
    """Where a plan of units (N,) lies beside a `ParetoFront` of the same lines, limits and rule."""
    problem = prepare(lines, limits)
    packs = np.rint(quantity[problem.kept] / problem.pack).astype(np.int64)
    return _Search(problem, rule, np.zeros(problem.limits.size)).cost_and_service(packs)


class _Search:
    """Plans from genes, and what they are worth."""

    def __init__(self, problem: Problem, rule: Rule, prices: FloatArray) -> None:
        self.problem, self.rule = problem, rule
        self.group, self.usage = rule.group[problem.kept], rule.usage[problem.kept]
        self.price = prices @ problem.usage
        self.groups = int(rule.group.max(initial=0)) + 1

    def plan(self, genes: FloatArray) -> IntArray:
        shift = (genes * self.rule.scale)[self.group] * self.usage
        packs, _ = best_packs(self.problem, self.price + shift)
        return np.where(genes[self.group] > _NOTHING, 0, packs)

    def emphasised(self, genes: FloatArray) -> IntArray:
        underage = self.problem.underage * np.exp(genes)[self.group]
        return best_packs(self.problem, self.price, underage)[0]

    def excess(self, packs: IntArray) -> float:
        """By how much limits and suppliers' minima are missed, as shares; 0 if none is."""
        problem = self.problem
        finite = np.isfinite(problem.limits) & (problem.limits > 0)
        over = problem.used(packs)[finite] / problem.limits[finite] - 1.0
        spent = problem.spent_by_supplier(packs)
        wanting = (spent > 0) & (spent < problem.supplier_minimum)
        short = 1.0 - spent[wanting] / problem.supplier_minimum[wanting]
        return float(np.maximum(over, 0.0).sum() + short.sum())

    def rule_cost(self, packs: IntArray) -> float:
        used = self.usage * self.problem.pack * packs
        by_group = np.bincount(self.group, used, minlength=self.groups)
        return self.rule.cost(np.asarray(by_group, np.float64))

    def net(self, packs: IntArray) -> float:
        return float(values(self.problem, packs).sum()) - self.rule_cost(packs)

    def cost_and_service(self, packs: IntArray) -> tuple[float, float]:
        left, short = expected_left(self.problem, packs)
        spent = left @ self.problem.overage + self.problem.order_cost[packs > 0].sum()
        demanded = max(float(self.problem.demand.mean(axis=1).sum()), 1e-12)
        return float(spent) + self.rule_cost(packs), 1.0 - float(short.sum()) / demanded


def _evolve(
    evaluate: Callable[[FloatArray], tuple[list[float], float]],
    start: FloatArray,
    objectives: int,
    generations: int,
    seed: int,
) -> None:
    """Run pymoo's genetic algorithm; what is worth keeping is kept by `evaluate`."""
    from pymoo.algorithms.moo.nsga2 import NSGA2
    from pymoo.algorithms.soo.nonconvex.ga import GA
    from pymoo.core.problem import ElementwiseProblem
    from pymoo.optimize import minimize

    class Genes(ElementwiseProblem):  # type: ignore[misc]
        def _evaluate(self, x: FloatArray, out: dict[str, Any], *_: Any, **__: Any) -> None:
            out["F"], out["G"] = evaluate(x)

    space = Genes(n_var=start.shape[1], n_obj=objectives, n_ieq_constr=1, xl=_LOWEST, xu=_HIGHEST)
    kind = GA if objectives == 1 else NSGA2
    minimize(space, kind(pop_size=len(start), sampling=start), ("n_gen", generations), seed=seed)


def _front(seen: list[tuple[float, float, IntArray]], lines: int) -> ParetoFront:
    """Those seen that no other beats: by rising cost, each with more service than all before."""
    kept: list[tuple[float, float, IntArray]] = []
    for point in sorted(seen, key=lambda point: (point[0], -point[1])):
        if not kept or point[1] > kept[-1][1]:
            kept.append(point)
    return ParetoFront(
        np.array([cost for cost, *_ in kept]),
        np.array([service for _, service, _ in kept]),
        np.array([packs for *_, packs in kept], np.int64).reshape(len(kept), lines),
    )
