"""Laws: exactly the affected days are made again, and making a day again changes nothing."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import law_home
import law_runs
import law_shop as shop
import pytest
from law_runs import Do

from forecast_platform.contracts import LANDED, SIGNALS
from forecast_platform.graph import TRAINED, last_cutoff

LATE = shop.LAST - dt.timedelta(days=30)
DAILY = [table.name for table in LANDED if table.day and table not in SIGNALS]


def test_a_late_row_makes_its_windows_and_the_newest_forecast_and_plan(do: Do, home: Path) -> None:
    followed = do(law_runs.arrive, home, {"sales/late.csv": shop.sales([(LATE, "APPLE", 40)])})
    assert followed.made["validated_sales"] == [LATE]
    assert followed.changed["validated_sales"] == [LATE]
    windows = followed.windows
    assert followed.made["clean_demand"] == windows["clean_demand"]["validated_sales"]
    assert LATE in followed.changed["clean_demand"]
    assert followed.made["features"] == windows["features"]["clean_demand"]
    assert followed.made["forecasts"] == [shop.LAST]
    assert followed.made["lead_time_demand"] == [shop.LAST]
    assert followed.made["forecast_levels"] == [shop.LAST]
    assert followed.made["replenishment_plan"] == [shop.LAST]
    others = {f"{stage}_{name}" for name in DAILY if name != "sales"
              for stage in ("validated", "rejected")}  # fmt: skip
    assert not others & followed.made.keys()
    assert "model_versions" not in followed.made
    assert followed.made.get("accuracy", []) == [
        day for day in windows["accuracy"]["clean_demand"] if day >= shop.LAST - dt.timedelta(1)
    ]


def test_models_are_trained_again_once_late_rows_changed_enough(do: Do, home: Path) -> None:
    (home / "settings.toml").write_text("retrain_changed_share = 0.02\n")
    few = do(law_runs.arrive, home, {"sales/few.csv": shop.sales([(LATE, "APPLE", 5)])})
    assert "model_versions" not in few.made
    for item in ("BREAD", "CHEESE"):
        days = [LATE - dt.timedelta(days=n) for n in range(30)]
        rows = shop.sales([(day, item, 6) for day in days])
        many = do(law_runs.arrive, home, {f"sales/many {item}.csv": rows})
        for name in TRAINED:
            assert many.made[name] == [last_cutoff(shop.LAST)]
        assert many.made["forecasts"] == [shop.LAST]


def test_an_exact_duplicate_stops_at_validation(do: Do, home: Path) -> None:
    again = {"sales/zz-again.csv": shop.sales(shop.sales_of(10))}
    followed = do(law_runs.arrive, home, again)
    assert followed.made["validated_sales"] == [shop.day(10)]
    assert followed.changed.keys() == {"raw_sales", "rejected_sales", "landing_files"}
    assert (
        not {"clean_demand", "features", "forecasts", "replenishment_plan"} & followed.made.keys()
    )


def test_the_same_bytes_again_make_nothing(do: Do, home: Path) -> None:
    followed = do(law_runs.arrive, home, shop.opening())
    assert set(followed.made) <= {"landing_files", "unreadable_rows"}
    assert not followed.changed


def test_one_new_day_makes_one_partition_of_every_daily_table(do: Do, home: Path) -> None:
    day = shop.day(shop.DAYS)
    followed = do(
        law_runs.arrive,
        home,
        {f"sales/{day}.csv": shop.sales(shop.sales_of(shop.DAYS)),
         f"inventory/{day}.csv": shop.inventory([shop.DAYS])},
    )  # fmt: skip
    daily = {f"validated_{name}" for name in DAILY} | {
        "clean_demand", "features", "lead_times", "forecasts", "lead_time_demand",
        "forecast_levels", "replenishment_plan", "accuracy", "plan_outcome", "input_drift",
        "accuracy_drift",
    }  # fmt: skip
    assert {name: days for name, days in followed.made.items() if days} == {
        name: [day] for name in daily | ({"rejected_sales"} & followed.made.keys())
    }


@pytest.mark.parametrize(
    ("names", "first"),
    [
        ([f"validated_{table.name}" for table in LANDED if not table.day], None),
        (
            [*(f"validated_{name}" for name in DAILY), "clean_demand", "lead_times", "features"],
            shop.day(3),
        ),
        (["forecasts", "replenishment_plan"], shop.LAST),
        (
            ["accuracy", "plan_outcome", "input_drift", "accuracy_drift"],
            shop.LAST - dt.timedelta(days=1),
        ),
    ],
    ids=["whole tables", "data tables", "records", "judgements"],
)
def test_any_day_made_twice_has_the_same_fingerprint(
    do: Do, home: Path, names: list[str], first: dt.date | None
) -> None:
    moved, published = do(law_runs.rerun, home, names, first, first and shop.LAST)
    assert not moved
    assert set(names) <= set(published)


def test_a_policy_chosen_twice_is_the_same_policy(do: Do, home: Path) -> None:
    ((_, cutoff),) = [key for key in do(law_home.contents, home) if key[0] == "policy_choice"]
    moved, published = do(law_runs.rerun, home, ["policy_choice"], cutoff, cutoff)
    assert not moved
    assert published == {"policy_choice": 1}
    assert not do(law_home.stale, home)


def test_a_model_trained_twice_is_the_same_version(do: Do, home: Path) -> None:
    ((_, cutoff),) = [key for key in do(law_home.contents, home) if key[0] == "model_versions"]
    moved, published = do(law_runs.rerun, home, ["model_versions"], cutoff, cutoff)
    assert not moved
    assert published == {"model_versions": 1, "model_scores": 1}
    assert not do(law_home.stale, home)
