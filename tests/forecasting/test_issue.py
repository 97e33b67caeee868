from __future__ import annotations

import datetime as dt
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from forecast_platform.contracts.derived import ACCURACY, FORECASTS, LEAD_TIME_DEMAND
from forecast_platform.forecasting import Champion, Issuer, score_issued
from forecast_platform.lake.schema import polars_schema
from forecast_platform.models import create
from forecast_platform.panel import Panel

FIRST_DAY = dt.date(2024, 1, 1)
CUTOFF = dt.date(2024, 5, 12)
ORIGINS = [CUTOFF + dt.timedelta(days=step) for step in (0, 1, 9, 40)]
PROTECTION, LEAD = np.array([9, 9, 40, 1]), np.array([2, 2, 33, 0])


@pytest.fixture(scope="module")
def panel() -> Panel:
    """Four series; the last is delisted after the cutoff."""
    rng = np.random.default_rng(2)
    demand = rng.poisson(np.array([[1], [5], [9], [3]]), (4, 190)).astype(np.float32)
    demand[3, 134:] = np.nan
    return Panel(
        np.array(["a", "a", "b", "c"], dtype=object), np.array(["x", "y", "x", "x"], dtype=object),
        FIRST_DAY, demand, ~np.isnan(demand),
    )  # fmt: skip


@pytest.fixture(scope="module")
def issuer(panel: Panel) -> Issuer:
    model = create("seasonal_naive")
    model.fit(panel.until(CUTOFF), seed=1)
    return Issuer(
        model, Champion("seasonal_naive", "4", CUTOFF, Path("m")), n_paths=400, revision=2
    )


def issued(issuer: Issuer, panel: Panel, origins: list[dt.date]) -> list[pl.DataFrame]:
    parts = issuer.issue(panel, origins, protection_days=PROTECTION, lead_time_days=LEAD)
    return [pl.concat(tables) for tables in zip(*parts, strict=True)]


def test_rows_follow_the_contracts_and_name_model_version_and_cutoff(
    issuer: Issuer, panel: Panel
) -> None:
    forecasts, lead = issued(issuer, panel, ORIGINS)
    assert forecasts.schema == polars_schema(FORECASTS)
    assert lead.schema == polars_schema(LEAD_TIME_DEMAND)
    assert forecasts.equals(forecasts.sort(FORECASTS.key))
    assert lead.equals(lead.sort(LEAD_TIME_DEMAND.key))
    assert forecasts.select("model", "model_version", "training_cutoff", "revision").unique().rows(
    ) == [("seasonal_naive", "4", CUTOFF, 2)]  # fmt: skip
    assert (
        (forecasts["date"] - forecasts["origin"])
        .dt.total_days()
        .equals(forecasts["horizon"], check_names=False)
    )
    assert forecasts["horizon"].unique().sort().to_list() == list(range(1, 29))


def test_a_row_holds_the_forecast_of_its_series_and_day(issuer: Issuer, panel: Panel) -> None:
    forecasts, _ = issued(issuer, panel, ORIGINS)
    forecast = issuer.forecaster.predict(panel, ORIGINS)
    row = forecasts.filter(origin=ORIGINS[2], item_id="b", location_id="x", horizon=5)
    assert row["mean"].item() == forecast.mean[2, 2, 4]
    assert row.select("q05", "q50", "q99").row(0) == tuple(forecast.quantiles[2, 2, 4, [0, 3, 8]])


def test_series_off_the_shelf_get_no_row(issuer: Issuer, panel: Panel) -> None:
    for table in issued(issuer, panel, ORIGINS):
        delisted = table.filter(item_id="c")["origin"].unique().sort().to_list()
        assert delisted == ORIGINS[:3]


def test_an_origin_has_the_same_rows_alone_and_in_a_backfill(
    issuer: Issuer, panel: Panel, monkeypatch: pytest.MonkeyPatch
) -> None:
    together = issued(issuer, panel, ORIGINS)
    monkeypatch.setattr("forecast_platform.forecasting.issue.ROWS_AT_ONCE", 1)
    one_by_one = issued(issuer, panel, ORIGINS[::-1])
    for all_at_once, single in zip(together, one_by_one, strict=True):
        assert_frame_equal(all_at_once, single, check_exact=True)


