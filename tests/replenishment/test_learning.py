"""Learned policies from a lake: rows, runs of MLflow, and that nothing looks ahead."""

import datetime as dt

import polars as pl
import pytest
from choice_shop import CUTOFF, build
from polars.testing import assert_frame_equal

from forecast_platform.contracts import tables
from forecast_platform.home import Home
from forecast_platform.learning import learn_policies
from forecast_platform.replenishment.learned import checkpoint
from forecast_platform.settings import Settings

EARLIER = CUTOFF - dt.timedelta(days=7)
SHOP = build((0.3, 1.0, 6.0), days=182 + 7)


def publish(home, name, rows):
    contract = tables()[name]
    if contract.day is None:
        home.lake.replace_all(contract, rows)
    else:
        home.lake.replace_days(contract, rows, sorted(set(rows[contract.day])))


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """A home with the shop's tables, in which little is learned."""
    folder = tmp_path_factory.mktemp("home")
    opened = Home(Settings(home=folder, training_effort=0.01, learned_reward={"cost": 2.0}))
    publish(opened, "clean_demand", SHOP.tables["clean_demand"])
    for name in ("products", "suppliers"):
        publish(opened, f"validated_{name}", SHOP.tables[name])
    return opened


@pytest.fixture(scope="module")
def learned(home):
    return learn_policies(home, EARLIER)


def test_every_class_has_a_row_that_the_lake_takes(home, learned):
    rows, curves = learned
    publish(home, "learned_policies", rows)
    assert_frame_equal(home.read("learned_policies", EARLIER, EARLIER), rows, check_row_order=False)
    assert rows["abc_class"].to_list() == ["A", "B", "C"]
    assert rows["skus"].sum() == 3
    assert (rows["cost"] >= rows["optimum_cost"] - 1e-5).all()
    assert curves.startswith(b"\x89PNG")


def test_the_run_of_a_row_holds_its_figures_its_curve_and_its_policy(home, learned, tmp_path):
    row = learned[0].row(0, named=True)
    client = home.tracker.client
    run = client.get_run(row["run_id"])
    assert run.data.metrics["cost"] == pytest.approx(row["cost"])
    assert run.data.params["item_id"] == row["item_id"]
    assert run.data.params["reward"] == "{'cost': 2.0}"
    steps = client.get_metric_history(row["run_id"], "curve_cost")
    assert min(one.value for one in steps) == pytest.approx(row["cost"])
    folder = client.download_artifacts(row["run_id"], "checkpoint", str(tmp_path))
    assert checkpoint.load(tmp_path / folder).orders.max() > 0


def test_learned_again_the_rows_and_runs_are_the_same_whatever_came_later(home, learned):
    rows = SHOP.tables["clean_demand"].filter(pl.col("date") > EARLIER)
    publish(home, "clean_demand", rows.with_columns(pl.col("demand_units") * 50))
    assert_frame_equal(learn_policies(home, EARLIER)[0], learned[0], check_exact=True)


def test_without_demand_there_is_nothing_to_learn(home):
    rows, curves = learn_policies(home, dt.date(2023, 1, 1))
    assert rows.is_empty()
    assert rows.columns == list(tables()["learned_policies"].column_names)
    assert curves is None
