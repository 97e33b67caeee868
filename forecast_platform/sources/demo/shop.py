"""The demo shop: its items, locations, suppliers, prices, promotions and calendar.

Belongs here: everything known without trading. Every draw over time is made in day order, so a
longer history begins with the shorter one.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field

import numpy as np
import polars as pl
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

PRICE_BLOCK_DAYS = 91
PROMOTION_BLOCK_DAYS = 56
EVENTS = {
    "Payday": 1.12,
    "Big Game Sunday": 1.5,
    "Street Festival": 1.4,
    "Back to School": 1.2,
}
"""Events of the demo's calendar and the factor by which each lifts demand."""


@dataclass(frozen=True)
class Category:
    """A kind of goods: its summer effect (log scale), weekday effect and middle price."""

    name: str
    department: str
    summer: float
    weekday: float
    price: float


CATEGORIES = (
    Category("dairy", "fresh", 0.05, 0.8, 2.5),
    Category("barbecue", "outdoor", 1.6, 1.6, 12.0),
    Category("snacks", "grocery", 0.1, 1.0, 3.0),
    Category("winter wear", "outdoor", -1.6, 1.2, 25.0),
    Category("drinks", "grocery", 0.4, 1.1, 4.0),
    Category("bakery", "fresh", 0.0, 1.2, 3.5),
    Category("garden", "outdoor", 1.2, 1.4, 15.0),
    Category("cleaning", "household", 0.0, 0.5, 6.0),
)
_REGIONS = ("CA", "TX", "WI", "NY", "FL", "WA")


def stream(seed: int, purpose: str) -> np.random.Generator:
    """A random stream of its own per purpose, so that no draw shifts another."""
    return np.random.default_rng([seed, *purpose.encode()])


@dataclass(frozen=True)
class Shop:
    """Attributes of a shop with I items, L locations and S = I x L series, item by item.

    Attributes:
        item_ids: (I,) names; `categories` (I,) positions in CATEGORIES.
        rate: (I,) mean units per day at the largest location.
        clumping: (I,) gamma shape of demand; small values give intermittent, lumpy demand.
        growth: (I,) log growth per year.
        launch: (I,) first day on offer, as days since the first day; `end` the day after the last.
        price: (I,) list price at launch; `unit_cost` (I,) purchase cost.
        supplier: (I,) position of the supplier; `lead_mean`, `lead_std`, `review`, `moq`, `pack`
            (I,) the terms that hold for the item; `own_terms` (I,) terms that are the item's own.
        location_ids: (L,) names; `regions` (L,) states; `size` (L,) share of the largest's demand.
    """

    seed: int
    first_day: dt.date
    item_ids: list[str]
    categories: Ints
    rate: Floats
    clumping: Floats
    growth: Floats
    launch: Ints
    end: Ints
    price: Floats
    unit_cost: Floats
    supplier: Ints
    lead_mean: Floats
    lead_std: Floats
    review: Ints
    moq: Ints
    pack: Ints
    own_terms: NDArray[np.bool_]
    location_ids: list[str]
    regions: list[str]
    size: Floats
    item_of: Ints = field(init=False)
    location_of: Ints = field(init=False)

    def __post_init__(self) -> None:
        items, locations = len(self.item_ids), len(self.location_ids)
        object.__setattr__(self, "item_of", np.repeat(np.arange(items), locations))
        object.__setattr__(self, "location_of", np.tile(np.arange(locations), items))

    def dates(self, days: int) -> pl.Series:
        """The first `days` dates."""
        last = self.first_day + dt.timedelta(days=days - 1)
        return pl.date_range(self.first_day, last, eager=True).alias("date")

    def on_offer(self, days: int) -> NDArray[np.bool_]:
        """(T, I) whether an item is sold on a day."""
        day = np.arange(days)[:, None]
        return (day >= self.launch) & (day < self.end)

    def cells(self, mask: NDArray[np.bool_]) -> tuple[pl.DataFrame, Ints, Ints]:
        """Day, date, item and location of the true cells of a (T, S) mask, in day order.

        Returns:
            The frame (day, date, item_id, location_id) and the indices of its rows in T and S.
        """
        day, series = np.nonzero(mask)
        frame = pl.DataFrame(
            {
                "day": day,
                "date": self.dates(mask.shape[0]).gather(day),
                "item_id": pl.Series(self.item_ids).gather(self.item_of[series]),
                "location_id": pl.Series(self.location_ids).gather(self.location_of[series]),
            }
        )
        return frame, day, series


