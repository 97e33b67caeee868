"""A real MLflow store on SQLite; making one takes longer than all that is done in it."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest

from forecast_platform.tracking import Training

CUTOFF = dt.date(2024, 3, 3)


@pytest.fixture(scope="session")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("mlflow")


@pytest.fixture
def training(tmp_path: Path) -> Training:
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "weights.npz").write_bytes(b"weights")
    return Training(
        "lstm", CUTOFF, tmp_path / "model", {"hidden": 64}, {"pinball": 0.5, "rmsse": 0.8}, "digest"
    )
