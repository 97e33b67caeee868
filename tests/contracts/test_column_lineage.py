from __future__ import annotations

import pytest

from forecast_platform.contracts import tables
from forecast_platform.contracts.lineage import LINEAGE


@pytest.mark.parametrize("table", LINEAGE)
def test_lineage_names_columns_that_exist(table: str) -> None:
    known = {name: set(contract.column_names) for name, contract in tables().items()}
    assert set(LINEAGE[table]) <= known[table]
    for sources in LINEAGE[table].values():
        assert sources
        for upstream, column in sources:
            assert column in known[upstream], f"{upstream} has no column {column}"


def test_every_feature_has_its_sources() -> None:
    assert set(LINEAGE["features"]) == set(tables()["features"].column_names)
