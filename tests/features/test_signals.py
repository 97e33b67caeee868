"""Signals from optional tables: what they say, how far they look back; none looks ahead."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace

import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from forecast_platform.contracts import tables
from forecast_platform.features.outlook import campaign_outlook, weather_outlook
from forecast_platform.features.signal_panel import with_signals
from forecast_platform.features.signals import behaviour_of, signal_features
from forecast_platform.graph import SIGNAL_LOOKBACK_DAYS
from forecast_platform.lake import conform, polars_schema
from forecast_platform.panel import Panel

FIRST = dt.date(2026, 1, 1)
DAYS = 130
ITEMS, PLACES = ("A", "B", "C"), ("N", "S")
PRODUCTS = pl.DataFrame({"item_id": ITEMS, "category": ["x", "x", "y"]})


def day(n: int) -> dt.date:
    return FIRST + dt.timedelta(days=n)


def frame(table: str, rows: list[dict[str, object]]) -> pl.DataFrame:
    """Rows of a validated table; columns that are not given stay empty."""
    schema = polars_schema(tables()[table])
    filled = [{"file": "f", "row_number": n} | row for n, row in enumerate(rows, 1)]
    return pl.DataFrame(filled, schema={**schema}, strict=False) if rows else schema.to_frame()


def world(seed: int = 3) -> dict[str, pl.DataFrame]:
    """Every optional table over all days, with holes."""
    rng = np.random.default_rng(seed)
    days = range(DAYS)
    weather = [
        {"date": day(n), "location_id": p, "temperature": rng.normal(10, 8),
         "precipitation": rng.exponential(3)}
        for n in days for p in PLACES if rng.random() < 0.95
    ]  # fmt: skip
    told = [
        {"date": day(n), "location_id": p, "target_date": day(n + k),
         "temperature": rng.normal(10, 8), "precipitation": rng.exponential(3)}
        for n in days for p in PLACES for k in range(1, 11) if rng.random() < 0.8
    ]  # fmt: skip
    seen = [
        {"date": day(n), "item_id": i, "competitor": c, "price": float(rng.uniform(1, 9))}
        for n in days for i in ITEMS for c in ("K1", "K2", "K3") if rng.random() < 0.15
    ]  # fmt: skip
    index = [
        {"date": day(n), "index_name": name, "value": float(rng.uniform(90, 110))}
        for n in days for name in ("mood", "trade") if n % (30 if name == "mood" else 1) == 0
    ]  # fmt: skip
    plans = [
        {"date": day(n), "campaign_id": f"C{n}", "start_date": day(n + 5), "end_date": day(n + 9),
         "channel": "mail", "spend": 50.0 + n, "item_id": ITEMS[n % 3] if n % 2 else None,
         "category": None if n % 2 else "x", "location_id": None if n % 3 else "N"}
        for n in days if n % 11 == 0
    ]  # fmt: skip
    events = [
        {"date": day(n), "user_id": f"p_{rng.integers(5)}", "item_id": rng.choice(ITEMS),
         "location_id": rng.choice(PLACES), "event": kind,
         "rating": float(rng.integers(1, 6)) if kind == "rating" else None}
        for n in days for kind in rng.choice(["view", "view", "cart", "purchase", "rating"], 6)
    ]  # fmt: skip
    behaviour = conform(behaviour_of(frame("validated_user_events", events)),
                        tables()["user_behaviour"])  # fmt: skip
    return {
        "weather": frame("validated_weather", weather),
        "weather_forecasts": frame("validated_weather_forecasts", told),
        "competitor_prices": frame("validated_competitor_prices", seen),
        "market_indices": frame("validated_market_indices", index),
        "campaigns": frame("validated_campaigns", plans),
        "user_behaviour": behaviour,
    }


CLEAN = pl.DataFrame(
    [(day(n), i, p, 2.0 + k) for n in range(DAYS) for k, i in enumerate(ITEMS) for p in PLACES],
    schema={"date": pl.Date, "item_id": pl.String, "location_id": pl.String, "price": pl.Float32},
    orient="row",
)


def made(
    first: int, last: int, signals: dict[str, pl.DataFrame], clean: pl.DataFrame = CLEAN
) -> pl.DataFrame:
    found = signal_features(clean, day(first), day(last), products=PRODUCTS, signals=signals)
    return conform(found, tables()["signal_features"])


def windowed(signals: dict[str, pl.DataFrame], first: int, last: int) -> dict[str, pl.DataFrame]:
    """The rows that the graph lets a run of the days [first, last] read."""
    back = {name.removeprefix("validated_"): days for name, days in SIGNAL_LOOKBACK_DAYS.items()}
    return {
        name: rows.filter(pl.col("date").is_between(day(first - back[name]), day(last)))
        for name, rows in signals.items()
        if name in back
    }


def test_a_day_made_alone_has_the_bits_it_has_in_a_span() -> None:
    signals = world()
    whole = made(0, DAYS - 1, windowed(signals, 0, DAYS - 1))
    assert all(whole[name].count() > 100 for name in whole.columns)
    for n in (0, 1, 40, 100, DAYS - 1):
        alone = made(n, n, windowed(signals, n, n))
        assert_frame_equal(alone, whole.filter(pl.col("date") == day(n)), check_exact=True)


def test_nothing_looks_ahead() -> None:
    cut = 100
    other = {
        name: pl.concat([rows.filter(pl.col("date") <= day(cut)),
                         world(9)[name].filter(pl.col("date") > day(cut))])
        for name, rows in world().items()
    }  # fmt: skip
    assert_frame_equal(
        made(0, DAYS - 1, world()).filter(pl.col("date") <= day(cut)),
        made(0, DAYS - 1, other).filter(pl.col("date") <= day(cut)),
        check_exact=True,
    )
    before, after = (panel(signals).until(day(cut)) for signals in (world(), other))
    for name, values in before.past.items():
        np.testing.assert_array_equal(values, after.past[name])
    for name, told in before.outlook.items():
        np.testing.assert_array_equal(
            told.values[told.row], after.outlook[name].values[after.outlook[name].row]
        )
    assert any(
        not np.array_equal(panel(world()).past[name], panel(other).past[name], equal_nan=True)
        for name in before.past
    )


def panel(signals: dict[str, pl.DataFrame]) -> Panel:
    shape = (len(ITEMS) * len(PLACES), DAYS)
    bare = Panel(
        items=np.repeat(np.array(ITEMS, dtype=object), len(PLACES)),
        locations=np.tile(np.array(PLACES, dtype=object), len(ITEMS)),
        first_day=FIRST,
        demand=np.ones(shape, dtype=np.float32),
        available=np.ones(shape, dtype=np.bool_),
    )
    landed = {"user_events" if n == "user_behaviour" else n: rows for n, rows in signals.items()}
    return with_signals(
        bare, 28, features=made(0, DAYS - 1, signals), products=PRODUCTS, landed=landed
    )


def test_only_tables_that_land_give_covariates() -> None:
    bare = replace(panel(world()), past={}, outlook={})
    none = with_signals(bare, 28, features=made(0, 9, {}), products=PRODUCTS, landed={})
    assert (none.past, none.outlook) == ({}, {})
    one = panel({"weather": world()["weather"]})
    assert ({*one.past}, one.outlook) == ({"temperature", "precipitation"}, {})


def test_models_take_every_covariate_but_counts_within_0_and_1() -> None:
    found = panel(world())
    values = {name: v for name, v in found.past.items() if name != "views_mean_7"}
    values |= {name: told.values for name, told in found.outlook.items()}
    for name, array in values.items():
        assert np.nanmin(array) >= 0, name
        assert np.nanmax(array) <= 1, name
    assert {*found.outlook} == {
        "temperature_ahead", "precipitation_ahead", "campaign_ahead", "campaign_spend_ahead",
        "days_to_campaign",
    }  # fmt: skip


def test_the_newest_forecast_that_was_issued_counts() -> None:
    told = frame("validated_weather_forecasts", [
        {"date": day(0), "location_id": "N", "target_date": day(4), "temperature": 10.0},
        {"date": day(2), "location_id": "N", "target_date": day(4), "temperature": 20.0},
    ])  # fmt: skip
    found = weather_outlook(
        told, "temperature", np.array(["N", "S"], dtype=object), day(0), day(12), horizon=5
    )
    at = found.values[found.row]
    assert at[0, 0, 3] == 10
    assert at[0, 1, 2] == 10
    assert at[0, 2, 1] == 20
    assert at[0, 3, 0] == 20
    assert np.isnan(at[0, 0, 2])
    assert np.isnan(at[1]).all()
    assert np.nansum(at) == 60


def test_a_campaign_is_known_from_the_day_it_was_planned() -> None:
    plans = frame("validated_campaigns", [
        {"date": day(3), "campaign_id": "C", "start_date": day(5), "end_date": day(6),
         "spend": 80.0, "category": "x"},
    ])  # fmt: skip
    keys = pl.DataFrame({"item_id": ITEMS, "category": ["x", "x", "y"], "location_id": ["N"] * 3})
    found = campaign_outlook(plans, keys, day(0), day(9), range(1, 5))
    runs = found["on_campaign"].values[found["on_campaign"].row]
    assert runs[0, 2].sum() == 0
    assert runs[0, 3].tolist() == [0, 1, 1, 0]
    assert runs[0, 4].tolist() == [1, 1, 0, 0]
    assert runs[2].sum() == 0
    spend = found["campaign_spend"].values[found["campaign_spend"].row]
    assert spend[0, 3].tolist() == [0, 40, 40, 0]
    until = found["days_to_campaign"].values[found["days_to_campaign"].row]
    assert until[1, 3].tolist() == [1, 0, 0, 14]
    assert set(until[2].ravel()) == {14}


def test_what_the_signals_say() -> None:
    prices = frame("validated_competitor_prices", [
        {"date": day(40), "item_id": "A", "competitor": "K1", "price": 1.0},
        {"date": day(40), "item_id": "A", "competitor": "K2", "price": 3.0},
        {"date": day(47), "item_id": "A", "competitor": "K1", "price": 5.0},
    ])  # fmt: skip
    events = frame("validated_user_events", [
        {"date": day(40), "user_id": user, "item_id": "A", "location_id": "N", "event": event,
         "rating": stars}
        for user, event, stars in [
            ("p_1", "view", None), ("p_1", "view", None), ("p_2", "view", None),
            ("p_2", "view", None), ("p_2", "cart", None), ("p_2", "purchase", None),
            ("p_1", "rating", 4.0), (None, "rating", 5.0),
        ]
    ])  # fmt: skip
    behaviour = behaviour_of(events)
    assert behaviour.rows(named=True) == [
        {"date": day(40), "item_id": "A", "location_id": "N", "views": 4, "carts": 1,
         "purchases": 1, "ratings": 2, "visitors": 2, "mean_rating": 4.5, "conversion": 0.25}
    ]  # fmt: skip
    indices = frame("validated_market_indices", [
        {"date": day(10), "index_name": "mood", "value": 100.0},
        {"date": day(40), "index_name": "mood", "value": 110.0},
    ])  # fmt: skip
    found = made(40, 70, {"competitor_prices": prices, "user_behaviour": behaviour,
                          "market_indices": indices})  # fmt: skip

    def at(n: int, column: str, item: str = "A") -> object:
        row = found.filter(
            pl.col("date") == day(n), pl.col("item_id") == item, pl.col("location_id") == "N"
        )
        return row[column].item()

    assert at(40, "competitor_price_ratio") == 1.0
    assert at(47, "competitor_price_ratio") == 0.5
    assert at(47, "competitor_price_change_7") == 1.0
    assert at(67, "competitor_price_ratio") == pytest.approx(0.5)
    assert at(68, "competitor_price_ratio") == pytest.approx(2 / 5)
    assert at(47, "competitor_price_ratio", "B") is None
    assert at(40, "views_mean_7") == pytest.approx(4 / 7)
    assert at(47, "views_mean_7") == 0
    assert (at(67, "conversion_28"), at(68, "conversion_28")) == (0.25, None)
    assert at(50, "rating_mean_28") == 4.5
    assert at(45, "market_change_7") == pytest.approx(0.1)
    assert at(50, "market_change_7") == 0
    assert at(60, "market_change_28") == pytest.approx(0.1)
    assert at(60, "temperature") is None