def test_rows_do_not_depend_on_days_after_the_origin(issuer: Issuer, panel: Panel) -> None:
    demand = panel.demand.copy()
    demand[:, panel.column_of(ORIGINS[1]) + 1 :] = 50
    changed = replace(panel, demand=demand, available=np.ones(demand.shape, dtype=bool))
    for before, after in zip(
        issued(issuer, panel, ORIGINS[:2]), issued(issuer, changed, ORIGINS[:2]), strict=True
    ):
        assert_frame_equal(before, after, check_exact=True)


def test_lead_time_demand_sums_the_days_of_the_protection_period(
    issuer: Issuer, panel: Panel
) -> None:
    forecasts, lead = issued(issuer, panel, ORIGINS[:1])
    of_y = forecasts.filter(item_id="a", location_id="y")
    row = lead.filter(item_id="a", location_id="y").row(0, named=True)
    assert row["mean"] == pytest.approx(of_y["mean"][:9].sum(), rel=1e-6)
    assert row["lead_time_mean"] == pytest.approx(of_y["mean"][:2].sum(), rel=1e-6)
    assert lead.filter(item_id="c")["lead_time_mean"].item() == 0
    beyond = forecasts.filter(item_id="b")["mean"]
    expected = beyond.sum() + beyond[21:28].sum() + beyond[21:26].sum()
    assert lead.filter(item_id="b")["mean"].item() == pytest.approx(expected, rel=1e-6)


def test_the_lead_time_distribution_is_that_of_the_sample_paths(
    issuer: Issuer, panel: Panel
) -> None:
    _, lead = issued(issuer, panel, ORIGINS[:1])
    forecast = issuer.forecaster.predict(panel, ORIGINS[:1])
    sums = forecast.paths(0, 400, issuer.seed)[1, :, :9].sum(axis=1)
    row = lead.filter(item_id="a", location_id="y").row(0, named=True)
    assert row["std"] == pytest.approx(sums.std(), rel=1e-4)
    assert (row["q50"], row["q95"]) == pytest.approx(np.quantile(sums, [0.5, 0.95]), rel=1e-4)
    assert row["q95"] < forecast.quantiles[0, 1, :9, 6].sum()


def test_one_day_of_protection_has_the_quantiles_of_the_first_day(
    issuer: Issuer, panel: Panel
) -> None:
    forecasts, lead = issued(issuer, panel, ORIGINS[:1])
    day = forecasts.filter(item_id="c", horizon=1).row(0, named=True)
    row = lead.filter(item_id="c").row(0, named=True)
    for name in ("q25", "q50", "q90"):
        assert row[name] == pytest.approx(day[name], abs=0.1)


def demand_rows(*rows: tuple[dt.date, str, float | None]) -> pl.DataFrame:
    return pl.DataFrame(
        [(day, item, "x", units) for day, item, units in rows],
        schema={"date": pl.Date, "item_id": pl.String, "location_id": pl.String,
                "demand_units": pl.Float32}, orient="row",
    )  # fmt: skip


def test_accuracy_judges_known_days_at_four_horizons(issuer: Issuer, panel: Panel) -> None:
    forecasts, _ = issued(issuer, panel, ORIGINS[:1])
    days = [CUTOFF + dt.timedelta(days=ahead) for ahead in range(1, 29)]
    clean = demand_rows(*((day, "b", 8.0) for day in days), (days[0], "a", None))
    accuracy = score_issued(clean, forecasts)
    assert accuracy.schema == polars_schema(ACCURACY)
    assert accuracy["horizon"].to_list() == [1, 7, 14, 28]
    assert accuracy["item_id"].unique().to_list() == ["b"]


def test_accuracy_by_hand(issuer: Issuer, panel: Panel) -> None:
    day = CUTOFF + dt.timedelta(days=7)
    forecasts, _ = issued(issuer, panel, ORIGINS[:1])
    forecast = forecasts.filter(item_id="b", date=day)
    quantiles = forecast.select("q05", "q10", "q25", "q50", "q75", "q90", "q95", "q975", "q99")
    levels = [0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.975, 0.99]
    actual = quantiles.row(0)[5]
    row = score_issued(demand_rows((day, "b", actual)), forecasts).row(0, named=True)
    losses = [
        level * (actual - q) if actual >= q else (1 - level) * (q - actual)
        for level, q in zip(levels, quantiles.row(0), strict=True)
    ]
    assert row["pinball"] == pytest.approx(np.mean(losses), rel=1e-5)
    assert row["error"] == pytest.approx(forecast["mean"].item() - actual, rel=1e-5)
    assert (row["inside_50"], row["inside_80"], row["inside_90"]) == (False, True, True)
