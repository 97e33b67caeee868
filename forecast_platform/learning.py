"""From cleaned demand to learned policies, judged and recorded.

Puts the rooms together: the lake gives demand and terms, replenishment makes problems of them,
learns and judges, tracking keeps curve and checkpoint. Does not belong here: any of its arithmetic.
"""

from __future__ import annotations

import datetime as dt
import tempfile
from pathlib import Path
from typing import Any

import polars as pl

from forecast_platform import progress
from forecast_platform.contracts.learned import LEARNED_POLICIES
from forecast_platform.home import Home
from forecast_platform.lake.days import ONE_DAY
from forecast_platform.lake.schema import polars_schema
from forecast_platform.replenishment.choice.table import DEMAND_DAYS
from forecast_platform.replenishment.learned import checkpoint
from forecast_platform.replenishment.learned.dynamics import Reward, order_limits
from forecast_platform.replenishment.learned.pictures import curves
from forecast_platform.replenishment.learned.problems import problems
from forecast_platform.replenishment.learned.study import Study, study
from forecast_platform.replenishment.learned.table import row
from forecast_platform.tracking.policy_run import PolicyRun, log_policy


def learn_policies(home: Home, cutoff: dt.date) -> tuple[pl.DataFrame, bytes | None]:
    """Rows of `learned_policies` of a training cutoff, from nothing dated after it.

    Every learned policy is recorded as a run of MLflow; made again, the same policy is the same
    run.

    Args:
        home: The home folder.
        cutoff: A Sunday.

    Returns:
        The rows, and a PNG of the curves; none without anything to learn.
    """
    settings = home.settings
    found = problems(
        cutoff,
        home.read("clean_demand", cutoff - (DEMAND_DAYS - 1) * ONE_DAY, cutoff),
        home.read("validated_products"),
        home.read("validated_suppliers"),
        home.read("lead_times", cutoff, cutoff),
        home.plan_parameters,
    )
    reward = Reward(**{str(part): weight for part, weight in settings.learned_reward.items()})
    studies: list[Study] = []
    rows: list[dict[str, Any]] = []
    for number, problem in enumerate(found):
        progress.tell(f"{LEARNED_POLICIES.name} {cutoff}", number / len(found))
        made = study(problem, reward, settings.training_effort, settings.seed)
        studies.append(made)
        rows.append({"cutoff": cutoff, **row(made), "run_id": _recorded(home, cutoff, made)})
    frame = pl.DataFrame(rows, schema=polars_schema(LEARNED_POLICIES))
    return frame, curves(studies) if studies else None


def _recorded(home: Home, cutoff: dt.date, made: Study) -> str | None:
    """The MLflow run of a study; none where nothing was learned."""
    if made.policy is None:
        return None
    told = row(made)
    figures = {name: value for name, value in told.items() if isinstance(value, float)}
    with tempfile.TemporaryDirectory() as folder:
        checkpoint.save(made.policy, order_limits(made.priced), Path(folder))
        return log_policy(
            home.tracker,
            PolicyRun(
                name=made.name,
                cutoff=cutoff,
                params={n: v for n, v in told.items() if n not in figures}
                | {"reward": home.settings.learned_reward, "seed": home.settings.seed},
                metrics=figures,
                curve=[
                    (periods, {"curve_cost": cost, "curve_gap": gap})
                    for periods, cost, gap in made.curve.drop_nulls().iter_rows()
                ],
                checkpoint=Path(folder),
                pictures={"curve": curves([made])},
            ),
        )
