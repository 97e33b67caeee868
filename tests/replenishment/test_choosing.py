"""The choice of policy from a lake: what it reads, and that it does not look ahead."""

import datetime as dt

import polars as pl
import pytest
from choice_shop import CUTOFF, build, chosen
from polars.testing import assert_frame_equal

from forecast_platform.choosing import choose_policies
from forecast_platform.contracts import tables
from forecast_platform.home import Home
from forecast_platform.settings import Settings

EARLIER = CUTOFF - dt.timedelta(days=7)
SHOP = build(days=182 + 14)


def publish(home, name, rows):
    """Replace the days of a table that the rows hold, or the whole table."""
    contract = tables()[name]
    if contract.day is None:
        home.lake.replace_all(contract, rows)
    elif rows.height:
        home.lake.replace_days(contract, rows, sorted(set(rows[contract.day])))


@pytest.fixture
def home(tmp_path):
    """A home with the shop's tables."""
    opened = Home(Settings(home=tmp_path))
    publish(opened, "clean_demand", SHOP.tables["clean_demand"])
    for name in ("products", "suppliers"):
        publish(opened, f"validated_{name}", SHOP.tables[name])
    return opened


def test_the_lake_gives_what_the_tables_give(home):
    assert_frame_equal(choose_policies(home, CUTOFF), SHOP.choice())


def test_a_choice_does_not_change_with_what_is_dated_after_its_cutoff(home):
    before = choose_policies(home, EARLIER)
    later = SHOP.tables["clean_demand"].filter(pl.col("date") > EARLIER)
    publish(home, "clean_demand", later.with_columns(pl.col("demand_units") * 50))
    publish(home, "policy_choice", choose_policies(home, CUTOFF))
    assert_frame_equal(choose_policies(home, EARLIER), before, check_exact=True)
    assert not choose_policies(home, CUTOFF)["cost"].equals(SHOP.choice()["cost"])


def test_what_ordered_in_the_week_before_stays_where_nothing_is_better_with_confidence(home):
    first = choose_policies(home, EARLIER)
    rival = first.with_columns(is_chosen=pl.col("rank") == 2)
    publish(home, "policy_choice", rival)
    kept = choose_policies(home, CUTOFF).filter("is_chosen")
    told = kept.filter(pl.col("reason").str.starts_with("ordered before"))
    assert told.height > 0
    assert set(told["item_id"] + told["policy"]) <= {
        item + policy for item, policy in chosen(rival).items()
    }
