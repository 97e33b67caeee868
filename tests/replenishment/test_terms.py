import polars as pl
import pytest
from plan_shop import DAY, landed_rows, rows_of

from forecast_platform.contracts import DERIVED
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


def history(*rows):
    contract = next(table for table in DERIVED if table.name == "lead_times")
    known = {"date": DAY, "supplier_id": "s", "deliveries": 12, "mean_days": 5.4, "std_days": 2.0}
    return rows_of(contract, [{**known, **row} for row in rows])


def with_history(suppliers, *rows):
    frame = terms(
        SERIES, PRODUCTS, landed_rows("suppliers", suppliers), PlanParameters(), history(*rows)
    )
    return {row["item_id"]: row for row in frame.iter_rows(named=True)}


def test_lead_times_of_enough_deliveries_come_before_stated_ones():
    found = with_history([supplier()], {}, {"item_id": "a", "mean_days": 8.0, "std_days": 0.5})
    assert [found[i]["lead_time_days_from"] for i in "abc"] == [
        "history_item", "history_supplier", "settings",
    ]  # fmt: skip
    assert [found[i]["lead_time_days"] for i in "ab"] == [8, 5]
    assert [found[i]["lead_time_std_days"] for i in "ab"] == [0.5, 2.0]
    assert found["b"]["protection_days"] == 10
    assert found["b"]["review_days_from"] == "supplier"


def test_few_deliveries_leave_what_the_supplier_states():
    found = with_history([supplier()], {"deliveries": 9})["a"]
    assert (found["lead_time_days"], found["lead_time_days_from"]) == (3, "supplier")


def test_a_lead_time_stated_for_the_item_alone_is_not_replaced_by_that_of_all():
    found = with_history([supplier(), supplier(item_id="a", lead_time_days=30.0)], {})
    assert [found[i]["lead_time_days"] for i in "ab"] == [30, 5]
    same = with_history([supplier(), supplier(item_id="a", pack_size=6.0)], {})["a"]
    assert (same["lead_time_days"], same["lead_time_days_from"]) == (5, "history_supplier")


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
