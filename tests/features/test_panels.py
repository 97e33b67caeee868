"""The panel that models see."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from clean_cases import REFERENCE, clean_days, day, features_of

from forecast_platform.contracts.features import ADVANCE
from forecast_platform.errors import ContractError
from forecast_platform.features import PANEL_COLUMNS, PAST_COVARIATES, panel_from_features

CLEAN = pl.concat(
    [
        clean_days([1.0, None, 3.0], "milk", "L1", on_promotion=[False, True, True]),
        clean_days([4.0, 5.0, 6.0], "bread", "L2"),
    ]
)
TABLE = features_of(CLEAN, 0, 2)


def test_the_panel_holds_demand_and_what_was_known_with_it() -> None:
    panel = panel_from_features(TABLE, day(0), day(2), **REFERENCE)

    assert panel.items.tolist() == ["bread", "milk"]
    np.testing.assert_array_equal(panel.demand, [[4, 5, 6], [1, np.nan, 3]])
    np.testing.assert_array_equal(panel.available[1], [True, False, True])
    assert tuple(panel.past) == PAST_COVARIATES
    np.testing.assert_array_equal(panel.past["on_promotion"], [[0, 0, 0], [0, 1, 1]])


def test_the_calendar_goes_on_over_the_horizon() -> None:
    panel = panel_from_features(TABLE, day(0), day(2), horizon=28, **REFERENCE)

    assert set(panel.future) == {column.name for column in ADVANCE}
    assert {values.shape[-1] for values in panel.future.values()} == {3 + 28}
    assert panel.future["days_to_holiday"].shape == (2, 31)
    # 2024-01-15 is Martin Luther King Day.
    assert panel.future["is_holiday"][:, 14].tolist() == [1, 1]


def test_attributes_come_from_products_and_locations_and_are_empty_where_unknown() -> None:
    stranger = features_of(clean_days([1.0], "unheard", "L9"), 0, 0)

    known = panel_from_features(TABLE, day(0), day(2), **REFERENCE).static
    unknown = panel_from_features(stranger, day(0), day(0), **REFERENCE).static

    assert {name: values.tolist() for name, values in known.items()} == {
        "item_id": ["bread", "milk"],
        "location_id": ["L2", "L1"],
        "category": ["bakery", "dairy"],
        "department": ["food", "food"],
        "region": ["", "TX"],
    }
    assert unknown["category"].tolist() == [""]


def test_panel_columns_are_enough() -> None:
    few = panel_from_features(TABLE.select(PANEL_COLUMNS), day(0), day(2), **REFERENCE)

    np.testing.assert_array_equal(
        few.demand, panel_from_features(TABLE, day(0), day(2), **REFERENCE).demand
    )


def test_a_missing_column_is_named() -> None:
    with pytest.raises(ContractError, match="without discount"):
        panel_from_features(TABLE.drop("discount"), day(0), day(2), **REFERENCE)
