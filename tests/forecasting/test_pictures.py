from __future__ import annotations

import datetime as dt

import numpy as np

from forecast_platform.contracts import QUANTILES
from forecast_platform.forecasting.fold_plot import fold_plot
from forecast_platform.forecasting.search import Choice, Range, Tried
from forecast_platform.forecasting.search_plot import search_plot
from forecast_platform.forecasting.truth import Truth
from forecast_platform.models import Forecast
from forecast_platform.panel import Panel

PNG = b"\x89PNG"


def shop(n: int) -> Panel:
    demand = np.random.default_rng(0).poisson(3, (n, 60)).astype(np.float32)
    demand[0, 50] = np.nan
    return Panel(
        items=np.array([f"i{k}" for k in range(n)], dtype=object),
        locations=np.full(n, "shop", dtype=object),
        first_day=dt.date(2024, 1, 1),
        demand=demand,
        available=np.ones(demand.shape, dtype=np.bool_),
    )


def test_the_last_fold_is_drawn_for_one_series_and_for_many() -> None:
    origin = dt.date(2024, 2, 8)
    for n in (1, 5):
        mean = np.full((1, n, 28), 3, dtype=np.float32)
        quantiles = np.repeat(mean[..., None], len(QUANTILES), axis=3)
        forecast = Forecast((origin,), mean, quantiles, np.full((1, n), None, dtype=object), 0.0)
        assert fold_plot(Truth.of(shop(n), origin, 21), forecast).startswith(PNG)


def test_a_search_is_drawn_whatever_came_of_its_trials() -> None:
    space = {"p": Choice([1, 2]), "rate": Range(0.1, 1.0, log=True)}
    tried = [
        Tried(0, {"p": 1, "rate": 0.3}, (0.5, 0.7), 1.0),
        Tried(1, {"p": 2, "rate": 0.5}, (0.9,), 1.0, stopped=True),
        Tried(2, {"p": 2, "rate": 0.9}, (), 1.0, failure="cannot be fitted"),
    ]
    for part in (tried, tried[1:], tried[2:]):
        assert search_plot(part, space, 0.6).startswith(PNG)
