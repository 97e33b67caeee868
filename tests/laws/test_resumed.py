"""Law: a backfill that failed half-way is resumed, and only what is missing is launched."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import law_runs
import law_shop as shop
from law_runs import Do

FIRST, LAST = shop.LAST - dt.timedelta(days=2), shop.LAST
NEWEST = [FIRST + dt.timedelta(days=n) for n in range(3)]
"""Origins that the template has issued."""


def test_a_backfill_that_failed_launches_only_the_missing_days(do: Do, home: Path) -> None:
    days = [shop.day(50 + n) for n in range(12)]
    broken = do(law_runs.backfill, home, days[0], days[-1], 4, fails_in_part=2)
    assert "the disk is full" in broken.told
    assert broken.issued["replenishment_plan"] == [*days[:4], *NEWEST]
    done = len(broken.issued["forecasts"]) - len(NEWEST)
    assert broken.issued["forecasts"] == [*days[:done], *NEWEST]
    assert 4 <= done < len(days)

    resumed = do(law_runs.backfill, home, days[0], days[-1], 4)
    assert resumed.told == ""
    assert resumed.launched["replenishment_plan"] == days[4:]
    assert resumed.launched["forecasts"] == days[done:]
    for record in ("forecasts", "replenishment_plan"):
        assert resumed.issued[record] == [*days, *NEWEST]

    again = do(law_runs.backfill, home, days[0], days[-1], 4)
    assert again.launched == {}


def test_a_day_in_the_middle_that_is_missing_is_the_only_one_launched(do: Do, home: Path) -> None:
    do(law_runs.backfill, home, FIRST - dt.timedelta(days=4), FIRST - dt.timedelta(days=2), 56)
    filled = do(law_runs.backfill, home, FIRST - dt.timedelta(days=4), LAST, 56)
    gap = FIRST - dt.timedelta(days=1)
    assert filled.launched == {
        name: [gap]
        for name in ("forecasts", "lead_time_demand", "forecast_levels", "replenishment_plan")
    }


def test_what_a_killed_run_wrote_of_days_that_then_went_is_removed(do: Do, home: Path) -> None:
    assert do(law_runs.leave_unrecorded, home, "lead_times", shop.new_days(1)) == []
