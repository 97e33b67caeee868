import datetime as dt

import polars as pl

from forecast_platform.replenishment.classes import (
    abc_classes,
    weekly_demand,
    with_life_cycle,
    xyz_classes,
)

DAY = dt.date(2024, 1, 1)


def lines(values, items=None, day=DAY):
    items = items or [f"i{n}" for n in range(len(values))]
    return pl.DataFrame(
        {"date": [day] * len(values), "item_id": items, "location_id": ["l"] * len(values),
         "annual_value": values},
        schema_overrides={"annual_value": pl.Float64},
    )  # fmt: skip


def test_the_line_that_crosses_a_cut_belongs_to_the_higher_class():
    # Cumulative shares before each line: 0, .5, .75, .85, .95.
    assert abc_classes(lines([50, 25, 10, 10, 5])).to_list() == ["A", "A", "A", "B", "C"]


def test_classes_follow_the_cuts_given():
    assert abc_classes(lines([50, 25, 10, 10, 5]), (0.5, 0.75)).to_list() == list("ABCCC")


def test_ties_are_broken_by_item():
    assert abc_classes(lines([1, 1], ["b", "a"]), (0.5, 0.9)).to_list() == ["B", "A"]


def test_each_date_is_ranked_on_its_own():
    two = pl.concat([lines([90, 10]), lines([10, 90], day=dt.date(2024, 1, 2))])
    assert abc_classes(two).to_list() == ["A", "B", "B", "A"]


def test_no_value_or_an_unknown_one_is_class_c():
    assert abc_classes(lines([0, None, 0])).to_list() == ["C"] * 3
    assert abc_classes(lines([5, None, float("nan")])).to_list() == ["A", "C", "C"]


def test_xyz_follows_the_coefficient_of_variation():
    mean, std = pl.Series([2.0, 2.0, 2.0, 0.0]), pl.Series([1.0, 2.0, 2.1, 0.0])
    assert xyz_classes(mean, std).to_list() == ["X", "Y", "Z", "Z"]


SUNDAY = dt.date(2024, 6, 2)


def years(*units_by_week):
    """Two years and more of weekly demand of one series per argument, the last week newest."""
    rows = [
        {"date": SUNDAY - dt.timedelta(days=7 * (len(weeks) - 1 - week) + weekday),
         "item_id": f"i{n}", "location_id": "l", "demand_units": weeks[week]}
        for n, weeks in enumerate(units_by_week) for week in range(len(weeks)) for weekday in (0, 3)
    ]  # fmt: skip
    schema = {"date": pl.Date, "item_id": pl.String, "location_id": pl.String,
              "demand_units": pl.Float32}  # fmt: skip
    return pl.DataFrame(rows, schema=schema)


def life_cycle(frame, day=SUNDAY, items=None):
    weekly = weekly_demand(frame.lazy()).collect()
    items = items or sorted(frame["item_id"].unique())
    found = with_life_cycle(lines([None] * len(items), items, day), weekly, [day])
    return dict(found.select("item_id", "life_cycle").rows())


def test_the_life_cycle_follows_two_years_of_demand():
    steady = [5.0] * 110
    summer = [20.0 if 20 <= week % 52 < 32 else 2.0 for week in range(110)]
    fading = [5.0] * 102 + [1.0] * 8
    fresh = [4.0] * 6
    assert life_cycle(years(steady, summer, fading, fresh)) == {
        "i0": "mature", "i1": "seasonal", "i2": "end_of_life", "i3": "new"
    }  # fmt: skip


def test_a_peak_of_one_year_is_no_season():
    once = [20.0 if 70 <= week < 82 else 2.0 for week in range(110)]
    assert life_cycle(years(once)) == {"i0": "mature"}


def test_in_the_first_weeks_of_a_shop_nothing_is_new():
    assert life_cycle(years([5.0] * 6)) == {"i0": "mature"}


def test_a_series_without_a_whole_week_is_new():
    assert life_cycle(years([5.0] * 30), items=["i0", "never"])["never"] == "new"


def test_the_life_cycle_of_a_day_knows_no_week_that_ends_after_it():
    frame = years([5.0] * 100 + [0.0] * 10)
    day = SUNDAY - dt.timedelta(days=66)
    known = frame.filter(pl.col("date") <= day)
    assert life_cycle(frame, day) == life_cycle(known, day) == {"i0": "mature"}
    assert life_cycle(frame) == {"i0": "end_of_life"}
