"""Drills: whatever breaks while a shop lives, nothing is lost and the tables come out the same."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import drill_driver as drills
import pytest

from tests.connect.conftest import FaultyService, serving
from tests.storage import store_server

SEEDS = range(30)
NIGHTLY = range(30, int(os.environ.get("DRILLS", "1000")))


@pytest.fixture(scope="module")
def service() -> Iterator[FaultyService]:
    with serving() as server:
        yield server


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return drills.opened(tmp_path_factory.mktemp("opened"))


@pytest.mark.parametrize("seed", SEEDS)
def test_a_history_ends_in_the_tables_of_a_rebuild(
    seed: int, opened: Path, service: FaultyService, tmp_path: Path
) -> None:
    assert drills.play(seed, opened, tmp_path, service) == []


@pytest.mark.nightly
@pytest.mark.parametrize("seed", range(20))
def test_a_history_in_object_storage_ends_in_the_tables_of_a_rebuild(
    seed: int, service: FaultyService, tmp_path: Path
) -> None:
    drills.prepare()
    with store_server.s3_server() as address:
        assert drills.play_stored(seed, address, tmp_path, service) == []


@pytest.mark.nightly
@pytest.mark.parametrize("seed", NIGHTLY)
def test_many_histories_end_in_the_tables_of_a_rebuild(
    seed: int, opened: Path, service: FaultyService, tmp_path: Path
) -> None:
    assert drills.play(seed, opened, tmp_path, service, most_faults=3) == []
