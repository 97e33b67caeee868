"""What the jobs make."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

_PROGRAM = """
import json
from forecast_platform.definitions import defs
from forecast_platform.defs.jobs import JOBS
made = {}
for job in JOBS:
    layer = defs.resolve_job_def(job.name).asset_layer
    made[job.name] = sorted(key.to_user_string() for key in layer.executable_asset_keys)
print(json.dumps(made))
"""


_FAILING = """
import json
from forecast_platform.definitions import defs
from forecast_platform.defs.instance import open_instance
from forecast_platform.defs.jobs import JOBS
from forecast_platform.settings import settings
with open_instance(settings()) as opened:
    found = {}
    for job in map(defs.resolve_job_def, [job.name for job in JOBS]):
        run = opened.create_run_for_job(job, tags=job.run_tags)
        opened.report_run_failed(run, "killed")
        found[job.name] = opened.get_run_by_id(run.run_id).tags["dagster/will_retry"]
print(json.dumps(found))
"""


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[str]]:
    """The assets that each job makes."""
    return assets_of_jobs(tmp_path_factory.mktemp("jobs"))


def assets_of_jobs(folder: Path, **settings: str) -> dict[str, list[str]]:
    """The assets that each job makes under some settings."""
    jobs: dict[str, list[str]] = told(_PROGRAM, folder, **settings)
    return jobs


def told(program: str, folder: Path, **settings: str) -> Any:
    """What a program prints in a home."""
    named = {f"FORECAST_PLATFORM_{name.upper()}": value for name, value in settings.items()}
    environment = os.environ | {"PYTHONWARNINGS": "ignore", **named,
                                "FORECAST_PLATFORM_HOME": str(folder)}  # fmt: skip
    done = subprocess.run(
        [sys.executable, "-c", program],
        env=environment, cwd=folder, capture_output=True, text=True, check=True,
    )  # fmt: skip
    return json.loads(done.stdout.splitlines()[-1])


def test_models_and_policies_are_made_weekly_and_plans_daily(made: dict[str, list[str]]) -> None:
    weekly, daily = set(made["weekly_training"]), set(made["daily_graph"])
    assert {"model_versions", "policy_choice"} <= weekly
    assert {"lead_times", "forecasts", "replenishment_plan", "plan_outcome"} <= daily
    assert not weekly & daily


def test_policies_are_learned_weekly_where_the_settings_ask_for_it(
    made: dict[str, list[str]], tmp_path: Path
) -> None:
    assert not any("learned_policies" in assets for assets in made.values())
    asked = assets_of_jobs(tmp_path, learned_policies="true")
    assert "learned_policies" in asked["weekly_training"]
    assert "learned_policies" not in asked["daily_graph"]


def test_a_training_that_failed_is_tried_again(tmp_path: Path) -> None:
    retried = told(_FAILING, tmp_path)
    assert [name for name, will in retried.items() if will == "true"] == ["weekly_training"]
