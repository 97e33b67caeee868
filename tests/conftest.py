"""Fixtures shared by all tests."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

# How fast examples are drawn depends on what else the machine does, not on the product.
settings.register_profile(
    "tests", deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=True
)
settings.load_profile("tests")

# Tests never look at the home that the demo has made beside the code.
os.environ["FORECAST_PLATFORM_HOME"] = tempfile.mkdtemp(prefix="forecast-platform-tests-")

REAL_DATA = Path(__file__).resolve().parents[1].parent / "shared" / "data"


@pytest.fixture(scope="session")
def real_data() -> Path:
    """Folder of the public retail data sets, or a skip where they were not downloaded."""
    folder = Path(os.environ.get("FORECAST_PLATFORM_REAL_DATA", REAL_DATA))
    if not folder.is_dir():
        pytest.skip(f"no public data sets under {folder}: set FORECAST_PLATFORM_REAL_DATA")
    return folder
