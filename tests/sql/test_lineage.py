"""Column lineage of the models."""

from __future__ import annotations

import pytest

from forecast_platform.errors import ConfigurationError
from forecast_platform.sql import SqlProject, column_lineage

PROJECT = SqlProject.load()


@pytest.mark.parametrize("model", PROJECT.models)
def test_every_column_comes_from_columns_that_its_inputs_have(model: str) -> None:
    spec = PROJECT.models[model]
    known = {name: set(columns) for name, columns in PROJECT.sources.items()}
    known |= {name: set(upstream.columns) for name, upstream in PROJECT.models.items()}
    lineage = column_lineage(PROJECT, model)
    assert list(lineage) == list(spec.columns)
    for column, origins in lineage.items():
        assert origins, column
        for table, name in origins:
            assert table in spec.depends_on
            assert name in known[table]


def test_lineage_goes_through_expressions_renames_and_joins() -> None:
    assert column_lineage(PROJECT, "stg_prices")["shelf_price"] == [("validated_prices", "price")]
    assert column_lineage(PROJECT, "int_daily_sales")["paid_price"] == [
        ("stg_sales", "unit_price"),
        ("stg_sales", "units"),
    ]
    assert column_lineage(PROJECT, "clean_demand")["demand_units"] == [
        ("int_offer_days", "is_on_offer"),
        ("int_offer_days", "net_units"),
        ("stg_inventory", "is_censored"),
        ("stg_inventory", "is_stockout"),
    ]


def test_an_unknown_model_is_named() -> None:
    with pytest.raises(ConfigurationError, match="no model demand"):
        column_lineage(PROJECT, "demand")
