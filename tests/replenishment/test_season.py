"""Seasons: what is learned, and what a plan makes of it."""

import datetime as dt

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from plan_shop import DAY, build_shop, landed_rows
from polars.testing import assert_frame_equal

from benchmarks.m5_panel import M5
from benchmarks.season import ends_of, figures, goods, replayed
from forecast_platform.defs.pictures import season_of_largest
from forecast_platform.panel import Panel
from forecast_platform.replenishment import PlanParameters, PlanTables, explain, plan
from forecast_platform.replenishment.season import YEAR_WEEKS, seasonal_profiles

SEASON = np.where(np.arange(YEAR_WEEKS) < 20, 2.4, 0.125)
ITEM = ("i0", "i1")
FIGURES = ["season_units", "season_adjustment", "safety_stock", "reorder_point",
           "order_up_to_level", "raw_quantity", "order_quantity"]  # fmt: skip


def weekly(starts_in, items=ITEM, unit=1.0, location="l0"):
    """Two years of i<n>, n + 1 a day on average, whose next season starts in so many weeks."""
    ahead = np.roll(SEASON, starts_in)
    rows = [
        {"item_id": item, "location_id": location,
         "week_end": DAY - dt.timedelta(weeks=ago),
         "demand": float(ahead[-1 - ago % YEAR_WEEKS] * (int(item[1:]) + 1) * unit)}
        for item in items for ago in range(2 * YEAR_WEEKS)
    ]  # fmt: skip
    return pl.DataFrame(rows, schema_overrides={"week_end": pl.Date})


def seasonal(starts_in, **more):
    return build_shop(**more).having(weekly=weekly(starts_in, unit=more.get("unit", 1.0)))


def codes(line):
    return line["reason_codes"].split(",")


@pytest.fixture(scope="module")
def plain():
    return build_shop().stock(10.0).plan()


def test_a_profile_is_the_year_that_came_twice():
    found = seasonal_profiles(np.tile(SEASON, 2)[None] * 3.0, np.zeros(1, np.int64))
    mean = SEASON.mean()
    assert found.index.mean() == pytest.approx(1.0)
    assert found.level == pytest.approx(3.0 * mean)
    assert found.error == pytest.approx(0.0)
    inside = [*range(1, 19), *range(21, 51)]
    assert found.index[0, inside] == pytest.approx(SEASON[inside] / mean)


def test_a_season_ends_with_its_last_week_and_the_next_comes_after_the_quiet():
    found = seasonal_profiles(np.tile(np.roll(SEASON, 3), 2)[None], np.zeros(1, np.int64))
    (end,), (quiet,) = found.season_weeks()
    assert (end, quiet) == (23, 32)


def test_a_week_that_was_never_known_is_that_of_the_category():
    short = np.tile(SEASON, 2)
    short[[5, 5 + YEAR_WEEKS]] = np.nan
    demand = np.stack([short, np.tile(SEASON, 2), np.tile(SEASON[::-1], 2)])
    alike = seasonal_profiles(demand[:2], np.zeros(2, np.int64))
    other = seasonal_profiles(demand, np.array([0, 1, 0]))
    assert alike.index[0, 5] == pytest.approx(alike.index[1, 5], rel=0.05)
    assert other.index[0, 5] < 0.2


def test_noisy_years_of_like_goods_are_shrunk_to_their_category():
    noise = np.random.default_rng(3).gamma(2.0, 0.5, (40, 2 * YEAR_WEEKS))
    demand = np.tile(SEASON, 2) * noise
    alone = seasonal_profiles(demand, np.arange(40))
    together = seasonal_profiles(demand, np.zeros(40, np.int64))
    true = SEASON / SEASON.mean()
    inside = [*range(1, 19), *range(21, 51)]
    missed = [np.abs(found.index - true)[:, inside].mean() for found in (alone, together)]
    assert missed[1] < 0.5 * missed[0]


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 2**31), unit=st.sampled_from([0.25, 2.0, 1024.0]))
def test_units_scale_and_a_permutation_permutes(seed, unit):
    rng = np.random.default_rng(seed)
    demand = rng.gamma(1.0, 2.0, (5, 2 * YEAR_WEEKS)) + 0.01
    demand[rng.random(demand.shape) < 0.2] = np.nan
    category, order = rng.integers(0, 2, 5), rng.permutation(5)
    found = seasonal_profiles(demand, category)
    scaled = seasonal_profiles(demand * unit, category)
    permuted = seasonal_profiles(demand[order], category[order])
    assert (found.index >= 0).all()
    assert found.index.mean(axis=1) == pytest.approx(1.0)
    assert scaled.index == pytest.approx(found.index)
    assert scaled.level == pytest.approx(found.level * unit)
    assert scaled.error == pytest.approx(found.error)
    assert permuted.index == pytest.approx(found.index[order])


