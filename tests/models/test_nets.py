from __future__ import annotations

import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
import torch
from model_shop import CUTOFF, FIRST_DAY

from forecast_platform.errors import ModelError
from forecast_platform.models import Forecaster, create
from forecast_platform.models.lstm_data import calendar, covariate
from forecast_platform.panel import Panel


def test_the_number_of_threads_does_not_change_a_byte(
    shop: Panel, trained: dict[str, Forecaster]
) -> None:
    before = torch.get_num_threads()
    answers = []
    for threads in (1, 2, 4):
        torch.set_num_threads(threads)
        answers.append(trained["lstm"].predict(shop, [CUTOFF]).quantiles.tobytes())
        assert torch.get_num_threads() == threads
    torch.set_num_threads(before)
    assert len(set(answers)) == 1


def test_a_missing_covariate_is_named(shop: Panel, trained: dict[str, Forecaster]) -> None:
    with pytest.raises(ModelError, match=r"covariates \['price'\], which the panel lacks"):
        trained["lstm"].predict(replace(shop, past={}), [CUTOFF])


def test_a_longer_horizon_than_it_was_built_for_is_refused(
    shop: Panel, trained: dict[str, Forecaster]
) -> None:
    with pytest.raises(ModelError, match="28 days ahead and was asked for 29"):
        trained["lstm"].predict(shop, [CUTOFF], horizon=29)


def test_on_a_history_too_short_to_learn_from_the_seasonal_naive_answers(shop: Panel) -> None:
    early = shop.last(69)
    lstm, naive = create("lstm"), create("seasonal_naive")
    lstm.fit(early, seed=1)
    naive.fit(early, seed=1)
    assert lstm.predict().mean.tobytes() == naive.predict().mean.tobytes()
    assert lstm.predict().fallback_reason[0, 0] == "69 days of history, at least 70 are needed"


def test_training_comes_down_and_leaves_the_callers_random_numbers_alone(shop: Panel) -> None:
    told: list[tuple[int, float]] = []
    torch.manual_seed(9)
    expected = torch.rand(3)
    torch.manual_seed(9)
    create("lstm").fit(shop.last(80), seed=2, progress=lambda *step: told.append(step))
    assert torch.equal(torch.rand(3), expected)
    epochs, losses = zip(*told, strict=True)
    assert epochs == tuple(range(1, len(told) + 1))
    assert min(losses) < losses[0]


def test_a_price_counts_relative_to_its_window_and_a_flag_as_it_is() -> None:
    price = torch.tensor([[2.0, 2.0, torch.nan, 2.0]])
    ahead = torch.tensor([[1.0, torch.nan]])
    past, coming = covariate(price, relative=True, ahead=ahead)
    assert past.tolist() == [[0, 0, 0, 0]]
    assert coming.tolist() == [[-0.5, 0]]
    assert covariate(ahead, relative=False)[0].tolist() == [[1, 0]]


def test_the_calendar_knows_the_weekday() -> None:
    assert FIRST_DAY.weekday() == 0
    assert calendar(FIRST_DAY, 14)[:, :7].argmax(axis=1).tolist() == [*range(7), *range(7)]


def test_the_network_needs_torch_and_numpy_alone() -> None:
    code = (
        "import sys, forecast_platform.models.lstm;"
        "print([m for m in ('polars', 'pandas', 'statsmodels') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.nightly
def test_it_beats_the_seasonal_naive_on_a_shop_with_weekly_rhythm_and_noise() -> None:
    rng = np.random.default_rng(0)
    week = np.array([0.6, 0.8, 0.9, 1.0, 1.3, 1.6, 0.8])
    level = rng.gamma(2, 3, 60)[:, None]
    demand = rng.poisson(level * np.resize(week, 300)).astype(np.float32)
    names = np.array([f"item{i:02}" for i in range(60)], dtype=object)
    panel = Panel(names, names, FIRST_DAY, demand, np.ones(demand.shape, dtype=bool))
    known, ahead = panel.until(panel.days[271].astype(object)), demand[:, 272:]
    errors = {}
    for family in ("lstm", "seasonal_naive"):
        model = create(family)
        model.fit(known, seed=1)
        errors[family] = np.square(model.predict().mean[0] - ahead).mean()
    assert errors["lstm"] < 0.7 * errors["seasonal_naive"]
