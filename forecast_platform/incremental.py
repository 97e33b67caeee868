"""What is stale in the incremental graph, and the runs that mend it.

A day of a table is *stale* when the fingerprint of what it would be made from now differs from the
fingerprint of what it was made from. Fingerprints come from the lake's ledger, so the answer does
not depend on who ran what, in which order, and what failed half-way. An unchanged result keeps its
fingerprint, so staleness stops where a change makes no difference.

Two kinds of tables differ in what staleness means:
- data tables follow the data: every stale day is made again;
- records (forecasts, plans) were issued: only the newest origin is made again, closed days are
  marked and kept unless they are restated.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from hashlib import blake2b
from typing import NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray

from forecast_platform.contracts import landed_table
from forecast_platform.graph import Kind, Launch, Node, Read
from forecast_platform.lake.days import ONE_DAY, spans
from forecast_platform.lake.ledger import WHOLE

_JUDGES = {
    "accuracy": "forecasts", "accuracy_drift": "forecasts", "plan_outcome": "replenishment_plan",
    "input_drift": "training_profile",
}  # fmt: skip
"""Tables that judge what was issued or trained, from the day after the first one."""


class _Days(NamedTuple):
    """Publications of one table: ordinals of the days, sorted, with both fingerprints."""

    ordinals: NDArray[np.int64]
    content: NDArray[np.uint64]
    inputs: dict[dt.date, int | None]


class State:
    """The newest publications of the lake, indexed for window sums.

    Args:
        current: `Ledger.current()`.
        before: An older state, of which tables published no more since then are taken over.
    """

    def __init__(self, current: pl.DataFrame, before: State | None = None) -> None:
        marks = current.group_by("table").agg(pl.len(), pl.col("sequence").sum()).rows()
        self._published: dict[str, tuple[int, int]] = {
            table: (days, sequences) for table, days, sequences in marks
        }
        self._tables = before._unchanged(self._published) if before else {}
        changed = current.filter(~pl.col("table").is_in([*self._tables])).sort("day")
        for (table,), rows in changed.group_by("table", maintain_order=True):
            days = rows["day"].to_list()
            self._tables[str(table)] = _Days(
                ordinals=np.array([day.toordinal() for day in days], dtype=np.int64),
                content=rows["content"].to_numpy().view(np.uint64),
                inputs=dict(zip(days, rows["inputs"].to_list(), strict=True)),
            )

    def _unchanged(self, published: Mapping[str, object]) -> dict[str, _Days]:
        return {
            table: days
            for table, days in self._tables.items()
            if self._published[table] == published.get(table)
        }

    def days(self, table: str) -> list[dt.date]:
        """Days published, in order; empty for a table never written."""
        known = self._tables.get(table)
        return [day for day in known.inputs if day != WHOLE] if known else []

    def has(self, table: str) -> bool:
        """Whether the table was ever published."""
        return table in self._tables

    def held(self, table: str) -> list[dt.date]:
        """Days published with rows, in order."""
        known = self._tables.get(table)
        if known is None:
            return []
        return [day for day, content in zip(known.inputs, known.content, strict=True)
                if content and day != WHOLE]  # fmt: skip

    def span(self) -> tuple[dt.date, dt.date] | None:
        """First and last business day with landed sales, or None before any sale."""
        days = self.held("raw_sales")
        return (days[0], days[-1]) if days else None

    def inputs(self, node: Node, days: Sequence[dt.date]) -> dict[dt.date, int]:
        """Fingerprint of what each of `days` would be made from now."""
        if not days:
            return {}
        first, last = min(days), max(days)
        ordinals = np.arange(first.toordinal(), last.toordinal() + 1)
        result = np.full(len(ordinals), _digest(node.version), dtype=np.uint64)
        for read in node.reads:
            if read.optional and read.table not in self._tables:
                continue
            result = _mix(result ^ self._contribution(read, ordinals))
        signed = result.view(np.int64)
        return {day: int(signed[(day - first).days]) for day in days}

    def stale(self, node: Node, expected: Sequence[dt.date]) -> list[dt.date]:
        """Those of the `expected` days that are missing or made from something else than now."""
        now = self.inputs(node, expected)
        known = self._tables.get(node.table)
        made = known.inputs if known else {}
        return [day for day in sorted(expected) if day not in made or made[day] != now[day]]

    def _contribution(self, read: Read, ordinals: NDArray[np.int64]) -> NDArray[np.uint64]:
        """What `read` adds to the fingerprint of each day, as (days,) or (1,) for whole tables."""
        known = self._tables.get(read.table)
        if known is None:
            return np.zeros(1, dtype=np.uint64)
        marks = _mix(known.content ^ _mix(known.ordinals.view(np.uint64)))
        if WHOLE in known.inputs:
            return marks[:1]
        sums = np.concatenate([np.zeros(1, dtype=np.uint64), np.cumsum(marks, dtype=np.uint64)])
        until = np.searchsorted(known.ordinals, ordinals + read.last, side="right")
        if read.last_known:
            since = np.maximum(until - 1, 0)
        else:
            since = np.searchsorted(known.ordinals, ordinals + read.first, side="left")
        difference: NDArray[np.uint64] = sums[until] - sums[since]
        return difference


def _mix(values: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """SplitMix64's finaliser (Steele, Lea, Flood 2014): a change of one bit changes half of all."""
    values = values + np.uint64(0x9E3779B97F4A7C15)
    values = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return values ^ (values >> np.uint64(31))


