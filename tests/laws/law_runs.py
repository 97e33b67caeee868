"""What the tests of the laws run in the process that has Dagster loaded with the shop's settings.

Results are plain data, so that the tests themselves judge.
"""

from __future__ import annotations

import datetime as dt
import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import ExitStack, contextmanager, suppress
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import dagster as dg
import law_home
import law_shop as shop
import polars as pl
import pytest

from forecast_platform.contracts import tables
from forecast_platform.errors import LakeError, PlatformError
from forecast_platform.graph import ISSUED, TRAINED
from forecast_platform.incremental import reach
from forecast_platform.lake import delta
from forecast_platform.lake.days import ONE_DAY
from forecast_platform.settings import settings

if TYPE_CHECKING:
    from forecast_platform.defs.operate import Operator

Submit = Callable[..., "Future[Any]"]
"""Starts a function in another process."""
Do = Callable[..., Any]
"""Has a function done in another process."""

ENVIRONMENT = {
    "FORECAST_PLATFORM_MODELS": '["seasonal_naive"]',
    "FORECAST_PLATFORM_SETTLE_SECONDS": "0",
    "FORECAST_PLATFORM_SAMPLE_PATHS": "20",
    "FORECAST_PLATFORM_BACKTEST_ORIGINS": "1",
    "FORECAST_PLATFORM_START_DATE": "2024-01-01",
    "FORECAST_PLATFORM_END_DATE": "2024-12-31",
    "FORECAST_PLATFORM_WORKERS": "1",
    "FORECAST_PLATFORM_PSEUDONYM_KEY": "0123456789abcdef0123456789abcdef",
    "OMP_NUM_THREADS": "1",
    "PYTHONWARNINGS": "ignore",
}


def start() -> None:
    """Prepare this process: settings of the shop, a quiet orchestrator."""
    import logging
    import warnings

    os.environ.update(ENVIRONMENT)
    warnings.filterwarnings("ignore")
    logging.getLogger("dagster").setLevel(logging.CRITICAL)
    logging.getLogger("mlflow").setLevel(logging.CRITICAL)
    logging.getLogger("alembic").setLevel(logging.CRITICAL)


@contextmanager
def operating(folder: Path) -> Iterator[Operator]:
    """An operator of a home folder, with its Dagster instance."""
    os.environ["FORECAST_PLATFORM_HOME"] = str(folder)
    settings.cache_clear()
    from forecast_platform.defs.operate import operator

    with operator(settings()) as opened:
        yield opened


class Step(NamedTuple):
    """Files that arrive together, and the write at which the run after it fails, if any."""

    files: shop.Files
    fails_at: int | None = None


def build(folder: Path, files: shop.Files) -> None:
    """A home that landed `files`, trained, and issued its newest three days."""
    shop.put(folder / "landing", files)
    with operating(folder) as op:
        op.land()
        op.follow(until="features")
        op.issue(shop.LAST - 2 * ONE_DAY, shop.LAST)
        op.follow()


def play(template: Path, folder: Path, steps: Sequence[Step]) -> list[str]:
    """Let a copy of the template home live through some steps.

    Returns:
        Sentences about rows that were lost, after every step that succeeded.
    """
    shutil.copytree(template, folder)
    lost: list[str] = []
    with operating(folder) as op:
        for step in steps:
            shop.put(folder / "landing", step.files)
            try:
                with ExitStack() as stack:
                    if step.fails_at is not None:
                        stack.enter_context(failing_write(step.fails_at))
                    op.land()
                    op.follow()
            except PlatformError as error:
                if _FAILURE not in str(error):
                    raise
                continue
            lost += law_home.unaccounted(op.home)
        op.land()
        op.follow()
        lost += law_home.unaccounted(op.home)
        stale = op.home.stale()
    assert not stale, stale
    return lost


