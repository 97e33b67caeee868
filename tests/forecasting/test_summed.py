from __future__ import annotations

import datetime as dt
from dataclasses import replace

import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from forecast_platform.contracts import QUANTILES, quantile_name
from forecast_platform.contracts.derived import FORECAST_LEVELS
from forecast_platform.forecasting import Champion, Issuer
from forecast_platform.forecasting.summed import SUMMED, forecast_levels, weekday_errors
from forecast_platform.lake.schema import polars_schema
from forecast_platform.models import create
from forecast_platform.panel import Panel

FIRST_DAY = dt.date(2024, 1, 1)
ITEMS, PLACES, DAYS = 12, 2, 210
NAMES = [quantile_name(level) for level in QUANTILES]


def shop(common: float) -> Panel:
    """Items at two places; each day's demand of all of them shares a factor of that spread."""
    rng = np.random.default_rng(5)
    busy = rng.gamma(1 / common**2, common**2, DAYS)
    demand = rng.poisson(8 * busy, (ITEMS * PLACES, DAYS)).astype(np.float32)
    items = np.repeat([f"i{at:02}" for at in range(ITEMS)], PLACES).astype(object)
    category = np.where(items < "i04", "food", "other").astype(object)
    return Panel(
        items, np.tile(["x", "y"], ITEMS).astype(object), FIRST_DAY, demand,
        ~np.isnan(demand), static={"category": category},
    )  # fmt: skip


def issued(panel: Panel) -> pl.DataFrame:
    model = create("moving_average")
    model.fit(panel, seed=1)
    issuer = Issuer(model, Champion("moving_average", "1", panel.last_day, None), revision=3)
    days = np.full(panel.n_series, 7)
    ((forecasts, _),) = issuer.issue(
        panel, [panel.last_day], protection_days=days, lead_time_days=days
    )
    return forecasts


@pytest.fixture(scope="module")
def panel() -> Panel:
    return shop(0.3)


@pytest.fixture(scope="module")
def forecasts(panel: Panel) -> pl.DataFrame:
    return issued(panel)


@pytest.fixture(scope="module")
def levels(panel: Panel, forecasts: pl.DataFrame) -> pl.DataFrame:
    return forecast_levels(panel, forecasts, seed=7)


def test_every_level_has_a_row_of_each_sum_and_day(levels: pl.DataFrame) -> None:
    assert levels.schema == polars_schema(FORECAST_LEVELS)
    assert levels.select(FORECAST_LEVELS.key).is_unique().all()
    count = dict(levels.group_by("level").len().iter_rows())
    assert count == {name: 28 * sums for name, sums in zip(SUMMED, (12, 4, 2, 2, 1), strict=True)}
    assert levels["revision"].unique().to_list() == [3]
    total = levels.filter(level="total")
    assert total["date"].to_list() == [
        FIRST_DAY + dt.timedelta(days=DAYS - 1 + ahead) for ahead in total["horizon"]
    ]


@pytest.mark.parametrize("name", SUMMED)
def test_means_are_the_sums_of_the_means_as_issued(
    panel: Panel, forecasts: pl.DataFrame, levels: pl.DataFrame, name: str
) -> None:
    category = pl.DataFrame(
        {"item_id": panel.items.tolist(), "category": panel.static["category"].tolist()}
    ).unique()
    keys = {"item": ["item_id"], "location": ["location_id"], "category": ["category"],
            "category x location": ["category", "location_id"], "total": []}[name]  # fmt: skip
    expected = (
        forecasts.join(category, on="item_id")
        .group_by(*keys, "date")
        .agg(pl.col("mean").cast(pl.Float64).sum(), series=pl.len().cast(pl.Int64))
        .sort(*keys, "date")
    )
    found = levels.filter(level=name).sort(*keys, "date")
    assert_frame_equal(
        found.select(*keys, "date", pl.col("mean").cast(pl.Float64), "series"), expected
    )
    others = [key for key in ("item_id", "category", "location_id") if key not in keys]
    assert all(found[key].is_null().all() for key in others)
    assert not any(found[key].has_nulls() for key in keys)


def test_series_that_err_together_have_a_wider_total(levels: pl.DataFrame) -> None:
    calm = shop(0.01)
    apart = forecast_levels(calm, issued(calm), seed=7)
    narrow, wide = (
        (total["q90"] - total["q10"]).mean()
        for total in (apart.filter(level="total"), levels.filter(level="total"))
    )
    assert narrow == pytest.approx(2.563 * np.sqrt(8 * ITEMS * PLACES), rel=0.25)  # Poisson
    assert wide > 3 * narrow


def test_quantiles_of_a_total_are_narrower_than_the_sums_of_quantiles(
    forecasts: pl.DataFrame, levels: pl.DataFrame
) -> None:
    summed = forecasts.group_by("date").agg(pl.col(NAMES).sum()).sort("date")
    total = levels.filter(level="total").sort("date")
    assert (total["q95"] < summed["q95"]).all()
    assert (total["q05"] > summed["q05"]).all()
    spread = total.select(NAMES).to_numpy()
    assert (np.diff(spread, axis=1) >= 0).all()


def test_an_item_sold_at_one_place_has_the_quantiles_of_its_series(panel: Panel) -> None:
    alone = panel.select(panel.locations == "x")
    forecasts = issued(alone)
    items = forecast_levels(alone, forecasts, seed=7).filter(level="item")
    found = items.sort("item_id", "date").select("q25", "q50", "q75", "q90").to_numpy()
    expected = forecasts.select("q25", "q50", "q75", "q90").to_numpy()
    assert found == pytest.approx(expected, rel=0.02)


def test_the_same_forecasts_give_the_same_bytes_and_later_days_none(
    panel: Panel, forecasts: pl.DataFrame, levels: pl.DataFrame
) -> None:
    assert_frame_equal(forecast_levels(panel, forecasts, seed=7), levels, check_exact=True)
    longer = np.concatenate([np.full((panel.n_series, 40), 99, np.float32), panel.demand], axis=1)
    older = replace(
        panel, demand=longer, available=~np.isnan(longer),
        first_day=FIRST_DAY - dt.timedelta(days=40),
    )  # fmt: skip
    assert_frame_equal(forecast_levels(older, forecasts, seed=7), levels, check_exact=True)


def test_a_shop_of_a_few_days_has_levels_too(panel: Panel) -> None:
    young = panel.last(3)
    levels = forecast_levels(young, issued(young), seed=7)
    assert levels.select(NAMES).null_count().sum_horizontal().item() == 0
    assert np.isnan(weekday_errors(young)).all()


def test_an_origin_without_forecasts_has_no_sums(panel: Panel, forecasts: pl.DataFrame) -> None:
    nothing = forecast_levels(panel.select(panel.items == "none"), forecasts.clear(), seed=7)
    assert nothing.is_empty()
    assert nothing.schema == polars_schema(FORECAST_LEVELS)