def _digest(version: str) -> int:
    return int.from_bytes(blake2b(version.encode(), digest_size=8).digest(), "big")


def expected_days(node: Node, state: State) -> list[dt.date]:
    """Days that the node should hold: all of the sales span, and whatever else was landed.

    Records are expected for the newest day only; older origins are issued on request. Days that
    a correction took out of the span are expected until they are known to be empty: a run that was
    killed may have written them and not told the ledger.
    """
    if node.table.startswith("validated_"):
        landed = node.table.removeprefix("validated_")
        if not state.has(f"raw_{landed}"):
            return []
        if landed_table(landed).day is None:
            return [WHOLE]
        return sorted({*state.days(f"raw_{landed}"), *_span_days(state)})
    days = _span_days(state)
    if node.kind is Kind.RECORD:
        return days[-1:]
    if node.needs and not any(map(state.has, node.needs)):
        return []
    if node.table in _JUDGES:
        issued = state.days(_JUDGES[node.table])
        days = [day for day in days if issued and issued[0] < day]
    gone = set(state.days("raw_sales")) - set(_span_days(state))
    return sorted({*days, *state.held(node.table), *gone.difference(state.days(node.table))})


def keeps_to_span(node: Node) -> bool:
    """Whether the node holds rows for days of the sales span only."""
    return node.kind is Kind.DATA and not node.table.startswith("validated_")


def _span_days(state: State) -> list[dt.date]:
    span = state.span()
    if span is None:
        return []
    return [span[0] + i * ONE_DAY for i in range((span[1] - span[0]).days + 1)]


def reach(read: Read, changed: Iterable[dt.date]) -> set[dt.date]:
    """Days D whose window D + read.first .. D + read.last holds one of the `changed` days."""
    return {
        day - offset * ONE_DAY for day in changed for offset in range(read.first, read.last + 1)
    }


def stale_days(nodes: Sequence[Node], state: State) -> dict[str, list[dt.date]]:
    """Stale days of every data table and of the newest records, as if every change mattered.

    A day counts if it is stale itself, if it reads a day that counts, or if it may hold rows
    although a correction took it out of the span; tables without such days are left out.
    """
    result: dict[str, list[dt.date]] = {}
    span = set(_span_days(state))
    for node in nodes:
        expected = expected_days(node, state)
        days = set(state.stale(node, expected))
        if keeps_to_span(node):
            days |= set(expected) - span
        if days != set(expected):
            for read in node.reads:
                changed = result.get(read.table, [])
                days |= set(expected) if WHOLE in changed else reach(read, changed)
            days &= set(expected)
        if days:
            result[node.table] = sorted(days)
    return result


def next_launches(nodes: Sequence[Node], state: State) -> list[Launch]:
    """The runs to start now; ask again after they ended, until there are none.

    Tables with the same stale days share a run, so one new day is one run through the whole graph;
    a table whose days differ waits for the next call, and so does all that reads it.
    """
    todo = stale_days(nodes, state)
    if not todo:
        return []
    first_days = next(iter(todo.values()))
    tables: list[str] = []
    waiting: set[str] = set()
    for node in nodes:
        if node.table not in todo:
            continue
        if todo[node.table] == first_days and not waiting & {read.table for read in node.reads}:
            tables.append(node.table)
        else:
            waiting |= {node.table, *node.also}
    if first_days == [WHOLE]:
        return [Launch(tuple(tables), None, None)]
    return [Launch(tuple(tables), *span) for span in spans(first_days)]


def changes_since(
    history: pl.DataFrame, node: Node, origins: Sequence[dt.date]
) -> list[tuple[dt.date, str, dt.date]]:
    """What changed in the windows of issued records after they were issued.

    Args:
        history: `Ledger.history()`.
        node: A record table.
        origins: Closed origins to look at.

    Returns:
        (origin, changed table, changed day), sorted.
    """
    daily = {read.table: read for read in node.reads if not read.last_known}
    changed = (
        history.filter(pl.col("table").is_in(list(daily)), pl.col("day") != WHOLE)
        .with_columns(before=pl.col("content").shift(1).over("table", "day"))
        .filter(pl.col("before").is_not_null(), pl.col("before") != pl.col("content"))
        .select("table", "day", "sequence")
        .rows()
    )
    issued = dict(
        history.filter(pl.col("table") == node.table)
        .group_by("day").agg(pl.col("sequence").max()).rows()
    )  # fmt: skip
    found = {
        (origin, table, day)
        for table, day, sequence in changed
        for origin in origins
        if origin in issued
        and sequence > issued[origin]
        and daily[table].first <= (day - origin).days <= daily[table].last
    }
    return sorted(found)
