"""Fixtures of the replenishment tests."""

from __future__ import annotations

import pytest
from plan_shop import Shop, build_shop


@pytest.fixture(scope="session")
def shop() -> Shop:
    """Four items at two locations, no stock counts."""
    return build_shop()
