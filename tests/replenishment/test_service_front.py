"""Cost against service within the limits of a day."""

from __future__ import annotations

import datetime as dt

import numpy as np
import polars as pl
import pytest
from plan_shop import DAY, Shop, build_shop

from forecast_platform.defs.pictures import cost_against_service
from forecast_platform.replenishment import PlanTables, weekly_demand, workings
from forecast_platform.replenishment.service_front import ServiceFront, service_front


def front_of(shop: Shop) -> ServiceFront | None:
    weekly = weekly_demand(shop.tables["clean_demand"].lazy()).collect()
    tables = PlanTables(**shop.tables, weekly=weekly)
    return service_front(workings(DAY, tables, shop.parameters), shop.parameters)


@pytest.fixture(scope="module")
def halved() -> Shop:
    """Six items at two locations, half of whose needs the budget buys."""
    shop = build_shop(items=6).stock(20.0)
    terms = shop.tables["suppliers"].with_columns(min_order_value=pl.lit(100.0))
    return shop.having(suppliers=terms).under(order_budget=shop.plan()["order_value"].sum() / 2)


def test_more_service_costs_more_and_the_budget_ends_the_front(halved: Shop) -> None:
    front = front_of(halved)
    assert front is not None
    assert (np.diff(front.cost) > 0).all()
    assert (np.diff(front.service) > 0).all()
    assert 0 <= front.service[0] < front.service[-1] <= 1
    assert front.service[-1] < front.unlimited[1]
    assert front.chosen[1] <= front.unlimited[1]
    assert front.chosen[0] < front.unlimited[0]


def test_the_front_is_drawn(halved: Shop) -> None:
    front = front_of(halved)
    assert front is not None
    assert cost_against_service(front, dt.date(2024, 6, 2)).startswith(b"\x89PNG")


def test_there_is_no_front_where_nothing_is_due(halved: Shop) -> None:
    assert front_of(halved.stock(10_000.0)) is None
