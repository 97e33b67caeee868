"""Law: killed at any table and run again, the home equals an undisturbed one; readers see no half.

The command line runs as a process of its own and is killed with SIGKILL: while it makes a table
(when its progress says so), or between two commits of the lake.
"""

from __future__ import annotations

import datetime as dt
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event, Thread

import law_home
import law_runs
import law_shop as shop
from law_runs import Do

from forecast_platform.lake import Lake

ARRIVED = {
    "sales/late.csv": shop.sales([(shop.day(50), "APPLE", 40)]),
    "sales/new.csv": shop.sales(shop.sales_of(shop.DAYS)),
    "inventory/new.csv": shop.inventory([shop.DAYS]),
}
_RUN = "from forecast_platform.cli import main; main()"
_KILLED_AFTER_ROWS = """
import os, signal
from forecast_platform.lake import delta
commit = delta._commit
def killed(path, write):
    commit(path, write)
    if path.name == {table!r}:
        os.kill(os.getpid(), signal.SIGKILL)
delta._commit = killed
"""


def _start(home: Path, program: str) -> subprocess.Popen[str]:
    environment = os.environ | law_runs.ENVIRONMENT | {"FORECAST_PLATFORM_HOME": str(home)}
    return subprocess.Popen(
        [sys.executable, "-u", "-c", program, "run"],
        env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip


def killed_while_making(home: Path, table: str) -> int:
    """Run until the progress names the table, then kill; the exit code."""
    process = _start(home, _RUN)
    assert process.stdout is not None
    for line in process.stdout:
        if table in line.split():
            process.kill()
            break
    process.communicate()
    return process.returncode


def killed_after_rows(home: Path, table: str) -> int:
    """Run until the rows of the table are committed, and die before anything else is."""
    process = _start(home, _KILLED_AFTER_ROWS.format(table=table) + _RUN)
    process.communicate()
    return process.returncode


Contents = dict[tuple[str, dt.date], int]


@contextmanager
def reading(lake: Lake, *allowed: Contents) -> Iterator[list[str]]:
    """Read all tables again and again meanwhile; sentences about days that are neither."""
    strange: list[str] = []
    over = Event()

    def read() -> None:
        while not over.wait(0.1):
            for table in law_home.READ:
                for name, day, content in law_home.seen(lake, table):
                    if content not in {known.get((name, day)) for known in allowed}:
                        strange.append(f"{name} {day}")

    reader = Thread(target=read)
    reader.start()
    try:
        yield strange
    finally:
        over.set()
        reader.join()


def test_killed_at_every_table_and_run_again_the_home_equals_an_undisturbed_one(
    do: Do, template: Path, home: Path, tmp_path: Path
) -> None:
    calm = do(law_home.copy, template, tmp_path / "calm")
    do(law_runs.arrive, calm, ARRIVED)
    before, after = (do(law_home.contents, folder) for folder in (template, calm))

    shop.put(home / "landing", ARRIVED)
    with reading(Lake(home / "lake"), before, after) as strange:
        codes = [
            killed_after_rows(home, "raw_sales"),
            killed_while_making(home, "validated_sales"),
            killed_after_rows(home, "clean_demand"),
            killed_while_making(home, "features"),
            killed_after_rows(home, "lead_time_demand"),
            killed_after_rows(home, "replenishment_plan"),
        ]
        assert do(law_home.stale, home)
        do(law_runs.arrive, home, {})
    assert codes == [-signal.SIGKILL] * 6
    assert not strange
    assert do(law_home.differences, home, calm, law_home.DATA + law_home.RECORDS, ignore=()) == []
    assert not do(law_home.stale, home)
