"""Policies swept over their service parameter: cost against service, at equal fill rate."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from forecast_platform.errors import ConfigurationError
from forecast_platform.replenishment.history_replay.case import (
    PARTS,
    Case,
    FloatArray,
    Levels,
    Outcome,
    replay,
)
from forecast_platform.replenishment.history_replay.foresight import foresight_bound
from forecast_platform.replenishment.simulation.results import Estimate

Rule = Callable[[Case, float], Levels]
"""Levels of a policy from the case and the weight of the margin."""

WEIGHTS = (0.1, 0.2, 0.35, 0.6, 1.0, 1.7, 3.0, 6.0, 12.0, 30.0, 100.0)
"""Weights swept; 1 is the policy at the critical ratio of the costs."""


@dataclass(frozen=True)
class Curve:
    """One policy at every weight of the sweep.

    Attributes:
        name: Name of the policy.
        weights: Rising weights; 1 among them.
        outcomes: One for each weight.
    """

    name: str
    weights: tuple[float, ...]
    outcomes: tuple[Outcome, ...]

    @property
    def nominal(self) -> Outcome:
        """The policy at the critical ratio of the costs."""
        return self.outcomes[self.weights.index(1.0)]

    def fill_rates(self) -> FloatArray:
        """(W,) fill rate at each weight."""
        return np.array([float(outcome.fill_rate().mean) for outcome in self.outcomes])

    def at_fill_rate(self, fill_rate: float) -> Outcome | None:
        """The policy with the parameter that gives that fill rate, between those swept.

        None where no parameter swept gives it.
        """
        rates = self.fill_rates()
        for at in range(len(rates) - 1):
            low, high = rates[at], rates[at + 1]
            if low <= fill_rate <= high:
                share = (fill_rate - low) / (high - low) if high > low else 0.0
                return self.outcomes[at].mixed(self.outcomes[at + 1], share)
        return None


@dataclass(frozen=True)
class Comparison:
    """One policy against the others at one critical ratio.

    Attributes:
        critical_ratio: p / (p + h R).
        curves: One per policy, the own first.
        bound: (N,) cost per day with perfect foresight.
    """

    critical_ratio: float
    curves: tuple[Curve, ...]
    bound: FloatArray

    @property
    def own(self) -> Curve:
        """The policy compared with the others."""
        return self.curves[0]

    def equal_fill(self) -> dict[str, tuple[Outcome, Estimate]]:
        """Each alternative at the own fill rate, and the share by which the own costs less."""
        rate = float(self.own.nominal.fill_rate().mean)
        found = {}
        for curve in self.curves[1:]:
            outcome = curve.at_fill_rate(rate)
            if outcome is not None:
                saved = Estimate.ratio(outcome.total - self.own.nominal.total, outcome.total)
                found[curve.name] = (outcome, saved)
        return found

    def best_alternative(self) -> str | None:
        """The cheapest alternative at the own fill rate; None where none reaches it."""
        equal = self.equal_fill()
        return min(equal, key=lambda name: float(equal[name][0].total.sum()), default=None)

    def gap_closed(self) -> float | None:
        """Share of the gap between the best alternative and foresight that the own closes."""
        best = self.best_alternative()
        if best is None:
            return None
        other = float(self.equal_fill()[best][0].total.sum())
        return (other - float(self.own.nominal.total.sum())) / (other - float(self.bound.sum()))


def compare(
    case: Case,
    rules: Mapping[str, Rule],
    critical_ratios: Sequence[float],
    *,
    weights: Sequence[float] = WEIGHTS,
    progress: Callable[[str, float], None] | None = None,
) -> list[Comparison]:
    """Replay every policy at every weight and critical ratio.

    Args:
        case: What is replayed; its holding costs are replaced.
        rules: Policies by name, the own first.
        critical_ratios: p / (p + h R) of the comparisons, between 0 and 1.
        weights: Weights of the margin swept; 1 is always among them.
        progress: Called with what is done and the share of it.

    Raises:
        ConfigurationError: If there is no ratio, one is not between 0 and 1, or no policy.
    """
    if not critical_ratios or not rules:
        raise ConfigurationError("A replay needs at least one critical ratio and one policy.")
    swept = tuple(sorted({*weights, 1.0}))
    total, done, found = len(critical_ratios) * len(rules) * len(swept), 0, []
    for ratio in critical_ratios:
        at_ratio, curves = case.at_ratio(ratio), []
        for name, rule in rules.items():
            outcomes = []
            for weight in swept:
                if progress:
                    progress(f"replaying at critical ratio {ratio:g}", done / total)
                outcomes.append(replay(at_ratio, rule(at_ratio, weight)))
                done += 1
            curves.append(Curve(name, swept, tuple(outcomes)))
        found.append(Comparison(ratio, tuple(curves), foresight_bound(at_ratio)))
    return found


def table(comparisons: Sequence[Comparison]) -> pl.DataFrame:
    """One row per critical ratio and policy as run at that ratio, with errors over SKUs.

    Costs are per day. `saved` is the share by which the own policy costs less than this one at the
    own fill rate, null where this one does not reach it; `cost_equal_fill` is what this one costs
    there.
    """
    rows = []
    for comparison in comparisons:
        equal = comparison.equal_fill()
        for curve in comparison.curves:
            outcome, saved = equal.get(curve.name, (None, None))
            rows.append(
                _row(comparison.critical_ratio, curve)
                | {
                    "cost_equal_fill": outcome and float(outcome.total.sum()),
                    "saved": saved and float(saved.mean),
                    "saved_se": saved and float(saved.standard_error),
                }
            )
        rows.append(
            {
                "critical_ratio": comparison.critical_ratio,
                "policy": "foresight (bound)",
                "total": float(comparison.bound.sum()),
            }
        )
    return pl.DataFrame(rows, infer_schema_length=None)


def _row(critical_ratio: float, curve: Curve) -> dict[str, object]:
    outcome = curve.nominal
    figures = {
        "total": outcome.cost(),
        **{part: outcome.cost(part) for part in PARTS},
        "fill_rate": outcome.fill_rate(),
        "cycle_service_level": outcome.cycle_service_level(),
        "turns": outcome.turns(),
    }
    row: dict[str, object] = {"critical_ratio": critical_ratio, "policy": curve.name}
    for name, figure in figures.items():
        row |= {name: float(figure.mean), f"{name}_se": float(figure.standard_error)}
    return row | {"stock": float(outcome.stock.sum())}
