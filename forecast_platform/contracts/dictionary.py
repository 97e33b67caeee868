"""The data dictionary: every table's contract as a markdown page.

`python -m forecast_platform.contracts.dictionary > docs/data-dictionary.md` renews the page.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator

from forecast_platform.contracts import Column, Table, tables

_INTRODUCTION = """\
# Data dictionary

Generated from the contracts by `python -m forecast_platform.contracts.dictionary`; do not edit.
Every landed table passes three stages: `raw_` is the text as it landed, `validated_` the typed rows
that meet the contract, `rejected_` every other row with its reasons.
"""
_HEADER = (
    "| column | type | unit | expectations | meaning |",
    "|---|---|---|---|---|",
)


def render() -> str:
    """The page: all tables of `contracts.tables()` by group, in the order data flows."""
    groups: dict[str, list[Table]] = {}
    for table in tables().values():
        groups.setdefault(table.group, []).append(table)
    lines = [_INTRODUCTION]
    lines += [f"- {group}: {', '.join(_link(t) for t in members)}"
              for group, members in groups.items()]  # fmt: skip
    for members in groups.values():
        for table in members:
            lines += _section(table)
    return "\n".join(lines) + "\n"


def _link(table: Table) -> str:
    return f"[{table.name}](#{table.name})"


def _section(table: Table) -> Iterator[str]:
    replaced = f"by whole days of `{table.day}`" if table.day else "as a whole"
    yield from ("", f"## {table.name}", "", table.description, "")
    yield f"Grain: {table.grain}. Key: {', '.join(f'`{c}`' for c in table.key)}."
    yield from (f"Replaced {replaced}.", "", *_HEADER)
    for column in table.columns:
        cells = (f"`{column.name}`", column.dtype, column.unit, expectations(column))
        yield "| " + " | ".join((*cells, _escaped(column.description))) + " |"


def expectations(column: Column) -> str:
    """The column's expectations in words, such as "required, 0 to 1, in products"."""
    words = ["required" if column.required else "optional"]
    if column.default is not None:
        words.append(f"default {column.default}")
    if column.positive:
        words.append("above 0")
    if column.minimum is not None and column.maximum is not None:
        words.append(f"{_plain(column.minimum)} to {_plain(column.maximum)}")
    elif column.minimum is not None:
        words.append(f"{_plain(column.minimum)} or more")
    elif column.maximum is not None:
        words.append(f"at most {_plain(column.maximum)}")
    if column.allowed:
        words.append(f"one of {' / '.join(column.allowed)}")
    if column.refers_to:
        words.append(f"in {column.refers_to}")
    if column.fill != "none":
        words.append(f"gaps filled: {column.fill.replace('_', ' ')}")
    return _escaped(", ".join(words))


def _plain(bound: float) -> str:
    return f"{bound:,.0f}" if float(bound).is_integer() else str(bound)


def _escaped(text: str) -> str:
    return text.replace("|", "\\|")


if __name__ == "__main__":
    sys.stdout.write(render())
