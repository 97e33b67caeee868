"""Fixtures of the tests of object storage."""

from __future__ import annotations

import itertools
import multiprocessing
import sys
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import pytest
import store_server

from forecast_platform.storage import Storage

# The small tables of the lake's tests.
sys.path.append(str(Path(__file__).parents[1] / "lake"))
_NUMBERS = itertools.count()


@pytest.fixture(scope="session")
def server() -> Iterator[str]:
    """Address of an S3 server with a bucket."""
    with store_server.s3_server() as address:
        yield address


@pytest.fixture
def storage(server: str) -> Storage:
    """An empty place in the bucket."""
    url = f"s3://{store_server.BUCKET}/{next(_NUMBERS)}"
    return Storage(url, store_server.options(server))


@pytest.fixture(scope="session")
def processes() -> Iterator[ProcessPoolExecutor]:
    """Two processes that share nothing with this one but the storage."""
    with ProcessPoolExecutor(2, multiprocessing.get_context("spawn")) as pool:
        yield pool
