"""The yardstick: what a polars user would write to get the same features from the same files.

No checks, no Delta, no Dagster, nothing kept: it reads the landing files of a shop that lands
sales, prices, products, locations and calendar (as `import m5` writes them), lays out every day
on which an item had a price, fills prices forward and computes the columns of the feature table in
memory. It prints seconds and peak MB.

    python benchmarks/bare_polars.py LANDING [--compare]

`--compare` also computes the platform's features from the same clean days and fails where they
differ by more than 1e-4.
"""

from __future__ import annotations

import argparse
import resource
import sys
import time
from pathlib import Path

import polars as pl

OFFER_DAYS = 35
FAR = 14
PAYDAYS = ["snap", "payday", "benefit"]


def read(landing: Path, table: str) -> pl.LazyFrame:
    return pl.scan_parquet(landing / table / "*.parquet")


def clean_days(landing: Path) -> pl.LazyFrame:
    """One row per item, location and day since the first price; price is null when not on offer."""
    key = ["item_id", "location_id", "date"]
    prices = read(landing, "prices").select(*key, "price")
    sales = read(landing, "sales").group_by(key).agg(net=pl.col("units").sum())
    last = read(landing, "sales").select(pl.col("date").max()).collect().item()
    series = (
        prices.group_by("item_id", "location_id")
        .agg(pl.col("date").min())
        .sort("item_id", "location_id")
        .with_row_index("series")
    )
    return (
        series.with_columns(pl.date_ranges("date", pl.lit(last)))
        .explode("date")
        .join(prices, on=key, how="left")
        .join(sales, on=key, how="left")
        .sort("series", "date")
        .with_columns(pl.col("price").forward_fill(limit=OFFER_DAYS).over("series"))
        .with_columns(
            demand=pl.when(pl.col("price").is_not_null()).then(
                pl.col("net").fill_null(0).clip(lower_bound=0).cast(pl.Float64)
            ),
            is_available=pl.col("price").is_not_null(),
            on_promotion=pl.lit(False),
            discount=pl.lit(0.0),
        )
        .drop("net")
    )


def mean(column: str, days: int) -> pl.Expr:
    return pl.col(column).rolling_mean(days, min_samples=1).over("series")


def change(days: int) -> pl.Expr:
    return pl.col("price") / pl.col("price").shift(days).over("series") - 1


def history(days: pl.LazyFrame) -> pl.LazyFrame:
    """Lags, rolling statistics, price, promotion and availability."""
    demand, price, row = pl.col("demand"), pl.col("price"), pl.int_range(pl.len())
    on_offer = pl.col("price").is_not_null()
    offered = on_offer.cast(pl.Float64).rolling_sum(28, min_samples=1).over("series")
    last_sale = pl.when(demand > 0).then(row).forward_fill().over("series")

    def share(column: str) -> pl.Expr:
        flag = (pl.col(column) & on_offer).cast(pl.Float64)
        return flag.rolling_sum(28, min_samples=1).over("series") / offered

    return days.with_columns(
        *(demand.shift(n).over("series").alias(f"demand_lag_{n}") for n in (1, 7, 14, 28)),
        *(mean("demand", n).alias(f"demand_mean_{n}") for n in (7, 28, 56)),
        demand_std_28=demand.rolling_std(28, min_samples=2).over("series"),
        zero_share_28=(demand == 0).cast(pl.Float64).rolling_mean(28, min_samples=1).over("series"),
        days_since_sale=(row.over("series") - last_sale).fill_null(56).clip(upper_bound=56),
        weekday_mean_8=demand.rolling_mean(8, min_samples=1).over(
            "series", pl.col("date").dt.weekday()
        ),
        price_level_28=price / mean("price", 28),
        price_change_1=change(1),
        price_change_7=change(7),
        promotion_lag_7=pl.when(on_offer)
        .then(pl.col("on_promotion").cast(pl.Float64))
        .shift(7)
        .over("series"),
        promotion_share_28=share("on_promotion"),
        available_share_28=share("is_available"),
    )


def category_means(days: pl.LazyFrame, products: pl.LazyFrame) -> pl.LazyFrame:
    group = ["category", "location_id"]
    demand = pl.col("demand")
    # A category sells on every day from its first one on, so that rows are days.
    daily = (
        days.join(products.select("item_id", "category"), on="item_id")
        .group_by(*group, "date")
        .agg(total=demand.sum(), known=demand.count())
        .sort(*group, "date")
    )

    def average(n: int) -> pl.Expr:
        total = pl.col("total").rolling_sum(n, min_samples=1)
        return (total / pl.col("known").rolling_sum(n, min_samples=1)).over(group)

    return daily.select(
        *group,
        "date",
        category_mean_7=average(7),
        category_mean_28=average(28),
    )


