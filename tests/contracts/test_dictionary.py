"""The data dictionary says what the contracts say."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from forecast_platform import contracts
from forecast_platform.contracts import Column, DType
from forecast_platform.contracts.dictionary import expectations, render

PAGE = Path(__file__).resolve().parents[2] / "docs" / "data-dictionary.md"


def test_the_committed_page_is_up_to_date():
    command = [sys.executable, "-m", "forecast_platform.contracts.dictionary"]
    printed = subprocess.run(command, capture_output=True, check=True).stdout.decode("utf-8")
    assert printed == render()
    renew = "renew it: python -m forecast_platform.contracts.dictionary > docs/data-dictionary.md"
    assert PAGE.read_text("utf-8") == printed, renew


def test_every_column_of_every_table_is_described():
    sections = dict(s.split("\n", 1) for s in render().split("\n## ")[1:])
    assert set(sections) == set(contracts.tables())
    for name, table in contracts.tables().items():
        for column in table.columns:
            assert f"| `{column.name}` | {column.dtype} |" in sections[name]


def test_expectations_are_told_in_words():
    column = Column(
        "share", DType.FLOAT, "", required=False, minimum=0, maximum=0.5, default="0", fill="mean"
    )
    assert expectations(column) == "optional, default 0, 0 to 0.5, gaps filled: mean"
    key = Column("item_id", DType.STRING, "", refers_to="products")
    assert expectations(key) == "required, in products"
    price = Column("price", DType.FLOAT, "", positive=True, maximum=10_000)
    assert expectations(price) == "required, above 0, at most 10,000"
    state = Column("state", DType.STRING, "", allowed=("a", "b"))
    assert expectations(state) == "required, one of a / b"