def rebuild(folder: Path, files: shop.Files) -> None:
    """The data tables of a new home, made from a landing folder at once."""
    shop.put(folder / "landing", files)
    with operating(folder) as op:
        op.land()
        op.follow(until="features")


def adopt(source: Path, folder: Path) -> None:
    """Give a rebuilt home the models and the closed records of another, and follow them."""
    adopt_models(source, folder)
    records = law_home.closed_records(source, ISSUED[::-1])
    with operating(folder) as op:
        for name, rows, days in records:
            op.home.lake.replace_days(tables()[name], rows, days)
        op.follow()


def adopt_models(source: Path, folder: Path) -> None:
    """Copy what is made weekly from one home into another: models and the choice of policy."""
    theirs, ours = law_home.at(source), law_home.at(folder)
    shutil.copytree(source / "models", folder / "models")
    for name in ("model_scores", *TRAINED):
        rows = theirs.read(name)
        ours.lake.replace_days(tables()[name], rows, sorted(set(rows["cutoff"])))


def restate(folder: Path, first: dt.date, last: dt.date) -> None:
    """Issue the origins first..last again, and follow."""
    with operating(folder) as op:
        op.issue(first, last, restate=True)
        op.follow()


_FAILURE = "the disk is full"


@contextmanager
def failing_write(number: int) -> Iterator[None]:
    """Let the `number`-th commit of the lake fail, as on a full disk: rows or ledger alike."""
    commits, real = count(1), delta._commit

    def commit(path: Path, write: Any) -> None:
        if next(commits) == number:
            raise LakeError(f"{path.name}: {_FAILURE}")
        real(path, write)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(delta, "_commit", commit)
        yield


class Followed(NamedTuple):
    """What one arrival made the platform do."""

    made: dict[str, list[dt.date]]
    """Partitions materialised, by asset, from Dagster's event log."""
    changed: dict[str, list[dt.date]]
    """Days whose content changed, by table, from the ledger."""
    windows: dict[str, dict[str, list[dt.date]]]
    """By table and upstream table: days whose window holds a changed day, within the span."""


def arrive(folder: Path, files: shop.Files) -> Followed:
    """Land files in a home, follow, and tell from the event log what was made."""
    before = law_home.contents(folder)
    shop.put(folder / "landing", files)
    with operating(folder) as op:
        opened = op._instance
        seen = set(opened.get_run_ids())
        op.land()
        op.follow()
        made = {
            name: [dt.date.fromisoformat(day) for day in days]
            for name, days in _materialised(opened, set(opened.get_run_ids()) - seen).items()
        }
        after = law_home.contents(folder)
        changed: dict[str, list[dt.date]] = {}
        for (table, day), content in sorted(after.items()):
            if before.get((table, day)) != content:
                changed.setdefault(table, []).append(day)
        span = op.home.state().span()
        assert span is not None
        windows = {
            node.table: {
                read.table: sorted(
                    day for day in reach(read, changed.get(read.table, []))
                    if span[0] <= day <= span[1]
                )
                for read in node.reads
                if not read.last_known
            }
            for node in op.home.nodes
        }  # fmt: skip
    return Followed(made, changed, windows)


def _materialised(opened: dg.DagsterInstance, run_ids: set[str]) -> dict[str, list[str]]:
    made: dict[str, list[str]] = {}
    for run_id in sorted(run_ids):
        for record in opened.get_records_for_run(
            run_id, of_type=dg.DagsterEventType.ASSET_MATERIALIZATION
        ).records:
            event = record.event_log_entry.get_dagster_event()
            assert event.asset_key is not None
            days = made.setdefault(event.asset_key.to_user_string(), [])
            days += [event.partition] if event.partition else []
    return {name: sorted(days) for name, days in made.items()}


