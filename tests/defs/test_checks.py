"""What the standing check says of a home."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests import command_line as shop

_PROGRAM = """
import json
import sys
import dagster as dg
from forecast_platform.definitions import defs
from forecast_platform.defs.instance import instance
from forecast_platform.defs.jobs import STANDING_CHECK
from forecast_platform.settings import settings

check = dg.AssetCheckKey(dg.AssetKey("replenishment_plan"), "up_to_date")
with instance(settings()) as opened:
    if "again" in sys.argv:
        defs.resolve_job_def(STANDING_CHECK).execute_in_process(instance=opened)
    (newest,) = opened.event_log_storage.get_asset_check_execution_history(check, limit=1)
found = newest.event.dagster_event.event_specific_data
print(json.dumps([found.passed, found.description]))
"""


def checked(home: Path, *words: str) -> tuple[bool, str]:
    """Whether the newest check passed, and what it said."""
    done = subprocess.run(
        [sys.executable, "-c", _PROGRAM, *words],
        env=shop.environment(home), capture_output=True, text=True, check=True,
    )  # fmt: skip
    passed, told = json.loads(done.stdout.splitlines()[-1])
    return passed, told


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = shop.demo(tmp_path_factory.getbasetemp())[0]
    return shop.copy(made, tmp_path_factory.mktemp("checks") / "h")


def test_a_plan_just_made_is_up_to_date_though_its_outcome_is_made_after_it(home: Path) -> None:
    assert checked(home) == (True, "Up to date.")


def test_the_standing_check_names_every_table_that_is_stale(home: Path) -> None:
    assert checked(home, "again") == (True, "Up to date.")
    day, item = shop.LAST_DAY, shop.old_items(home)[0]
    (home / "landing" / "sales" / "late.csv").write_text(
        f"date,item_id,location_id,units,unit_price\n{day},{item},S01,5,1.00\n"
    )
    shop.works(home, "run", "--select", "validated_sales")
    passed, told = checked(home, "again")
    assert not passed
    assert "clean_demand" in told
    assert told.endswith("forecast-platform run")
