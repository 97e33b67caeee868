from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from model_shop import CUTOFF, FIRST_DAY
from scipy import stats

from forecast_platform.errors import ModelError
from forecast_platform.models import Forecaster, create
from forecast_platform.models.net_data import calendar, covariate
from forecast_platform.models.net_training import Plan
from forecast_platform.models.nets import Lstm
from forecast_platform.models.networks import Architecture, Cell, Head, _likelihood
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


@pytest.mark.parametrize("seeds", [0, -1])
def test_a_net_of_no_network_is_refused(seeds: int) -> None:
    with pytest.raises(ModelError, match="seeds of lstm must be 1 or more"):
        create("lstm", options={"seeds": seeds})


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
    create("lstm", effort=0.2).fit(shop, seed=2, progress=lambda *step: told.append(step))
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
        "import sys, forecast_platform.models.nets;"
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


def test_an_interrupted_training_goes_on_to_the_same_weights(shop: Panel, tmp_path: Path) -> None:
    plan = Plan(epochs=4, fewest_batches=2, most_batches=2)
    known = shop.last(80)
    undisturbed = Lstm(Architecture(dropout=0.2), plan)
    undisturbed.fit(known, seed=3)
    stopped = Lstm(Architecture(dropout=0.2), plan)
    stopped.checkpoints = tmp_path

    def stop(epoch: int, loss: float) -> None:
        if epoch == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        stopped.fit(known, seed=3, progress=stop)
    epochs: list[int] = []
    stopped.fit(known, seed=3, progress=lambda epoch, loss: epochs.append(epoch))
    assert epochs == [3, 4]
    assert stopped.predict().quantiles.tobytes() == undisturbed.predict().quantiles.tobytes()


@pytest.mark.parametrize("head", ["quantiles", "negative_binomial", "tweedie"])
@pytest.mark.parametrize("cell", ["lstm", "gru", "rnn", "dnn"])
def test_every_head_on_every_cell_learns_and_comes_back_from_disk(
    shop: Panel, tmp_path: Path, cell: Cell, head: Head
) -> None:
    plan = Plan(epochs=4, batch=64, fewest_batches=6, most_batches=6)
    losses: list[float] = []
    model = Lstm(Architecture(cell=cell, head=head, hidden=16), plan, seeds=2)
    model.fit(shop.until(CUTOFF), seed=1, progress=lambda epoch, loss: losses.append(loss))
    assert min(losses[1:4]) < losses[0]
    forecast = model.predict()
    assert (forecast.quantiles[..., -1] > forecast.quantiles[..., 4]).any()
    model.save(tmp_path)
    again = Lstm()
    again.load(tmp_path)
    again.update(shop.until(CUTOFF))
    assert again.predict().quantiles.tobytes() == forecast.quantiles.tobytes()


def test_the_likelihood_is_that_of_a_negative_binomial() -> None:
    actual, mean, dispersion = torch.tensor([0.0, 3.0]), torch.tensor([2.0, 2.0]), torch.tensor(0.5)
    shape = 1 / 0.5
    expected = stats.nbinom.logpmf([0, 3], shape, shape / (shape + 2))
    assert _likelihood(actual, mean, dispersion).tolist() == pytest.approx(-expected, rel=1e-5)