def test_other_lines_stay_as_they_were_to_the_last_bit(plain):
    plan = seasonal(3).stock(10.0).plan()
    assert set(plan.filter(life_cycle="seasonal")["item_id"]) == set(ITEM)
    others = pl.col("item_id").is_in(ITEM).not_() | (pl.col("location_id") != "l0")
    assert_frame_equal(
        plan.filter(others), plain.filter(others).with_columns(life_cycle=pl.lit("new")),
        check_exact=True,
    )  # fmt: skip
    assert plan.filter(others)["season_end"].null_count() == plan.filter(others).height


def test_stock_is_built_up_before_the_peak_and_says_so():
    line = seasonal(4, lead_time=21).stock(10.0).line()
    before = build_shop(lead_time=21).stock(10.0).line()
    assert line["order_up_to_level"] > 1.2 * before["order_up_to_level"]
    assert line["order_quantity"] > before["order_quantity"]
    assert "SEASON_BUILD_UP" in codes(line)
    assert line["season_end"] == DAY + dt.timedelta(weeks=24)


def test_stock_is_run_down_at_the_end_and_says_so(plain):
    before = plain.row(0, named=True)
    # Twenty weeks of season that started 18 weeks ago.
    line = seasonal(-18).stock(10.0).line()
    assert line["order_up_to_level"] < before["order_up_to_level"]
    assert "SEASON_RUN_DOWN" in codes(line)
    assert line["season_end"] == DAY + dt.timedelta(weeks=2)
    # The forecast says one a day for all of them.
    assert line["season_units"] == pytest.approx(14.0)


def test_days_after_the_forecast_are_the_profiles():
    shop = seasonal(3, lead_time=35)
    flat = build_shop(lead_time=35).line()
    line = shop.line()
    # 14 of the 42 days follow the forecast; in season they bring 2.4 instead of 1.
    assert line["season_adjustment"] == pytest.approx(14 * 2.4 - 14, rel=0.01)
    assert line["protection_demand"] == flat["protection_demand"]
    assert line["reorder_point"] == pytest.approx(
        line["protection_demand"] + line["season_adjustment"] + line["safety_stock"]
    )
    assert seasonal(-24, lead_time=35).line()["season_adjustment"] < 0


@pytest.mark.parametrize("starts_in", [*range(-26, 26, 4)])
@pytest.mark.parametrize("lead_time", [0, 5, 49])
def test_levels_are_never_negative_and_orders_whole_packs(starts_in, lead_time):
    plan = seasonal(starts_in, lead_time=lead_time).stock(3.0).plan().filter(location_id="l0")
    lines = plan.filter(life_cycle="seasonal")
    assert lines.height == len(ITEM)
    assert (lines["safety_stock"] >= 0).all()
    assert (lines["order_up_to_level"] >= lines["reorder_point"]).all()
    assert (lines["order_quantity"] >= 0).all()
    assert (lines["order_quantity"] % lines["pack_size"] == 0).all()


def test_an_explanation_adds_up_and_names_the_season():
    for starts_in, lead_time in ((4, 35), (-18, 5)):
        shop = seasonal(starts_in, lead_time=lead_time).stock(3.0)
        line = shop.line()
        told = explain(line, shop.tables["forecasts"], landed_rows("sales", []))
        for figure in told.sums:
            assert sum(value for _, value in figure.parts) == pytest.approx(figure.total)
        assert str(line["season_end"]) in dict(told.facts)["Season"]