def open_shop(items: int, locations: int, first_day: dt.date, seed: int) -> Shop:
    """Draw a shop; the same arguments give the same shop."""
    rng = stream(seed, "items")
    categories = np.arange(items) % len(CATEGORIES)
    speed = rng.choice(3, items, p=(0.25, 0.45, 0.3))
    middle_price = np.array([CATEGORIES[c].price for c in categories])
    price = np.maximum(_shelf(middle_price * rng.lognormal(0, 0.4, items)), 0.49)
    new, ended = rng.random(items) < 0.12, rng.random(items) < 0.08
    launch = np.where(new, rng.integers(20, 600, items), 0)
    end = np.where(ended, launch + rng.integers(120, 600, items), np.iinfo(np.int32).max)

    suppliers = max(2, items // 25)
    supplier = rng.integers(0, suppliers, items)
    lead_mean = rng.integers(3, 15, suppliers).astype(float)
    own_terms = rng.random(items) < 0.1
    packs = np.array([1, 4, 6, 12])
    slow = speed == 2
    pack = np.where(slow, 1, rng.choice(packs, suppliers)[supplier])
    return Shop(
        seed=seed,
        first_day=first_day,
        item_ids=[
            f"{CATEGORIES[c].name.split()[0].upper()}-{n:04d}"
            for n, c in enumerate(categories, start=1)
        ],
        categories=categories,
        rate=np.array([12.0, 3.0, 0.2])[speed] * rng.lognormal(0, 0.5, items),
        clumping=np.array([8.0, 4.0, 0.6])[speed],
        growth=rng.normal(0.04, 0.12, items),
        launch=launch,
        end=end,
        price=price,
        unit_cost=np.round(price * rng.uniform(0.5, 0.75, items), 2),
        supplier=supplier,
        lead_mean=np.where(own_terms, 2 + lead_mean[supplier], lead_mean[supplier]),
        lead_std=np.round(lead_mean * rng.uniform(0.1, 0.35, suppliers), 1)[supplier],
        review=rng.choice(np.array([3, 7, 7, 14]), suppliers)[supplier],
        moq=pack * np.where(slow, 1, rng.integers(1, 4, suppliers)[supplier]),
        pack=pack,
        own_terms=own_terms | slow,
        location_ids=[f"S{n:02d}" for n in range(1, locations + 1)],
        regions=[_REGIONS[n % len(_REGIONS)] for n in range(locations)],
        size=0.4 + 0.6 / np.arange(1, locations + 1),
    )


def _shelf(price: Floats) -> Floats:
    """Prices end in 9."""
    return np.round(np.round(price, 1) - 0.01, 2)


def list_prices(shop: Shop, days: int) -> Floats:
    """(T, I) list price; each item may change its price once a quarter, on a day of its own."""
    items = len(shop.item_ids)
    phase = stream(shop.seed, "price days").integers(0, PRICE_BLOCK_DAYS, items)
    quarter = (np.arange(days)[:, None] + phase) // PRICE_BLOCK_DAYS
    draws = stream(shop.seed, "price changes").random((int(quarter.max()) + 1, 2, items))
    change = np.where(draws[:, 0] < 0.4, draws[:, 1] * 0.2 - 0.08, 0.0)
    index = np.exp(np.cumsum(change, axis=0))
    return np.maximum(
        _shelf(shop.price * index[quarter, np.arange(items)]),
        0.29,
    )


def promotions(shop: Shop, days: int) -> pl.DataFrame:
    """Promotions announced within the first `days` days.

    Returns:
        announced, start, end (days since the first day, end inclusive), item (position), location
        (position, -1 for all), discount (share), ordered by announcement.
    """
    items, locations = len(shop.item_ids), len(shop.location_ids)
    blocks = days // PROMOTION_BLOCK_DAYS + 1
    u = stream(shop.seed, "promotions").random((blocks, 6, items))
    block_start = PROMOTION_BLOCK_DAYS * np.arange(blocks)[:, None]
    start = block_start + 14 + np.floor(u[:, 1] * 28).astype(int)
    end = start + np.where(u[:, 2] < 0.7, 6, 13)
    frame = pl.DataFrame(
        {
            "announced": (start - 7 - np.floor(u[:, 3] * 8).astype(int)).ravel(),
            "start": start.ravel(),
            "end": end.ravel(),
            "item": np.tile(np.arange(items), blocks),
            "location": np.where(
                u[:, 4] < 0.8, -1, np.floor((u[:, 4] - 0.8) * 5 * locations)
            ).astype(int).ravel(),
            "discount": np.array([0.1, 0.2, 0.3, 0.4])[np.floor(u[:, 5] * 4).astype(int)].ravel(),
        }
    )  # fmt: skip
    wanted = (
        (u[:, 0] < 0.45) & (start >= shop.launch) & (end < shop.end)
    ).ravel()  # no promotion of what is not on the shelf
    return frame.filter(pl.Series(wanted) & (pl.col("announced") < days)).sort(
        "announced", "item", "start"
    )


def events(shop: Shop, last_day: dt.date) -> pl.DataFrame:
    """Events known in advance, to the end of the year after `last_day`.

    Returns:
        date, event, kind, region (null for all), ordered by date.
    """
    days = pl.date_range(
        shop.first_day, dt.date(last_day.year + 1, 12, 31), eager=True
    ).alias("date").to_frame()  # fmt: skip
    date = pl.col("date")
    day, month, weekday = date.dt.day(), date.dt.month(), date.dt.weekday()
    second_week = day.is_between(8, 14)
    everywhere = pl.lit(None, pl.String)
    rules = (
        ("Payday", "payday", (day == 15) | (date.dt.month_end() == date), everywhere),
        ("Big Game Sunday", "sport", (month == 2) & second_week & (weekday == 7), everywhere),
        ("Street Festival", "fair", (month == 6) & second_week & (weekday == 6),
         pl.lit(shop.regions[0])),
        ("Back to School", "season", (month == 8) & (day >= 18) & (weekday <= 6), everywhere),
    )  # fmt: skip
    return pl.concat(
        days.filter(rule).with_columns(event=pl.lit(name), kind=pl.lit(kind), region=region)
        for name, kind, rule, region in rules
    ).sort("date", "event")
