from __future__ import annotations

import datetime as dt
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from forecast_platform.forecasts_as_of import cover_forecast
from forecast_platform.home import Home
from forecast_platform.replay_case import read_case
from forecast_platform.settings import Settings
from tests import command_line as shop
from tests.command_line import copy, refusal, works

TERMS = ("--lead-time", 3, "--review", 7)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return copy(
        shop.demo(tmp_path_factory.getbasetemp())[0], tmp_path_factory.mktemp("replay") / "h"
    )


def test_simulate_prints_every_policy_and_draws_pictures(home: Path) -> None:
    told = works(home, "simulate", "--days", 40, *TERMS, "--ratio", 0.9, COLUMNS="80")
    assert "…" not in told, "a figure is cut off in a narrow terminal"
    first = shop.LAST_DAY - dt.timedelta(39)
    assert f"Replay of {first} to {shop.LAST_DAY}" in told
    for policy in ("plan on seasonal_naive", "EOQ, fixed", "(s,S), last year", "foresight (bound)"):
        assert policy in told
    assert "At 0.9 " in told
    for name in ("service", "costs", "stock"):
        path = home / f"simulation_{name}.png"
        assert f"Picture: {path}" in told
        assert path.read_bytes().startswith(b"\x89PNG")


def test_simulate_refuses_what_it_cannot_replay(home: Path) -> None:
    assert "by --days" in refusal(home, "simulate", *TERMS)
    assert "no model family 'oracle'" in refusal(home, "simulate", "--model", "oracle")
    assert "between 0 and 1" in refusal(home, "simulate", "--days", 40, *TERMS, "--ratio", 2)


def test_forecasts_of_a_review_day_do_not_see_later_days(home: Path) -> None:
    opened = Home(Settings(home=home, models=("theta",), sample_paths=20, workers=1))
    case, panel, _ = read_case(opened, 40, lead_time=3, review=7)
    first_day = panel.n_days - case.demand.shape[1]
    before = cover_forecast(opened, panel, case, "theta", 14)
    for row in (1, len(case.review_days) // 2):
        demand = panel.demand.copy()
        demand[:, first_day + case.review_days[row] :] = 900.0
        after = cover_forecast(opened, replace(panel, demand=demand), case, "theta", 14)
        assert np.array_equal(before.quantiles[: row + 1], after.quantiles[: row + 1])
        assert not np.array_equal(before.quantiles[row + 1 :], after.quantiles[row + 1 :])


def test_terms_come_from_suppliers_unless_given(home: Path) -> None:
    opened = Home(Settings(home=home))
    case, _, notes = read_case(opened, 20, review=7)
    suppliers = shop.read(home, "validated_suppliers")
    assert set(case.lead_time) <= set(np.ceil(suppliers["lead_time_days"].to_numpy()))
    assert set(case.review) == {7}
    given, _, _ = read_case(opened, 20, lead_time=2, review=7, order_cost=0.5)
    assert set(given.lead_time) == {2}
    assert set(given.order_cost) == {0.5}
    assert any("unknown demand" in note for note in notes)
