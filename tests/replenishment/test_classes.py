import datetime as dt

import polars as pl

from forecast_platform.replenishment.classes import abc_classes, xyz_classes

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
