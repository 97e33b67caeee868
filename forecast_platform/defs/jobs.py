"""Jobs a person or a schedule launches."""

import datetime as dt

import dagster as dg
from dagster._core.definitions.unresolved_asset_job_definition import UnresolvedAssetJobDefinition
from dagster._core.storage.tags import MAX_RETRIES_TAG, RETRY_STRATEGY_TAG

from forecast_platform.contracts import LANDED
from forecast_platform.defs.assets.models import MODEL_ASSETS
from forecast_platform.defs.partitions import DAILY, WEEKLY
from forecast_platform.defs.records import ended_before
from forecast_platform.defs.resources import HomeResource
from forecast_platform.graph import trained
from forecast_platform.settings import settings

STANDING_CHECK = "standing_check"

_WHOLE = [table.name for table in LANDED if table.day is None]
_DAILY = [table.name for table in LANDED if table.day is not None]


def _stages(*names: str) -> list[str]:
    return [f"{stage}_{name}" for name in names for stage in ("validated", "rejected")]


land_files = dg.define_asset_job(
    "land_files",
    selection=["landing_files", "unreadable_rows", *(f"raw_{t.name}" for t in LANDED)],
    description="Brings new and changed files from the landing folder into the raw tables.",
)

attributes = dg.define_asset_job(
    "attributes",
    selection=_stages(*_WHOLE),
    description="Validates products, locations, suppliers and the calendar.",
)

daily_graph = dg.define_asset_job(
    "daily_graph",
    selection=dg.AssetSelection.assets(*_stages(*_DAILY))
    | (
        dg.AssetSelection.groups("clean", "features", "forecasts", "replenishment")
        # Made weekly, with the models.
        - dg.AssetSelection.assets("policy_choice", "learned_policies")
    )
    | dg.AssetSelection.assets("accuracy", "plan_outcome", "input_drift", "accuracy_drift"),
    partitions_def=DAILY,
    description="From validated sales to the replenishment plan, for one day or a range of days.",
)

weekly_training = dg.define_asset_job(
    "weekly_training",
    selection=[*MODEL_ASSETS, "model_scores", *trained(settings())],
    partitions_def=WEEKLY,
    # From its first step: what was estimated is found again, wherever its pieces lie.
    tags={MAX_RETRIES_TAG: "2", RETRY_STRATEGY_TAG: "ALL_STEPS"} | settings().training_tags,
    description="Trains every family on data up to the cutoff, chooses the champion and the policy "
    "of every item at every location.",
)

standing_check = dg.define_asset_job(
    STANDING_CHECK,
    selection=dg.AssetSelection.checks_for_assets("replenishment_plan"),
    description="Names stale and failed partitions and the command that mends them.",
)


@dg.op
def purge(context: dg.OpExecutionContext, home: HomeResource) -> None:
    """Delete what is older than the retention: runs that ended, pieces of trainings broken off."""
    from forecast_platform.resuming import forget

    settings = home.home.settings
    before = dt.datetime.now(dt.UTC) - settings.retention
    runs = context.instance.get_run_ids(ended_before(before))
    for run_id in runs:
        context.instance.delete_run(run_id)
    context.log.info(f"{len(runs)} runs older than {settings.retention_days} days deleted")
    if cutoffs := forget(home.home, before):
        context.log.info(f"what was estimated of trainings never finished deleted: {cutoffs}")


@dg.op(ins={"after": dg.In(dg.Nothing)})
def compact_lake(context: dg.OpExecutionContext, home: HomeResource) -> None:
    """Merge small files of every table and delete files that no recent snapshot needs."""
    context.log.info(f"compacted {home.home.lake.maintain()}")


@dg.op(ins={"after": dg.In(dg.Nothing)})
def build_docs(context: dg.OpExecutionContext, home: HomeResource) -> None:
    """Build the Great Expectations Data Docs of the newest results."""
    from forecast_platform.quality import build_data_docs

    context.log.info(f"data docs: {build_data_docs(home.home.settings.data_docs)}")


@dg.job(description="Retention of runs, compaction of the lake, Data Docs.")
def maintenance() -> None:
    """Keep the home folder small."""
    build_docs(compact_lake(purge()))


JOBS: list[dg.JobDefinition | UnresolvedAssetJobDefinition] = [
    land_files,
    attributes,
    daily_graph,
    weekly_training,
    standing_check,
    maintenance,
]
