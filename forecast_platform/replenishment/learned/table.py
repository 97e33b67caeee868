"""What a study says in a row of `learned_policies`."""

from __future__ import annotations

import math
from typing import Any

from forecast_platform.replenishment.learned.dynamics import mean_demand
from forecast_platform.replenishment.learned.guard import CAPPED, MYOPIC, OPTIMUM, Verdict
from forecast_platform.replenishment.learned.study import CONFIDENCE, Study


def row(study: Study) -> dict[str, Any]:
    """Columns of `LEARNED_POLICIES` but the cutoff and the run."""
    problem, system = study.problem, study.problem.system
    costs = study.yardsticks
    return {
        "abc_class": problem.abc_class,
        "lead_time_periods": system.lead_time,
        "skus": problem.skus,
        "item_id": problem.item_id,
        "location_id": problem.location_id,
        "review_days": problem.review_days,
        "lot_units": problem.lot_units,
        "mean_demand": mean_demand(system),
        "cost_ratio": system.penalty / system.holding,
        "method": study.method,
        "cost": _known(study.cost),
        "optimum_cost": costs.get(OPTIMUM),
        "myopic_cost": costs.get(MYOPIC),
        "capped_cost": costs.get(CAPPED),
        "gap": _known(study.gap),
        "promoted": study.promoted,
        "reason": _reason(study.verdict) if study.verdict else f"not learned: {study.failure}",
    }


def _known(value: float) -> float | None:
    return None if math.isnan(value) else value


def _reason(verdict: Verdict) -> str:
    """The yardstick that is hardest to beat, and by how much it is beaten, or is not."""
    hardest = verdict.rivals.sort("at_least", "rival").row(0, named=True)
    share, error = (100 * hardest[name] / hardest["cost"] for name in ("saving", "standard_error"))
    word, sign = "beats" if verdict.promoted else "does not beat", "less" if share > 0 else "more"
    return (
        f"{word} {hardest['rival']} with {100 * CONFIDENCE:.0f} % confidence: costs "
        f"{abs(share):.2f} % {sign} on common demand, standard error {error:.2f} %"
    )
