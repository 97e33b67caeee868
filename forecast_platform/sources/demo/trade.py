"""What the demo shop trades: demand, stock, sales, purchase orders and returns, day by day."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl

from forecast_platform.sources.demo.shop import (
    CATEGORIES,
    EVENTS,
    Floats,
    Ints,
    Shop,
    events,
    list_prices,
    promotions,
    stream,
)

_WEEKDAYS = np.array([0.85, 0.85, 0.9, 1.0, 1.15, 1.3, 1.05])
_PRICE_ELASTICITY = -1.2
_PROMOTION_ELASTICITY = -2.5
_PEAK_DAY = 200
_LONGEST_LEAD = 60
_RETURN_RATE = 0.012
_RETURN_AFTER_DAYS = 3


@dataclass(frozen=True)
class Trade:
    """T days of trade of S series.

    Attributes:
        list_price: (T, I) shelf price without promotions.
        discount: (T, S) price cut by promotions, share.
        demand: (T, S) units wanted; sales are censored by stock.
        sales: (T, S) units sold.
        returned: (T, S) units brought back and written off.
        on_hand: (T, S) units at the close of the day.
        orders: Purchase order lines: day, series, quantity, lead (days), ordered by day.
    """

    list_price: Floats
    discount: Floats
    demand: Ints
    sales: Ints
    returned: Ints
    on_hand: Ints
    orders: pl.DataFrame


def trade(shop: Shop, days: int) -> Trade:
    """Trade the first `days` days; a longer trade begins with the same days."""
    price = list_prices(shop, days)
    discount = _discounts(shop, days)
    demand = _demand(shop, days, price, discount)
    sales, on_hand, orders = _run_stock(shop, demand)
    returned = np.zeros_like(sales)
    sold = sales[:-_RETURN_AFTER_DAYS]
    back = stream(shop.seed, "returns").poisson(_RETURN_RATE * sold)
    returned[_RETURN_AFTER_DAYS:] = np.minimum(back, sold)
    return Trade(price, discount, demand, sales, returned, on_hand, orders)


def _discounts(shop: Shop, days: int) -> Floats:
    locations = len(shop.location_ids)
    cuts = np.zeros((days, len(shop.item_ids), locations))
    for _, start, end, item, location, discount in promotions(shop, days).iter_rows():
        where = slice(None) if location < 0 else location
        cuts[start : end + 1, item, where] = discount
    return cuts.reshape(days, -1)


def _demand(shop: Shop, days: int, price: Floats, discount: Floats) -> Ints:
    """Gamma-Poisson demand around trend, season, weekday, calendar, price and promotion."""
    dates = shop.dates(days)
    kinds = [CATEGORIES[c] for c in shop.categories]
    summer = np.array([kind.summer for kind in kinds])
    weekday = np.array([kind.weekday for kind in kinds])
    turn = 2 * np.pi * (dates.dt.ordinal_day().to_numpy() - _PEAK_DAY) / 365.25
    years = np.arange(days) / 365.25
    mean = (
        shop.rate
        * np.exp(shop.growth * years[:, None] + summer * np.cos(turn)[:, None] - summer**2 / 4)
        * _WEEKDAYS[dates.dt.weekday().to_numpy() - 1][:, None] ** weekday
        * _holiday_factor(dates)[:, None]
        * (price / shop.price) ** _PRICE_ELASTICITY
        * shop.on_offer(days)
    )
    mean_by_series = (
        mean[:, shop.item_of]
        * shop.size[shop.location_of]
        * _event_factor(shop, dates)[:, shop.location_of]
        * (1 - discount) ** _PROMOTION_ELASTICITY
    )
    shape = shop.clumping[shop.item_of]
    clump = stream(shop.seed, "clumps").gamma(shape, size=mean_by_series.shape) / shape
    demand: Ints = stream(shop.seed, "demand").poisson(mean_by_series * clump)
    return demand


def _holiday_factor(dates: pl.Series) -> Floats:
    """(T,) half on public holidays, a tenth at Christmas, a rush on the three days before."""
    import holidays

    first, last = int(dates.dt.year()[0]), int(dates.dt.year()[-1])
    # The year after, because its first holiday makes a rush at the end of December.
    known = holidays.country_holidays("US", years=range(first, last + 2))
    public = np.array(sorted(known), dtype="datetime64[D]")
    days = np.array(dates.to_list(), dtype="datetime64[D]")
    is_holiday = np.isin(days, public)
    before = np.any([np.isin(days + ahead, public) for ahead in (1, 2, 3)], axis=0)
    christmas = ((dates.dt.month() == 12) & (dates.dt.day() == 25)).to_numpy()
    return np.select([christmas, is_holiday, before], [0.1, 0.5, 1.25], 1.0)


def _event_factor(shop: Shop, dates: pl.Series) -> Floats:
    """(T, L) lift by events in each location's region."""
    factor = np.ones((len(dates), len(shop.location_ids)))
    regions = np.array(shop.regions)
    first = dates[0]
    for date, event, _, region in events(shop, dates[-1]).iter_rows():
        day = (date - first).days
        if day < len(dates):
            factor[day, regions == region if region else slice(None)] *= EVENTS[event]
    return factor


def _run_stock(shop: Shop, demand: Ints) -> tuple[Ints, Ints, pl.DataFrame]:
    """Order up to a level from smoothed sales; stock-outs come from its lag and late suppliers."""
    days, series = demand.shape
    item = shop.item_of
    review, pack, moq = shop.review[item], shop.pack[item], shop.moq[item]
    lead_mean, lead_std = shop.lead_mean[item], shop.lead_std[item]
    caution = stream(shop.seed, "caution").uniform(0.2, 1.6, series)
    cover = lead_mean + review
    smoothed = shop.rate[item] * shop.size[shop.location_of]
    stock = np.ceil(smoothed * cover * 1.5 / pack).astype(np.int64) * pack
    arriving = np.zeros((days + _LONGEST_LEAD + 1, series), dtype=np.int64)
    on_order = np.zeros(series, dtype=np.int64)
    lead_noise = stream(shop.seed, "leads").standard_normal((days, series))
    on_offer = shop.on_offer(days)[:, item]
    sales, on_hand = np.zeros_like(demand), np.zeros_like(demand)
    orders = []
    for day in range(days):
        stock = stock + arriving[day]
        on_order = on_order - arriving[day]
        sold = np.minimum(demand[day], stock)
        stock = stock - sold
        sales[day], on_hand[day] = sold, stock
        smoothed = np.where(
            on_offer[day] & (stock > 0), smoothed + 0.08 * (sold - smoothed), smoothed
        )
        level = smoothed * cover + caution * np.sqrt(2 * smoothed * cover)
        need = level - stock - on_order
        due = on_offer[day] & ((day + item) % review == 0) & (need > 0)
        (ordered,) = np.nonzero(due)
        wanted = np.maximum(need[ordered], moq[ordered])
        quantity = np.ceil(wanted / pack[ordered]).astype(np.int64) * pack[ordered]
        lead = np.rint(lead_mean[ordered] + lead_std[ordered] * lead_noise[day, ordered])
        lead = np.clip(lead, 1, _LONGEST_LEAD).astype(np.int64)
        arriving[day + lead, ordered] += quantity
        on_order[ordered] += quantity
        orders.append((np.full(len(ordered), day), ordered, quantity, lead))
    columns = (np.concatenate(parts) for parts in zip(*orders, strict=True))
    names = ("day", "series", "quantity", "lead")
    return sales, on_hand, pl.DataFrame(dict(zip(names, columns, strict=True)))
