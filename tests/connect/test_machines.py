"""Machines that share object storage and no disk pull one source in turns."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from forecast_platform.connect.pull import Pulled, pull
from forecast_platform.settings import Settings
from tests.connect.conftest import Execute
from tests.connect.test_sql import ORDERS, SOURCES

sys.path.append(str(Path(__file__).parents[1] / "storage"))
import store_server


@pytest.fixture
def machines(tmp_path: Path, execute: Execute) -> Iterator[tuple[Settings, Settings]]:
    """Two homes with the same storage, the same till and nothing else in common."""
    execute(ORDERS)
    (tmp_path / "sources.yaml").write_text(SOURCES)
    with store_server.s3_server() as address:
        first, second = (
            Settings(home=tmp_path / name, sources_file=tmp_path / "sources.yaml",
                     storage_url=f"s3://{store_server.BUCKET}/home",
                     storage_options=store_server.options(address),  # type: ignore[arg-type]
                     start_date="2026-03-01", timezone="Europe/Berlin")  # type: ignore[arg-type]
            for name in ("first", "second")
        )  # fmt: skip
        yield first, second


def pulled(machine: Settings) -> Pulled:
    (done,) = pull(machine, "till")
    return done


def test_a_pull_goes_on_from_what_another_machine_read(
    machines: tuple[Settings, Settings], execute: Execute
) -> None:
    first, second = machines
    assert (pulled(first).days, pulled(second).days) == (10, 2)
    execute("insert into shop.lines values ('2026-03-11 12:00Z', 'A', 'MAIN', 4, 'L', 1, "
            "'2026-03-11 13:00Z')")  # fmt: skip
    assert pulled(second).files == 1
    assert (pulled(first).days, pulled(first).files) == (2, 0)


def test_machines_that_pull_at_once_take_turns(machines: tuple[Settings, Settings]) -> None:
    with ThreadPoolExecutor(2) as pool:
        days = [done.days for done in pool.map(pulled, machines)]
    assert sorted(days) == [2, 10]
