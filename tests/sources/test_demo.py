"""The demo shop: reproducible, continued by more days, and dirty in every way it claims."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from forecast_platform.contracts import LANDED
from forecast_platform.errors import PlatformError
from forecast_platform.sources.demo import make_demo
from forecast_platform.sources.demo.dirt import DIRT, DUPLICATE, till_rows
from forecast_platform.sources.demo.shop import (
    CATEGORIES,
    Shop,
    events,
    list_prices,
    open_shop,
    promotions,
)
from forecast_platform.sources.demo.trade import Trade, trade
from forecast_platform.sources.importers import ImportReport

FIRST_DAY = dt.date(2024, 1, 1)
DAYS = 400


@pytest.fixture(scope="module")
def shop() -> Shop:
    return open_shop(items=40, locations=2, first_day=FIRST_DAY, seed=7)


@pytest.fixture(scope="module")
def deal(shop: Shop) -> Trade:
    return trade(shop, DAYS)


@pytest.fixture(scope="module")
def landed(tmp_path_factory: pytest.TempPathFactory) -> ImportReport:
    landing = tmp_path_factory.mktemp("landing")
    return make_demo(landing, items=40, locations=2, days=DAYS, with_signals=True)


def read(path: Path) -> pl.DataFrame:
    if path.suffix == ".parquet":
        return pl.read_parquet(path)
    if path.suffix == ".jsonl":
        return pl.read_ndjson(path, infer_schema_length=None)
    return pl.read_csv(path, infer_schema=False)


def table(report: ImportReport, name: str) -> pl.DataFrame:
    files = [f for f in report.files if f.parent.name == name]
    return pl.concat((read(f) for f in files), how="diagonal_relaxed")


def by_name(landing: Path) -> dict[str, bytes]:
    files = (f for f in landing.rglob("*") if f.is_file())
    return {str(f.relative_to(landing)): f.read_bytes() for f in files}


def test_same_seed_same_bytes_other_seed_other_bytes(tmp_path: Path) -> None:
    for name, seed in (("one", 7), ("two", 7), ("three", 8)):
        make_demo(tmp_path / name, items=10, locations=2, days=90, seed=seed)
    one, two, three = (by_name(tmp_path / name) for name in ("one", "two", "three"))
    assert one == two
    assert one["sales/2024-02.csv"] != three["sales/2024-02.csv"]


@pytest.mark.parametrize("days", [61, 75, 100])
def test_more_days_continue_the_same_files(tmp_path: Path, days: int) -> None:
    for name, length in (("short", 60), ("long", days)):
        make_demo(tmp_path / name, items=30, locations=2, days=length, split="daily",
                  with_signals=True)  # fmt: skip
    short, long = by_name(tmp_path / "short"), by_name(tmp_path / "long")
    changed = {name for name, content in short.items() if long[name] != content}
    # Orders that were open are received, and nothing else is rewritten.
    assert {name.split("/")[0] for name in changed} <= {"purchase_orders"}
    last_day = f"sales/{FIRST_DAY + dt.timedelta(days=days - 1)}"
    assert any(name.startswith(last_day) for name in long.keys() - short.keys())


def test_more_days_only_fill_in_received_dates(tmp_path: Path) -> None:
    kept = ["date", "order_id", "item_id", "location_id", "quantity", "expected_date"]
    short, long = (
        table(make_demo(tmp_path / str(d), items=30, locations=2, days=d), "purchase_orders")
        for d in (60, 61)
    )
    assert long.head(short.height).select(kept).equals(short.select(kept))


def test_monthly_and_daily_files_hold_the_same_rows(tmp_path: Path) -> None:
    arguments = {"items": 20, "locations": 2, "days": 70}
    monthly = make_demo(tmp_path / "monthly", **arguments)
    daily = make_demo(tmp_path / "daily", **arguments, split="daily")
    assert monthly.rows == daily.rows
    for name in monthly.rows:
        columns = table(monthly, name).columns
        assert (
            table(monthly, name)
            .sort(columns)
            .equals(table(daily, name).select(columns).sort(columns))
        ), name


def test_every_table_in_documented_columns_and_every_format(landed: ImportReport) -> None:
    made = [c for c in LANDED if c.name not in ("market_indices", "campaigns", "user_events")]
    assert set(landed.rows) == {contract.name for contract in made}
    assert {"".join(f.suffixes) for f in landed.files} == {".csv", ".csv.gz", ".jsonl", ".parquet"}
    for contract in made:
        frame = table(landed, contract.name)
        assert frame.height == landed.rows[contract.name]
        unknown = set(frame.columns) - set(contract.column_names)
        assert unknown == ({"note"} if contract.name == "sales" else set())


def test_settings_span_the_history(landed: ImportReport) -> None:
    last_day = FIRST_DAY + dt.timedelta(days=DAYS - 1)
    assert (landed.settings["start_date"], landed.settings["end_date"]) == (FIRST_DAY, last_day)
    assert table(landed, "inventory")["date"].max() == landed.last_day == last_day


def test_every_kind_of_dirt_is_there(shop: Shop, deal: Trade, landed: ImportReport) -> None:
    rows = till_rows(shop, deal)
    kinds = rows["dirt"].drop_nulls()
    assert set(kinds) == {*DIRT, DUPLICATE}
    assert 0.003 < kinds.len() / rows.height < 0.008
    sales = table(landed, "sales")
    for text in ("2924-01-01", "yesterday", "2024-02-30"):
        assert text in sales["date"]
    assert {"NaN", "99999999", "-99999999"} <= set(sales["units"])
    assert sales["units"].str.contains(r"^\d+,0$").any()
    assert "1.234,50" in sales["unit_price"]
    assert "NO-SUCH-ITEM" in sales["item_id"]
    assert (sales["item_id"] != sales["item_id"].str.strip_chars()).any()
    assert sales["location_id"].is_null().any() or "" in sales["location_id"]
    assert sales.is_duplicated().any()


def test_late_files_hold_earlier_days(landed: ImportReport) -> None:
    late = [f for f in landed.files if f.name.startswith("late-")]
    assert late
    for file in late:
        arrived_by = file.name.removeprefix("late-").removesuffix(".csv")
        days = read(file)["date"].str.to_date(strict=False).drop_nulls()
        assert (days.dt.strftime("%Y-%m") <= arrived_by).sum() >= 0.9 * days.len()


def test_late_rows_are_held_back_or_correct_by_one_unit(shop: Shop, deal: Trade) -> None:
    key = ["date", "item_id", "location_id", "order_id"]
    rows = till_rows(shop, deal).filter(pl.col("dirt").is_null())
    rows = rows.with_columns(pl.col("units").cast(pl.Int64))
    late = rows.filter("late").join(
        rows.filter(~pl.col("late")), on=key, how="left", nulls_equal=True, suffix="_before"
    )
    corrected = late.drop_nulls("units_before")
    assert 0 < corrected.height < late.height
    assert (corrected["units_before"] - corrected["units"] == 1).all()
    assert (late["date"].str.to_date() < late["arrival"]).all()


def test_clean_sales_are_what_was_sold(shop: Shop, deal: Trade) -> None:
    key = ["date", "item_id", "location_id", "order_id"]
    rows = till_rows(shop, deal).filter(pl.col("dirt").is_null())
    rows = rows.unique(key, keep="last", maintain_order=True)
    day, series = np.nonzero(deal.sales)
    sold = pl.DataFrame(
        {
            "date": shop.dates(DAYS).gather(day).cast(pl.String),
            "item_id": pl.Series(shop.item_ids).gather(shop.item_of[series]),
            "location_id": pl.Series(shop.location_ids).gather(shop.location_of[series]),
            "true": deal.sales[day, series],
        }
    )
    totals = rows.filter(pl.col("order_id").is_null()).join(sold, on=key[:3])
    recent = FIRST_DAY + dt.timedelta(days=DAYS - 20)
    settled = totals.filter(pl.col("date").str.to_date() < recent)
    assert (settled["units"].cast(pl.Int64) == settled["true"]).all()
    assert totals.height > 0.98 * sold.height
    returned = rows.filter(pl.col("order_id").str.starts_with("RETURN"))["units"].cast(pl.Int64)
    assert -returned.sum() == deal.returned.sum() > 0


def test_stock_is_never_negative_and_balances(shop: Shop, deal: Trade) -> None:
    assert deal.on_hand.min() == 0
    assert (deal.sales <= deal.demand).all()
    received = np.zeros_like(deal.on_hand)
    arrived = deal.orders.with_columns(on=pl.col("day") + pl.col("lead")).filter(
        pl.col("on") < DAYS
    )
    np.add.at(
        received,
        (arrived["on"].to_numpy(), arrived["series"].to_numpy()),
        arrived["quantity"].to_numpy(),
    )
    change = np.diff(deal.on_hand, axis=0)
    assert np.array_equal(change, (received - deal.sales)[1:])


def test_stock_outs_hide_demand(deal: Trade) -> None:
    censored = deal.demand > deal.sales
    assert 0.01 < censored.mean() < 0.15
    assert (deal.on_hand[censored] == 0).all()


def test_orders_keep_minimum_and_packs(shop: Shop, deal: Trade) -> None:
    item = shop.item_of[deal.orders["series"].to_numpy()]
    quantity = deal.orders["quantity"].to_numpy()
    assert (quantity % shop.pack[item] == 0).all()
    assert (quantity >= shop.moq[item]).all()
    assert deal.orders["lead"].min() >= 1


def test_nothing_is_sold_off_the_shelf(shop: Shop, deal: Trade) -> None:
    assert (shop.launch > 0).any()
    assert (shop.end < DAYS).any()
    absent = ~shop.on_offer(DAYS)[:, shop.item_of]
    assert deal.demand[absent].sum() == 0


def test_prices_cover_every_day_on_offer(shop: Shop, landed: ImportReport) -> None:
    prices = table(landed, "prices").sort("date")
    days = pl.DataFrame({"date": shop.dates(DAYS)})
    new = int(np.flatnonzero((shop.launch > 0) & (shop.launch < DAYS))[0])
    launch, item = FIRST_DAY + dt.timedelta(days=int(shop.launch[new])), shop.item_ids[new]
    own = prices.filter((pl.col("item_id") == item) & (pl.col("location_id") == "S01"))
    assert own["date"][0] == launch
    known = days.join_asof(own.select("date", since="date"), on="date")
    assert known.filter(pl.col("date") >= launch).select(
        (pl.col("date") - pl.col("since")).dt.total_days().max()
    ).item() <= 6  # fmt: skip
    assert (list_prices(shop, DAYS) > 0).all()


def test_promotions_are_announced_before_they_start(shop: Shop) -> None:
    drawn = promotions(shop, DAYS)
    assert (drawn["announced"] < drawn["start"]).all()
    assert (drawn["announced"] >= 0).all()
    assert drawn["announced"].max() < DAYS
    assert drawn.select("item", "location", "start").is_unique().all()
    assert set(drawn["location"]) == {-1, 0, 1}


def test_promotions_lift_demand(shop: Shop, deal: Trade) -> None:
    cut = deal.discount >= 0.3
    share = deal.demand / np.maximum(deal.demand.mean(axis=0), 1e-9)
    assert share[cut].mean() > 1.5 * share[~cut].mean()


def test_seasonal_goods_sell_in_their_season(shop: Shop, deal: Trade) -> None:
    months = shop.dates(366).dt.month().to_numpy()
    kinds = np.array([CATEGORIES[c].name for c in shop.categories])[shop.item_of]
    for kind, season, other in (("barbecue", 7, 1), ("winter wear", 1, 7)):
        demand = deal.demand[:366, kinds == kind].sum(axis=1)
        assert demand[months == season].sum() > 3 * demand[months == other].sum()


def test_calendar_reaches_past_the_last_day(shop: Shop) -> None:
    calendar = events(shop, dt.date(2025, 2, 3))
    assert calendar["date"].max() == dt.date(2026, 12, 31)
    assert calendar.filter(event="Street Festival")["region"].unique().to_list() == ["CA"]


@pytest.mark.parametrize(("items", "locations", "days"), [(1, 1, 1), (5, 1, 60), (1, 7, 3)])
def test_small_shops(tmp_path: Path, items: int, locations: int, days: int) -> None:
    report = make_demo(tmp_path, items=items, locations=locations, days=days)
    assert report.rows["products"] == items + 1
    assert report.rows["locations"] == locations
    assert report.rows["inventory"] <= items * locations * days


@pytest.mark.parametrize("wrong", [{"items": 0}, {"locations": -1}, {"days": 0}, {"split": "x"}])
def test_numbers_that_make_no_shop(tmp_path: Path, wrong: dict[str, object]) -> None:
    with pytest.raises(PlatformError, match=r"The demo .*\. Give "):
        make_demo(tmp_path, **wrong)  # type: ignore[arg-type]