def near(days: pl.DataFrame, marked: list, name: str) -> list[pl.Series]:
    """Whether a day is marked, days to the next and days since the last mark."""
    marks = pl.DataFrame({"mark": sorted(set(marked))}, schema={"mark": pl.Date})
    to = days.join_asof(marks, left_on="date", right_on="mark", strategy="forward", coalesce=False)
    since = days.join_asof(marks, left_on="date", right_on="mark", coalesce=False)

    def count(span: pl.Expr) -> pl.Expr:
        return span.dt.total_days().clip(upper_bound=FAR).fill_null(FAR)

    return [
        days["date"].is_in(marks["mark"].implode()).alias(f"is_{name}"),
        to.select(count(pl.col("mark") - pl.col("date")).alias(f"days_to_{name}")).to_series(),
        since.select(
            count(pl.col("date") - pl.col("mark")).alias(f"days_since_{name}")
        ).to_series(),
    ]


def calendar(landing: Path, days: pl.DataFrame) -> pl.DataFrame:
    """Calendar, holidays and events by location and day."""
    from holidays import country_holidays

    events = read(landing, "calendar").with_columns(pl.col("kind").str.to_lowercase()).collect()
    years = range(days["date"].min().year - 1, days["date"].max().year + 2)
    date = pl.col("date")
    year_days = pl.when(date.dt.is_leap_year()).then(366.0).otherwise(365.0)
    angle = 2 * 3.141592653589793 * (date.dt.ordinal_day() - 1) / year_days
    frames = []
    for location in read(landing, "locations").collect().iter_rows(named=True):
        region = location["region"]
        holidays = country_holidays(location["country"], subdiv=region, years=years)
        here = events.filter(
            pl.col("region").is_null() | pl.col("region").eq_missing(pl.lit(region))
        )
        payday = here.filter(pl.col("kind").is_in(PAYDAYS))["date"]
        special = here.filter(~pl.col("kind").is_in(PAYDAYS))["date"]
        kinds = here.group_by("date").agg(event_kinds=pl.col("kind").n_unique())
        frames.append(
            days.join(kinds, on="date", how="left", maintain_order="left").select(
                "date",
                *near(days, list(holidays), "holiday"),
                *near(days, special.to_list(), "event"),
                location_id=pl.lit(location["location_id"]),
                day_of_week=date.dt.weekday() - 1,
                day_of_month=date.dt.day(),
                annual_sin=angle.sin(),
                annual_cos=angle.cos(),
                event_kinds=pl.col("event_kinds").fill_null(0),
                is_payday=date.is_in(payday.implode()),
            )
        )
    return pl.concat(frames)


def features(landing: Path, days: pl.DataFrame) -> pl.DataFrame:
    """The columns of the feature table, sorted as it is."""
    dates = days.select(pl.date_range(pl.col("date").min(), pl.col("date").max()).alias("date"))
    products = read(landing, "products").select("item_id", "category")
    numbers = pl.selectors.numeric() | pl.selectors.starts_with("is_event", "is_holiday", "is_pay")
    return (
        history(days.lazy())
        .filter(pl.col("price").is_not_null())
        .join(products, on="item_id")
        .join(
            category_means(days.lazy(), products),
            on=["category", "location_id", "date"],
        )
        .join(calendar(landing, dates).lazy(), on=["date", "location_id"])
        .drop("series", "category")
        .with_columns(numbers.cast(pl.Float32))
        .sort("date", "item_id", "location_id")
        .collect()
    )


def compare(landing: Path, days: pl.DataFrame, bare: pl.DataFrame) -> list[str]:
    """Sentences on where the platform's features differ from `bare`."""
    from forecast_platform.features import compute

    ours = compute(
        days.filter(pl.col("price").is_not_null()).rename({"demand": "demand_winsorised"}),
        days["date"].min(),
        days["date"].max(),
        **{t: read(landing, t).collect() for t in ("products", "locations", "calendar")},
    )
    problems = []
    if not ours.select("date", "item_id", "location_id").equals(
        bare.select("date", "item_id", "location_id")
    ):
        return [f"the rows differ: {ours.height} against {bare.height}"]
    for name in ours.columns[3:]:
        mine, theirs = ours[name].cast(pl.Float64), bare[name].cast(pl.Float64)
        gap = (mine - theirs).abs().max() or 0.0
        if gap > 1e-4 or not mine.is_null().equals(theirs.is_null(), check_names=False):
            problems.append(f"{name} differs by {gap:.3g}")
    return problems


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("landing", type=Path)
    parser.add_argument("--compare", action="store_true")
    arguments = parser.parse_args()
    started = time.perf_counter()
    days = clean_days(arguments.landing).collect()
    table = features(arguments.landing, days)
    seconds = time.perf_counter() - started
    used = resource.getrusage(resource.RUSAGE_SELF)
    print(
        f"rows {table.height} columns {table.width} seconds {seconds:.2f} "
        f"cpu_seconds {used.ru_utime + used.ru_stime:.2f} peak_mb {used.ru_maxrss / 1024:.0f}"
    )
    if arguments.compare and (problems := compare(arguments.landing, days, table)):
        sys.exit("\n".join(problems))


if __name__ == "__main__":
    main()
