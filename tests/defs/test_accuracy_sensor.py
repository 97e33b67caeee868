"""Training because accuracy changed: when the sensor asks for it, and who answers afterwards."""

from __future__ import annotations

import datetime as dt
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import numpy as np
import polars as pl
import pytest

from forecast_platform.contracts import tables
from forecast_platform.home import Home
from forecast_platform.lake import polars_schema
from forecast_platform.lake.days import ONE_DAY
from forecast_platform.settings import settings

FIRST = dt.date(2024, 1, 1)
CHANGE = 130
WEEKDAYS = np.array([10, 12, 11, 14, 30, 60, 45])

_PROGRAM = """
import datetime as dt, json, sys
import dagster as dg
from forecast_platform.definitions import defs
from forecast_platform.defs.operate import operator
from forecast_platform.defs.resources import HomeResource
from forecast_platform.defs.retrain_sensor import accuracy_sensor
from forecast_platform.settings import settings

first, last = (dt.date.fromisoformat(word) for word in sys.argv[1:3])
told, champions = [], []

def look(op):
    context = dg.build_sensor_context(op._instance, resources={"home": HomeResource()})
    asked = accuracy_sensor(context)
    told.append(asked.skip_message if isinstance(asked, dg.SkipReason) else asked.partition_key)
    return asked

with operator(settings()) as op:
    op.land()
    op.follow(until="features")
    op.issue(first, last)
    op.follow()
    asked = look(op)
    if isinstance(asked, dg.RunRequest):
        job = defs.resolve_job_def("weekly_training")
        job.execute_in_process(
            instance=op._instance, partition_key=asked.partition_key, tags=asked.tags
        )
        op.follow()
        look(op)
    rows = op.home.read("model_versions").filter("is_champion").sort("cutoff")
    champions = rows.select("cutoff", "model", "reason").rows()
    answering = op.home.read("forecasts", last, last)["model"].unique().to_list()
print(json.dumps([told, champions, answering], default=str))
"""


def day(n: int) -> dt.date:
    return FIRST + dt.timedelta(days=n)


def sell(home: Path, first: int, last: int, *, calm: bool = False) -> None:
    """Sales of the days first..last: a steady week, and from the change on mere noise."""
    draw = np.random.default_rng(first)
    lines = ["date,item_id,location_id,units,unit_price"]
    for n in range(first, last + 1):
        for item in range(4):
            usual = WEEKDAYS[n % 7] * (1 + item)
            units = usual if n < CHANGE or calm else draw.poisson(draw.gamma(2, usual.mean() / 2))
            lines.append(f"{day(n)},I{item},S1,{int(units + draw.integers(0, 2))},2.5")
    folder = home / "landing" / "sales"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{day(first)}.csv").write_text("\n".join(lines) + "\n")


def live(home: Path, first: int, last: int) -> tuple[list[str], list[list[str]], list[str]]:
    """Issue the origins of these days, let the sensor look, and do what it asks for."""
    environment = {
        "FORECAST_PLATFORM_HOME": str(home),
        "FORECAST_PLATFORM_MODELS": '["seasonal_naive", "ses"]',
        "FORECAST_PLATFORM_SETTLE_SECONDS": "0",
        "FORECAST_PLATFORM_SAMPLE_PATHS": "20",
        "FORECAST_PLATFORM_END_DATE": "2024-12-31",
        "FORECAST_PLATFORM_WORKERS": "1",
        "PYTHONWARNINGS": "ignore",
    }
    done = subprocess.run(
        [sys.executable, "-c", _PROGRAM, str(day(first)), str(day(last))],
        env=os.environ | environment, capture_output=True, text=True, check=True,
    )  # fmt: skip
    told, champions, answering = json.loads(done.stdout.splitlines()[-1])
    return told, champions, answering


SATURDAY = dt.date(2024, 6, 15)
LAST_SUNDAY = SATURDAY - 6 * ONE_DAY


@pytest.fixture
def empty(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Home]:
    monkeypatch.setenv("FORECAST_PLATFORM_HOME", str(tmp_path))
    settings.cache_clear()
    yield Home(settings())
    settings.cache_clear()


def judged(home: Home, *, weeks: int, error: float, trained: dt.date) -> None:
    """Errors of all items of one level for so many weeks up to Saturday, 0.2 before."""
    rows = pl.DataFrame(
        {"date": SATURDAY, "level": ["total", "category"], "category": [None, "dry"],
         "location_id": None, "error": error, "weeks": weeks, "level_error": [error, 0.9],
         "before_error": 0.2, "spread": 0.01}
    )  # fmt: skip
    home.lake.replace_days(tables()["accuracy_drift"], rows, [SATURDAY])
    nobody = polars_schema(tables()["model_versions"]).to_frame()
    home.lake.replace_days(tables()["model_versions"], nobody, [trained])


def asked_for() -> str:
    """The cutoff that the sensor asks a real instance to train, or why it does not."""
    from forecast_platform.defs.resources import HomeResource
    from forecast_platform.defs.retrain_sensor import accuracy_sensor

    with dg.instance_for_test() as instance:
        context = dg.build_sensor_context(instance, resources={"home": HomeResource()})
        told = accuracy_sensor(context)
    if isinstance(told, dg.RunRequest):
        assert told.run_key == f"accuracy {told.partition_key}"
        return str(told.partition_key)
    assert isinstance(told, dg.SkipReason)
    return str(told.skip_message)


@pytest.mark.parametrize(
    ("weeks", "error", "trained", "expected"),
    [
        (3, 0.26, SATURDAY - 27 * ONE_DAY, str(LAST_SUNDAY)),
        (3, 0.22, SATURDAY - 27 * ONE_DAY, "in their band"),
        (3, 0.15, SATURDAY - 27 * ONE_DAY, "in their band"),
        (1, 0.26, SATURDAY - 27 * ONE_DAY, str(LAST_SUNDAY)),
        (3, 0.26, SATURDAY - 13 * ONE_DAY, "given two weeks first"),
        (3, 0.26, LAST_SUNDAY, "given two weeks first"),
    ],
)
def test_training_is_asked_for_out_of_band_and_not_too_often(
    empty: Home, weeks: int, error: float, trained: dt.date, expected: str
) -> None:
    judged(empty, weeks=weeks, error=error, trained=trained)
    assert expected in asked_for()


def test_nothing_is_asked_for_before_a_forecast_was_judged(empty: Home) -> None:
    assert asked_for() == "No forecast was judged yet."


@pytest.fixture
def home(tmp_path: Path) -> Path:
    sell(tmp_path, 0, 160)
    return tmp_path


@pytest.mark.nightly
def test_training_follows_a_change_and_promotes_only_who_is_better(home: Path) -> None:
    (asked, after), champions, answering = live(home, 97, 160)
    assert asked == str(day(160))
    assert "given two weeks first" in after
    assert [model for _, model, _ in champions] == ["seasonal_naive", "seasonal_naive"]
    assert "incumbent" in champions[1][2]
    assert answering == ["seasonal_naive"]

    sell(home, 161, 188)
    (asked, after), champions, answering = live(home, 161, 188)
    assert asked == str(day(188))
    assert "given two weeks first" in after
    assert [model for _, model, _ in champions] == ["seasonal_naive", "seasonal_naive", "ses"]
    assert "better than the incumbent seasonal_naive" in champions[2][2]
    assert answering == ["ses"]
