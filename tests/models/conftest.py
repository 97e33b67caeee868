"""Fixtures of the tests of models."""

from __future__ import annotations

import pytest
from model_shop import CUTOFF, EFFORT, make_shop

from forecast_platform.models import FAMILIES, Forecaster, create
from forecast_platform.panel import Panel


@pytest.fixture(scope="session")
def shop() -> Panel:
    """210 days, of which models are trained on the first 168."""
    return make_shop()


@pytest.fixture(scope="session")
def trained(shop: Panel) -> dict[str, Forecaster]:
    """Every family, trained up to the cutoff."""
    models = {family: create(family, effort=EFFORT) for family in FAMILIES}
    for model in models.values():
        model.fit(shop.until(CUTOFF), seed=1)
    return models


@pytest.fixture(params=FAMILIES)
def model(request: pytest.FixtureRequest, trained: dict[str, Forecaster]) -> Forecaster:
    """Each family in turn."""
    return trained[request.param]
