"""The incremental graph on small ledgers: what is stale, and which runs mend it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence
from itertools import pairwise, product

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from forecast_platform.graph import Kind, Launch, Node, Read, graph, last_cutoff, references
from forecast_platform.incremental import (
    ONE_DAY,
    State,
    changes_since,
    expected_days,
    keeps_to_span,
    next_launches,
    reach,
    spans,
    stale_days,
)
from forecast_platform.lake.ledger import SCHEMA, WHOLE

FIRST = dt.date(2024, 2, 20)
LOOKBACK = {"validated_sales": 4, "validated_prices": 2, "validated_inventory": 1}
NODES = graph(sql_lookback=LOOKBACK)
NODE = {table: node for node in NODES for table in (node.table, *node.also)}
SALES_TABLES = ("validated_sales", "clean_demand", "features", "forecasts", "replenishment_plan")


def day(n: int) -> dt.date:
    return FIRST + n * ONE_DAY


class Book:
    """A ledger in memory, and a maker that makes what a launch says."""

    def __init__(self) -> None:
        self.entries: list[tuple[str, dt.date, int, int | None]] = []

    def publish(self, table: str, contents: dict[dt.date, int]) -> None:
        """Days that were not made from anything, such as raw rows."""
        self.entries += [(table, day, content, None) for day, content in contents.items()]

    @property
    def history(self) -> pl.DataFrame:
        rows = [(*entry, 1, n) for n, entry in enumerate(self.entries)]
        return pl.DataFrame(rows, schema=SCHEMA, orient="row")

    @property
    def current(self) -> pl.DataFrame:
        return self.history.unique(["table", "day"], keep="last", maintain_order=True)

    @property
    def state(self) -> State:
        return State(self.current)

    def make(self, launch: Launch, *, unchanged: bool = False) -> None:
        """Publish the tables of a launch; contents follow the inputs, or stay as they were."""
        days = [WHOLE]
        if launch.first and launch.last:
            days = [
                launch.first + n * ONE_DAY for n in range((launch.last - launch.first).days + 1)
            ]
        for table in launch.tables:
            node = NODE[table]
            held = {(t, d): content for t, d, content, _ in self.entries}
            span = self.state.span()
            for d, inputs in self.state.inputs(node, days).items():
                inside = d == WHOLE or not keeps_to_span(node) or (span and span[0] <= d <= span[1])
                for name in (*node.also, node.table):
                    content = held.get((name, d), 0) if unchanged else inputs // 2 * bool(inside)
                    self.entries.append((name, d, content, inputs if inside else None))

    def follow(self) -> list[Launch]:
        """Make all that is stale."""
        made: list[Launch] = []
        while launches := next_launches(NODES, self.state):
            for launch in launches:
                self.make(launch)
            made += launches
        return made


_PUBLICATIONS = st.lists(
    st.tuples(
        st.sampled_from(["raw_sales", "raw_prices", "validated_sales", "clean_demand"]),
        st.dictionaries(st.integers(0, 6).map(day), st.integers(0, 3), min_size=1),
    ),
    max_size=8,
)


@given(publications=_PUBLICATIONS)
@settings(max_examples=50, deadline=None)
def test_a_state_that_takes_over_an_older_one_answers_as_one_read_anew(
    publications: list[tuple[str, dict[dt.date, int]]],
) -> None:
    book = Book()
    grown = book.state
    for table, contents in publications:
        book.publish(table, contents)
        anew = book.state
        grown = State(book.current, grown)
        assert grown.span() == anew.span()
        for node in NODES:
            days = [day(n) for n in range(8)]
            assert grown.days(node.table) == anew.days(node.table)
            assert grown.held(node.table) == anew.held(node.table)
            assert grown.inputs(node, days) == anew.inputs(node, days)
            assert grown.stale(node, days) == anew.stale(node, days)


@pytest.fixture
def book() -> Book:
    """A shop of 30 days that is up to date."""
    book = Book()
    for name in ("products", "locations", "suppliers", "calendar"):
        book.publish(f"raw_{name}", {WHOLE: 1})
    for name in ("sales", "inventory"):
        book.publish(f"raw_{name}", {day(n): n + 1 for n in range(30)})
    book.publish("raw_prices", {day(0): 1, day(14): 2})
    book.publish("model_versions", {last_cutoff(day(20)): 1})
    book.follow()
    return book


def test_whole_tables_come_first_then_one_run_makes_everything() -> None:
    book = Book()
    book.publish("raw_products", {WHOLE: 1})
    book.publish("raw_sales", {day(n): n + 1 for n in range(9)})
    first, second, third = book.follow()
    assert first == Launch(("validated_products",), None, None)
    assert second == Launch(("validated_sales", "clean_demand", "features"), day(0), day(8))
    assert third == Launch(("forecasts", "replenishment_plan"), day(8), day(8))
    assert next_launches(NODES, book.state) == []


def test_nothing_is_stale_when_all_was_followed(book: Book) -> None:
    assert stale_days(NODES, book.state) == {}


def test_nothing_is_expected_before_anything_landed() -> None:
    assert next_launches(NODES, Book().state) == []
    assert Book().state.span() is None


def test_one_new_day_is_one_launch_through_the_whole_graph(book: Book) -> None:
    book.publish("raw_sales", {day(30): 5})
    (launch,) = book.follow()
    assert (launch.first, launch.last) == (day(30), day(30))
    assert set(launch.tables) == {
        "validated_sales", "validated_prices", "validated_inventory", "clean_demand", "features",
        "forecasts", "replenishment_plan", "accuracy", "accuracy_drift", "plan_outcome",
    }  # fmt: skip


def test_a_late_day_makes_its_windows_and_the_newest_records(book: Book) -> None:
    book.publish("raw_sales", {day(10): 99})
    stale = stale_days(NODES, book.state)
    assert stale["validated_sales"] == [day(10)]
    assert stale["clean_demand"] == [day(n) for n in range(10, 15)]
    assert stale["features"] == [day(n) for n in range(10, 30)]
    assert stale["forecasts"] == stale["replenishment_plan"] == [day(29)]
    assert "validated_prices" not in stale
    made: dict[str, set[tuple[dt.date | None, dt.date | None]]] = {}
    for launch in book.follow():
        for table in launch.tables:
            made.setdefault(table, set()).add((launch.first, launch.last))
    assert made["clean_demand"] == {(day(10), day(14))}
    assert made["features"] == {(day(10), day(29))}
    assert made["forecasts"] == made["replenishment_plan"] == {(day(29), day(29))}


def test_a_result_that_stays_the_same_stops_the_recompute(book: Book) -> None:
    book.publish("raw_sales", {day(10): 99})
    (launch,) = next_launches(NODES, book.state)
    assert launch == Launch(("validated_sales",), day(10), day(10))
    book.make(launch, unchanged=True)
    assert stale_days(NODES, book.state) == {}


def test_a_raw_day_that_returns_to_what_it_was_is_not_stale(book: Book) -> None:
    book.publish("raw_sales", {day(10): 99})
    book.publish("raw_sales", {day(10): 11})
    assert stale_days(NODES, book.state) == {}


def test_a_whole_table_that_changes_makes_all_days_that_read_it(book: Book) -> None:
    book.publish("raw_calendar", {WHOLE: 7})
    stale = stale_days(NODES, book.state)
    assert stale["validated_calendar"] == [WHOLE]
    assert len(stale["features"]) == 30
    assert "validated_sales" not in stale
    assert next_launches(NODES, book.state) == [Launch(("validated_calendar",), None, None)]


def test_another_version_of_a_node_makes_all_its_days_stale(book: Book) -> None:
    newer = graph(sql_lookback=LOOKBACK, feature_version="2")
    assert set(stale_days(newer, book.state)) >= {"features", "forecasts"}
    assert len(stale_days(newer, book.state)["features"]) == 30
    assert "clean_demand" not in stale_days(newer, book.state)


def test_a_launch_that_failed_half_way_is_launched_again(book: Book) -> None:
    book.publish("raw_sales", {day(30): 5})
    (launch,) = next_launches(NODES, book.state)
    book.make(launch._replace(tables=launch.tables[:4]))
    (again,) = next_launches(NODES, book.state)
    assert again == launch._replace(tables=launch.tables[4:])


def test_days_apart_are_launches_of_their_own(book: Book) -> None:
    book.publish("raw_sales", {day(3): 99, day(4): 99, day(20): 99})
    launches = next_launches(NODES, book.state)
    assert [(launch.first, launch.last) for launch in launches] == [
        (day(3), day(4)), (day(20), day(20))
    ]  # fmt: skip


def test_a_late_receipt_makes_lead_times_before_what_reads_them(book: Book) -> None:
    book.publish("raw_purchase_orders", {day(n): n for n in range(1, 30, 4)})
    book.follow()
    assert len(expected_days(NODE["lead_times"], book.state)) == 30
    book.publish("raw_purchase_orders", {day(21): 99})
    book.publish("raw_sales", {day(30): 5})
    launches = book.follow()
    assert launches[0].tables[:1] == ("validated_sales",)
    made = [(table, launch.first) for launch in launches for table in launch.tables]
    assert made.index(("lead_times", day(21))) < made.index(("forecasts", day(30)))
    assert [table for table, _ in made].count("replenishment_plan") == 1


def test_a_new_model_makes_only_the_newest_forecast_stale(book: Book) -> None:
    book.publish("model_versions", {last_cutoff(day(29)): 2})
    assert stale_days(NODES, book.state) == {
        "forecasts": [day(29)], "replenishment_plan": [day(29)]
    }  # fmt: skip


def test_a_new_choice_of_policy_makes_only_the_newest_plan_stale(book: Book) -> None:
    book.publish("policy_choice", {last_cutoff(day(29)): 2})
    assert stale_days(NODES, book.state) == {"replenishment_plan": [day(29)]}
    book.follow()
    book.publish("policy_choice", {last_cutoff(day(29)) + 7 * ONE_DAY: 3})
    assert stale_days(NODES, book.state) == {}


def test_a_model_of_a_later_cutoff_changes_no_forecast(book: Book) -> None:
    book.publish("model_versions", {last_cutoff(day(29)) + 7 * ONE_DAY: 2})
    assert stale_days(NODES, book.state) == {}


def test_landed_days_without_sales_are_validated_but_not_cleaned(book: Book) -> None:
    book.publish("raw_prices", {day(40): 5})
    assert expected_days(NODE["validated_prices"], book.state)[-1] == day(40)
    assert stale_days(NODES, book.state) == {"validated_prices": [day(40)]}


def test_days_that_a_correction_takes_out_of_the_span_are_made_empty(book: Book) -> None:
    book.publish("raw_sales", {day(29): 0, day(0): 0})
    assert book.state.span() == (day(1), day(28))
    foretold = stale_days(NODES, book.state)
    assert {day(0), day(29)} <= set(foretold["clean_demand"]) & set(foretold["features"])
    assert foretold["forecasts"] == [day(28)]
    book.follow()
    assert stale_days(NODES, book.state) == {}
    for table in ("clean_demand", "features"):
        assert book.state.held(table) == [day(n) for n in range(1, 29)]
    book.publish("raw_sales", {day(30): 5})
    book.follow()
    for table in ("clean_demand", "features"):
        assert book.state.held(table) == [day(n) for n in range(1, 31)]


def test_days_that_went_before_they_were_recorded_are_made_empty_once(book: Book) -> None:
    book.publish("raw_sales", {day(30): 5, day(31): 5})
    book.publish("raw_sales", {day(30): 0, day(31): 0})
    foretold = stale_days(NODES, book.state)
    for table in ("clean_demand", "features"):
        assert foretold[table] == [day(30), day(31)]
    book.follow()
    assert stale_days(NODES, book.state) == {}
    assert book.state.held("features")[-1] == day(29)


def test_accuracy_is_expected_from_the_day_after_the_first_origin(book: Book) -> None:
    assert expected_days(NODE["accuracy"], book.state) == []
    book.publish("forecasts", {day(20): 4})
    assert expected_days(NODE["accuracy"], book.state) == [day(n) for n in range(21, 30)]


def test_changes_since_a_record_was_issued_are_told_once_each(book: Book) -> None:
    book.publish("raw_sales", {day(30): 5})
    book.follow()
    assert changes_since(book.history, NODE["forecasts"], [day(29)]) == []
    book.publish("features", {day(12): 1, day(30): 2})
    book.publish("features", {day(12): 3})
    assert changes_since(book.history, NODE["forecasts"], [day(28), day(29)]) == [
        (day(29), "features", day(12))
    ]
    book.publish("forecasts", {day(29): 8})
    assert changes_since(book.history, NODE["forecasts"], [day(29)]) == []


def test_a_day_published_for_the_first_time_or_unchanged_is_no_change(book: Book) -> None:
    held = {d: content for t, d, content, _ in book.entries if t == "features"}
    book.publish("features", {day(12): held[day(12)], day(-3): 9})
    assert changes_since(book.history, NODE["forecasts"], [day(29)]) == []


def test_every_table_is_read_after_it_was_made() -> None:
    made = [node.table for node in NODES]
    for n, node in enumerate(NODES):
        inside = {read.table for read in node.reads} & set(made)
        assert inside <= set(made[:n])
    assert references("prices") == ["locations", "products"]
    assert NODE["lead_time_demand"].table == "forecasts"


def test_cutoffs_are_sundays_at_or_before_a_day() -> None:
    for n in range(14):
        cutoff = last_cutoff(day(n))
        assert cutoff.weekday() == 6
        assert 0 <= (day(n) - cutoff).days < 7


WINDOWS = st.tuples(st.integers(-9, 3), st.integers(0, 9)).map(lambda w: (w[0], w[0] + w[1]))
SOME_DAYS = st.sets(st.integers(0, 25))


@given(window=WINDOWS, changed=SOME_DAYS)
def test_reach_is_the_days_whose_windows_hold_a_change(
    window: tuple[int, int], changed: set[int]
) -> None:
    held = {
        day(n)
        for n in range(-15, 45)
        if any(window[0] <= m - n <= window[1] for m in changed)
    }  # fmt: skip
    assert reach(Read("any", *window), map(day, changed)) == held


@given(SOME_DAYS)
def test_spans_hold_exactly_the_days_and_never_touch(numbers: set[int]) -> None:
    found = spans(map(day, numbers))
    covered = [first + n * ONE_DAY for first, last in found for n in range((last - first).days + 1)]
    assert covered == sorted(map(day, numbers))
    assert all(b[0] - a[1] > ONE_DAY for a, b in pairwise(found))


CONTENTS = st.dictionaries(st.integers(0, 25), st.integers(-(2**63), 2**63 - 1), max_size=12)


def _window(read: Read, table: dict[int, int], n: int) -> list[tuple[int, int]]:
    """What day n sees of a table, one day after the other."""
    if read.last_known:
        return [max(item for item in table.items() if item[0] <= n + read.last)] if any(
            m <= n + read.last for m in table
        ) else []  # fmt: skip
    return sorted(item for item in table.items() if read.first <= item[0] - n <= read.last)


@settings(max_examples=60, deadline=None)
@given(
    before=CONTENTS, after=CONTENTS, window=WINDOWS, last_known=st.booleans(),
    kept=st.sets(st.integers(0, 25)),
)  # fmt: skip
def test_stale_days_are_those_whose_windows_hold_something_else(
    before: dict[int, int],
    after: dict[int, int],
    window: tuple[int, int],
    last_known: bool,
    kept: set[int],
) -> None:
    """Window sums find the same days as comparing the windows entry by entry."""
    after |= {n: content for n, content in before.items() if n in kept}
    read = Read("above", *window, last_known=last_known)
    node = Node("below", (read, Read("other", 0, 0)), Kind.DATA)
    days = [day(n) for n in range(26)]

    def entries(contents: dict[int, int], made: dict[dt.date, int]) -> State:
        rows: list[tuple[str, dt.date, int, int | None, int, int]] = [
            ("above", day(n), content, None, 1, 0) for n, content in contents.items()
        ]
        rows += [("below", d, 0, inputs, 1, 0) for d, inputs in made.items()]
        rows += [("other", d, 5, None, 1, 0) for d in days]
        return State(pl.DataFrame(rows, schema=SCHEMA, orient="row"))

    made = entries(before, {}).inputs(node, days)
    expected = [day(n) for n in range(26) if _window(read, before, n) != _window(read, after, n)]
    assert entries(after, made).stale(node, days) == expected


def _made_by(launches: Iterable[Launch]) -> Sequence[tuple[str, dt.date]]:
    return [
        (table, launch.first + n * ONE_DAY)
        for launch in launches
        if launch.first and launch.last
        for table, n in product(launch.tables, range((launch.last - launch.first).days + 1))
    ]


@settings(max_examples=25, deadline=None)
@given(changes=st.lists(st.dictionaries(st.integers(0, 33), st.integers(100, 109), min_size=1),
                        max_size=3))  # fmt: skip
def test_following_ends_makes_no_day_twice_and_leaves_nothing_stale(
    changes: list[dict[int, int]],
) -> None:
    book = Book()
    book.publish("raw_sales", {day(n): n + 1 for n in range(30)})
    book.follow()
    for change in changes:
        book.publish("raw_sales", {day(n): content for n, content in change.items()})
        foretold = stale_days(NODES, book.state)
        made = _made_by(book.follow())
        assert len(made) == len(set(made))
        assert {(t, d) for t, d in made} <= {(t, d) for t, days in foretold.items() for d in days}
        assert stale_days(NODES, book.state) == {}