def rerun(
    folder: Path, names: Sequence[str], first: dt.date | None, last: dt.date | None
) -> tuple[list[str], dict[str, int]]:
    """Run some tables once more.

    Returns:
        Tables and days whose fingerprint changed, and by table how often it was published.
    """
    before = law_home.contents(folder)
    with operating(folder) as op:
        published = op.home.lake.ledger.history().height
        op._run(names, first, last)
        again = op.home.lake.ledger.history()[published:]
    after = law_home.contents(folder)
    moved = [f"{table} {day}" for (table, day), content in after.items()
             if before.get((table, day)) != content]  # fmt: skip
    return moved, dict(again.group_by("table").len().iter_rows())


def marks(folder: Path) -> list[tuple[Any, ...]]:
    """Make the marks of outdated records, and return them."""
    with operating(folder) as op:
        op._run(["record_marks"])
        return op.home.read("record_marks").sort(pl.all()).rows()


def issue(folder: Path, first: dt.date, last: dt.date) -> None:
    """Issue the origins first..last that were not issued yet."""
    with operating(folder) as op:
        op.issue(first, last)


class Backfill(NamedTuple):
    """What asking for a range of origins did."""

    told: str
    """Why it failed; empty if it did not."""
    launched: dict[str, list[dt.date]]
    """Partitions materialised by its runs that succeeded, by asset."""
    issued: dict[str, list[dt.date]]
    """Origins issued since ever, by record."""


def backfill(
    folder: Path, first: dt.date, last: dt.date, part_days: int, fails_in_part: int | None = None
) -> Backfill:
    """Issue the origins first..last in parts of so many days; one of the parts may fail."""
    from forecast_platform.defs import operate

    told = ""
    with operating(folder) as op, pytest.MonkeyPatch.context() as patch:
        patch.setattr(operate, "_PART_DAYS", part_days)
        opened, parts = op._instance, count(1)
        run = op._run

        def failing(names: Sequence[str], *args: Any) -> None:
            fails = "forecasts" in names and next(parts) == fails_in_part
            with failing_write(2) if fails else ExitStack():
                run(names, *args)

        patch.setattr(op, "_run", failing)
        seen = set(opened.get_run_ids())
        try:
            op.issue(first, last)
        except PlatformError as error:
            told = str(error)
        done = dg.RunsFilter(statuses=[dg.DagsterRunStatus.SUCCESS])
        made = _materialised(opened, set(opened.get_run_ids(done)) - seen)
        launched = {name: [dt.date.fromisoformat(day) for day in days]
                    for name, days in made.items() if name in law_home.RECORDS}  # fmt: skip
        state = op.home.state()
        issued = {name: state.days(name) for name in ("forecasts", "replenishment_plan")}
    return Backfill(told, launched, issued)


def publish_again(folder: Path, days: Sequence[dt.date], rows_at_once: int) -> None:
    """Publish issued origins anew, so many rows at a time."""
    from forecast_platform.issuing import publish_issued

    home = law_home.at(folder)
    making = home.begin("forecasts", days)
    publish_issued(home, making, dict.fromkeys(days, 0), rows_at_once=rows_at_once)


def leave_unrecorded(folder: Path, table: str, files: shop.Files) -> list[dict[str, Any]]:
    """Rows of new days that a table holds once their files came back empty.

    Before that a run had written the days, and was killed before the ledger knew of it.
    """
    with operating(folder) as op:
        _, last = op.home.state().span() or pytest.fail("no sales")
        shop.put(folder / "landing", files)
        op.land()
        _, now = op.home.state().span() or pytest.fail("no sales")
        rows = op.home.read(table, last, last).with_columns(date=pl.lit(now))
        with suppress(KeyboardInterrupt), op.home.lake.together():
            op.home.lake.replace_days(tables()[table], rows, [now])
            raise KeyboardInterrupt
        assert op.home.read(table, now, now).height == rows.height > 0
        shop.put(folder / "landing", {name: lines.split(b"\n")[0] for name, lines in files.items()})
        op.land()
        op.follow()
        assert op.home.stale() == {}
        return op.home.read(table).filter(pl.col("date") > last).to_dicts()
