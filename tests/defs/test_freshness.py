"""By when tables should have been made again, as the freshness daemon evaluates it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

_POLICIES = """
import json
from forecast_platform.definitions import defs
print(json.dumps({
    spec.key.to_user_string(): getattr(spec.freshness_policy, "timezone", "windows")
    for spec in defs.resolve_all_asset_specs() if spec.freshness_policy}))
"""
_DAEMON = """
import datetime as dt
import json
import dagster as dg
from dagster._core.test_utils import create_test_daemon_workspace_context, freeze_time
from dagster._core.workspace.load_target import ModuleTarget
from dagster._daemon.freshness import FreshnessDaemon
from forecast_platform.defs.instance import instance
from forecast_platform.settings import settings

NAMES = ["features", "model_versions", "validated_products", "forecasts"]
KEYS = [dg.AssetKey(name) for name in NAMES]
target = ModuleTarget("forecast_platform.definitions", None, "forecast_platform", None)
now, found = dt.datetime.now(dt.UTC), []
with instance(settings()) as opened:
    for key in KEYS[:3]:
        opened.report_runless_asset_event(dg.AssetMaterialization(key))
    with create_test_daemon_workspace_context(target, opened) as workspace:
        for days in (0, 2, 9, 16):
            with freeze_time(now + dt.timedelta(days=days)):
                list(FreshnessDaemon().run_iteration(workspace))
            states = opened.get_freshness_state_records(KEYS)
            found.append([states[key].freshness_state.value for key in KEYS])
print(json.dumps(found))
"""


def answer(program: str, home: Path, **settings: str) -> object:
    named = {f"FORECAST_PLATFORM_{name.upper()}": value for name, value in settings.items()}
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=home, capture_output=True, text=True, check=True,
        env=os.environ | named
        | {"FORECAST_PLATFORM_HOME": str(home), "PYTHONWARNINGS": "ignore"},
    )  # fmt: skip
    # Dagster's code server writes there too.
    return json.loads(next(line for line in done.stdout.splitlines() if line[0] in "[{"))


def test_tables_with_a_rhythm_are_due_in_the_time_zone_of_the_settings(tmp_path: Path) -> None:
    due = answer(_POLICIES, tmp_path, timezone="Europe/Berlin")
    assert isinstance(due, dict)
    daily = {
        "landing_files", "raw_sales", "validated_sales", "clean_demand", "features", "forecasts",
        "replenishment_plan", "accuracy", "plan_outcome", "input_drift", "accuracy_drift",
    }  # fmt: skip
    assert {due[name] for name in daily} == {"Europe/Berlin"}
    assert due["model_versions"] == due["training_profile"] == "windows"
    assert not {"validated_products", "raw_promotions", "rejected_sales", "learned_policies"} & {
        *due
    }


def test_a_closed_history_is_never_late(tmp_path: Path) -> None:
    assert answer(_POLICIES, tmp_path, end_date="2025-03-01") == {}


def test_the_daemon_tells_fresh_from_stale(tmp_path: Path) -> None:
    assert answer(_DAEMON, tmp_path) == [
        ["PASS", "PASS", "NOT_APPLICABLE", "UNKNOWN"],
        ["FAIL", "PASS", "NOT_APPLICABLE", "UNKNOWN"],
        ["FAIL", "WARN", "NOT_APPLICABLE", "UNKNOWN"],
        ["FAIL", "FAIL", "NOT_APPLICABLE", "UNKNOWN"],
    ]
