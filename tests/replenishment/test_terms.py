import polars as pl
import pytest
from plan_shop import landed_rows

from forecast_platform.errors import ConfigurationError, ContractError
from forecast_platform.replenishment import PlanParameters, terms

SERIES = pl.DataFrame({"item_id": ["a", "b", "c", "d"], "location_id": ["l"] * 4})
PRODUCTS = landed_rows(
    "products",
    [
        {"item_id": "a", "supplier_id": "s"},
        {"item_id": "b", "supplier_id": "s"},
        {"item_id": "c", "supplier_id": "unknown"},
        {"item_id": "d"},
    ],
)


def supplier(**values):
    return {"supplier_id": "s", "lead_time_days": 3.0, "review_days": 5, **values}


def by_item(*suppliers, **parameters):
    frame = terms(
        SERIES, PRODUCTS, landed_rows("suppliers", suppliers), PlanParameters(**parameters)
    )
    return {row["item_id"]: row for row in frame.iter_rows(named=True)}


def test_terms_for_the_item_come_before_the_suppliers_and_those_before_settings():
    rows = by_item(
        supplier(pack_size=6.0),
        supplier(item_id="a", lead_time_days=9.0, order_cost=2.0),
        lead_time_days=4.0,
    )
    assert [rows[i]["parameter_source"] for i in "abcd"] == [
        "supplier_item", "supplier", "settings", "settings",
    ]  # fmt: skip
    assert [rows[i]["lead_time_days"] for i in "abcd"] == [9, 3, 4, 4]
    assert rows["a"]["pack_size"] == 6.0, "what the item's terms leave open is the supplier's"
    assert [rows[i]["order_cost"] for i in "ab"] == [2.0, PlanParameters().order_cost]


def test_protection_is_the_lead_time_in_whole_days_plus_the_review_period():
    row = by_item(supplier(lead_time_days=2.2))["a"]
    assert (row["lead_time_days"], row["protection_days"]) == (3, 8)


def test_a_supplier_that_names_the_item_is_its_supplier():
    assert by_item(supplier(item_id="d"))["d"]["supplier_id"] == "s"


@pytest.mark.parametrize(
    "wrong",
    [
        {"lead_time_days": -1.0},
        {"lead_time_days": float("nan")},
        {"pack_size": 0.0},
        {"review_days": 0},
        {"min_order_quantity": float("inf")},
    ],
)
def test_terms_that_make_no_sense_are_replaced_and_flagged(wrong):
    row = by_item(supplier(**wrong))["a"]
    (name,) = wrong
    assert row["terms_invalid"]
    assert row[name] == getattr(PlanParameters(), name)


def test_a_zero_lead_time_is_a_lead_time():
    row = by_item(supplier(lead_time_days=0.0))["a"]
    assert (row["lead_time_days"], row["terms_invalid"]) == (0, False)


def test_doubled_terms_are_refused_by_name():
    with pytest.raises(ContractError, match=r"suppliers must have one row per .*'s'"):
        by_item(supplier(), supplier(lead_time_days=8.0))


@pytest.mark.parametrize(
    "wrong",
    [
        {"service_level": 0.4},
        {"class_service_levels": {"A": 1.0}},
        {"pack_size": 0.0},
        {"lead_time_days": float("nan")},
        {"abc_cuts": (0.9, 0.8)},
    ],
)
def test_parameters_that_make_no_sense_are_named(wrong):
    (name,) = wrong
    with pytest.raises(ConfigurationError, match="A|" + name):
        PlanParameters(**wrong)
