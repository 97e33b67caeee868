"""Fixtures of the laws: processes with Dagster loaded once, and a small home to copy."""

from __future__ import annotations

import multiprocessing
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import law_home
import law_runs
import law_shop
import pytest
from law_runs import Do, Submit


@pytest.fixture(scope="session")
def submit() -> Iterator[Submit]:
    """Start a function in one of two processes that have settings and imports of their own."""
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(2, context, initializer=law_runs.start) as pool:
        yield pool.submit


@pytest.fixture(scope="session")
def do(submit: Submit) -> Do:
    """Do something in one of those processes, and return what it returns."""
    return lambda function, *args, **more: submit(function, *args, **more).result()


@pytest.fixture(scope="session")
def template(do: Do, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home in which the whole shop was landed and followed."""
    folder = tmp_path_factory.mktemp("template") / "home"
    do(law_runs.build, folder, law_shop.opening())
    return folder


@pytest.fixture
def home(do: Do, template: Path, tmp_path: Path) -> Path:
    """A copy of the template."""
    folder: Path = do(law_home.copy, template, tmp_path / "home")
    return folder
