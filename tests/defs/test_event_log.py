"""The event log of an embedded home answers what Dagster's pages ask, as Dagster's own does."""

from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest
from dagster._core.storage.partition_status_cache import get_and_update_asset_status_cache_value

from forecast_platform.defs.instance import RANGE_END, RANGE_START

DAYS = dg.DailyPartitionsDefinition("2024-01-01", end_date="2024-01-11")
FIRST, LAST = "2024-01-02", "2024-01-06"
RANGE = [f"2024-01-0{day}" for day in range(2, 7)]
KEY = dg.AssetKey("daily")


@dg.multi_asset(
    name="daily",
    specs=[dg.AssetSpec("daily", partitions_def=DAYS)],
    check_specs=[dg.AssetCheckSpec("sound", asset="daily")],
    backfill_policy=dg.BackfillPolicy.single_run(),
)
def daily(
    context: dg.AssetExecutionContext,
) -> Iterator[dg.MaterializeResult[None] | dg.AssetCheckResult]:
    if context.run.tags.get("fail"):
        raise ValueError("no power")
    context.add_asset_metadata({"newest": True}, asset_key="daily", partition_key=LAST)
    yield dg.MaterializeResult(asset_key="daily", metadata={"rows": 5})
    yield dg.AssetCheckResult(check_name="sound", asset_key="daily", passed=True)


@pytest.fixture(params=["batches", "as Dagster's own"])
def instance(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[dg.DagsterInstance]:
    ours = {
        "event_log_storage": {
            "module": "forecast_platform.defs.event_log",
            "class": "BatchSqliteEventLogStorage",
            "config": {"base_dir": str(tmp_path / "history")},
        }
    }
    overrides = ours if request.param == "batches" else {}
    with dg.instance_for_test(temp_dir=str(tmp_path), overrides=overrides) as opened:
        yield opened


def run(instance: dg.DagsterInstance, **tags: str) -> dg.ExecuteInProcessResult:
    return dg.materialize(
        [daily],
        instance=instance,
        tags={RANGE_START: FIRST, RANGE_END: LAST, **tags},
        raise_on_error=False,
    )


def failed(instance: dg.DagsterInstance) -> list[str]:
    status = get_and_update_asset_status_cache_value(instance, KEY, DAYS)
    assert status is not None
    return sorted(status.deserialize_failed_partition_subsets(DAYS).get_partition_keys())


@pytest.mark.parametrize("batch_size", ["0", "3", "1000"])
def test_a_range_is_materialised_day_by_day(
    instance: dg.DagsterInstance, batch_size: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DAGSTER_EVENT_BATCH_SIZE", batch_size)
    assert run(instance).success
    assert sorted(instance.get_materialized_partitions(KEY)) == RANGE
    assert failed(instance) == []
    planned = instance.event_log_storage.get_event_records(
        dg.EventRecordsFilter(dg.DagsterEventType.ASSET_MATERIALIZATION_PLANNED, asset_key=KEY)
    )
    assert sorted(record.partition_key or "" for record in planned) == RANGE
    checks = instance.event_log_storage.get_asset_check_execution_history(
        dg.AssetCheckKey(KEY, "sound"), limit=20
    )
    assert checks[0].status.value == "SUCCEEDED"
    # Dagster plans a check for every day of the range, and evaluates it once.
    assert sorted(check.partition for check in checks if check.partition) == RANGE


def test_days_of_a_batch_are_stored_as_if_each_were_stored_alone(
    instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DAGSTER_EVENT_BATCH_SIZE", "1000")
    done = run(instance)
    made = dg.DagsterEventType.ASSET_MATERIALIZATION
    yielded = {event.partition: event for event in done.all_events
               if event.event_type is made}  # fmt: skip
    records = instance.event_log_storage.get_event_records(
        dg.EventRecordsFilter(made, asset_key=KEY), ascending=True
    )
    in_run = instance.get_records_for_run(done.run_id, of_type=made).records
    assert [record.partition_key for record in records] == RANGE
    for stored in (records, in_run):
        entries = [record.event_log_entry for record in stored]
        assert [entry.dagster_event for entry in entries] == [yielded[day] for day in RANGE]
        assert len({entry.timestamp for entry in entries}) == len(RANGE)
    assert [e.event_log_entry.timestamp for e in records] == [
        e.event_log_entry.timestamp for e in in_run
    ]
    assert sum("newest" in r.asset_materialization.metadata
               for r in records if r.asset_materialization) == 1  # fmt: skip


def test_failed_days_are_known_and_mended(instance: dg.DagsterInstance) -> None:
    assert not run(instance, fail="yes").success
    assert failed(instance) == RANGE
    assert run(instance).success
    assert failed(instance) == []