def test_weeks_after_the_day_and_the_order_of_rows_change_nothing():
    shop = seasonal(4).stock(10.0)
    known = shop.tables["weekly"]
    later = known.tail(9).with_columns(
        pl.col("week_end").dt.offset_by("105w"), demand=pl.lit(900.0)
    )
    shuffled = pl.concat([known, later]).sample(fraction=1.0, shuffle=True, seed=2)
    assert_frame_equal(shop.having(weekly=shuffled).plan(), shop.plan(), check_exact=True)


def test_a_day_comes_out_the_same_alone_and_within_a_range():
    shop = seasonal(4, origins=9).stock(10.0)
    days = [DAY - dt.timedelta(days=back) for back in (8, 7, 3, 0)]
    together = shop.plan(*days)
    for day in days:
        assert_frame_equal(shop.plan(day), together.filter(date=day), check_exact=True)


def test_a_range_is_planned_in_parts_some_of_which_have_no_season(monkeypatch):
    # A week less than two years on the last day, too little a week before.
    known = pl.col("week_end") > DAY - dt.timedelta(weeks=2 * YEAR_WEEKS - 2)
    shop = build_shop(origins=9).having(weekly=weekly(4).filter(known)).stock(10.0)
    days = [DAY - dt.timedelta(days=8), DAY]
    together = shop.plan(*days)
    has_season = together.group_by("date").agg(pl.col("season_end").is_not_null().any())
    assert sorted(has_season["season_end"]) == [False, True]
    monkeypatch.setattr(plan, "_LINES_AT_ONCE", 1)
    assert_frame_equal(shop.plan(*days), together, check_exact=True)


def test_a_unit_twice_as_large_doubles_every_quantity():
    one, two = (seasonal(4, lead_time=35, unit=unit).line() for unit in (1.0, 2.0))
    for name in FIGURES:
        assert two[name] == pytest.approx(2 * one[name])


@pytest.fixture(scope="module")
def year():
    """Four years of two items with a season of 20 weeks, and the last of them replayed."""
    start, days = dt.date(2015, 3, 1), 7 * YEAR_WEEKS
    rng = np.random.default_rng(5)
    season = np.repeat(np.roll(SEASON, 9), 7)
    demand = rng.poisson(np.tile(season, 4) * np.array([[4.0], [9.0]])).astype(np.float32)
    panel = Panel(
        items=np.array(["a", "b"], object), locations=np.array(["s", "s"], object),
        first_day=start - dt.timedelta(days=3 * days - 1), demand=demand,
        available=np.ones(demand.shape, bool),
    )  # fmt: skip
    terms = PlanParameters(lead_time_days=42.0)
    shop = goods(M5(panel, np.full(demand.shape, 5.0)), start, terms, "moving_average")
    return shop, {season: replayed(shop, season=season) for season in (True, False)}


def test_after_the_season_no_more_is_left_than_without_the_step(year):
    shop, runs = year
    ends = ends_of(runs[True])
    assert set(ends["item_id"]) == {"a", "b"}
    step, without = (figures(shop, runs[season], ends) for season in (True, False))
    assert step["left over"] <= without["left over"]
    assert step["cost"] < without["cost"]
    assert step["lost units"] < without["lost units"]


def test_orders_rise_before_the_peak_although_little_was_sold(year):
    _, runs = year
    early = pl.col("date") < dt.date(2015, 4, 26)
    sent = {season: run.plans.filter(early)["order_quantity"].sum() for season, run in runs.items()}
    assert sent[True] > 2 * sent[False]


def test_the_picture_is_of_a_seasonal_line_if_there_is_one(plain):
    shop = seasonal(4)
    plan, tables = shop.plan(), PlanTables(**shop.tables)
    image = season_of_largest(plan, tables, shop.parameters)
    assert image is not None
    assert image.startswith(b"\x89PNG")
    assert season_of_largest(plain, tables, shop.parameters) is None
