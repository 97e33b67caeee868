"""The decoder that goes from day to day on its own samples."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from model_shop import CUTOFF

from forecast_platform.contracts import QUANTILES
from forecast_platform.errors import ModelError
from forecast_platform.models import create
from forecast_platform.models.attributions import attributed
from forecast_platform.models.net_answers import path_levels
from forecast_platform.models.net_data import Inputs, Schema
from forecast_platform.models.net_draws import between_quantiles, negative_binomial
from forecast_platform.models.net_training import Plan
from forecast_platform.models.nets import HORIZON, Lstm
from forecast_platform.models.networks import Architecture, Cell, Head, Network
from forecast_platform.models.spread import quantiles_around
from forecast_platform.panel import Panel

PLAN = Plan(epochs=3, batch=64, fewest_batches=4, most_batches=4)


def unrolled(head: Head = "negative_binomial", cell: Cell = "lstm") -> Lstm:
    return Lstm(Architecture(cell, head, hidden=16, decoder="own_samples"), PLAN)


@pytest.fixture(scope="module")
def model(shop: Panel) -> Lstm:
    trained = unrolled()
    trained.fit(shop.until(CUTOFF), seed=1)
    return trained


@pytest.mark.parametrize(("cell", "head"), [
    ("lstm", "negative_binomial"), ("lstm", "quantiles"), ("lstm", "tweedie"),
    ("gru", "negative_binomial"), ("rnn", "quantiles"),
])  # fmt: skip
def test_it_learns_repeats_and_comes_back_from_disk(
    shop: Panel, tmp_path: Path, cell: Cell, head: Head
) -> None:
    losses: list[float] = []
    model, twin, again = unrolled(head, cell), unrolled(head, cell), Lstm()
    model.fit(shop.until(CUTOFF), seed=1, progress=lambda epoch, loss: losses.append(loss))
    twin.fit(shop.until(CUTOFF), seed=1)
    model.save(tmp_path)
    again.load(tmp_path)
    assert min(losses[1:]) < losses[0]
    expected = model.predict()
    for other in (twin, again):
        assert other.predict(shop, [CUTOFF]).quantiles.tobytes() == expected.quantiles.tobytes()
    assert (expected.quantiles[0, :6, :, -1] > expected.quantiles[0, :6, :, 4]).all()


def test_an_interrupted_training_goes_on_to_the_same_weights(shop: Panel, tmp_path: Path) -> None:
    known = shop.last(80)
    undisturbed, stopped = unrolled(), unrolled()
    undisturbed.fit(known, seed=3)
    stopped.checkpoints = tmp_path

    def stop(epoch: int, loss: float) -> None:
        if epoch == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        stopped.fit(known, seed=3, progress=stop)
    stopped.fit(known, seed=3)
    assert stopped.predict().quantiles.tobytes() == undisturbed.predict().quantiles.tobytes()


def test_paths_repeat_with_the_seed_and_have_the_forecast_as_their_mean(
    model: Lstm, shop: Panel
) -> None:
    paths = model.sample_paths(shop, CUTOFF, 100, seed=5)
    assert paths.shape == (shop.n_series, 100, HORIZON)
    assert paths.min() >= 0
    assert paths.tobytes() == model.sample_paths(shop, CUTOFF, 100, seed=5).tobytes()
    assert paths.tobytes() != model.sample_paths(shop, CUTOFF, 100, seed=6).tobytes()
    mean = model.predict(shop, [CUTOFF]).mean[0, :6].mean(axis=1)
    assert paths[:6].mean(axis=(1, 2)) == pytest.approx(mean, rel=0.03)


def test_paths_of_a_series_do_not_depend_on_the_others(model: Lstm, shop: Panel) -> None:
    some = np.array([1, 4, 5])
    alone = model.sample_paths(shop.select(some), CUTOFF, 20)
    assert alone == pytest.approx(model.sample_paths(shop, CUTOFF, 20)[some], rel=1e-3, abs=1e-3)


def test_a_direct_decoder_draws_its_paths_from_the_quantiles(shop: Panel) -> None:
    direct = Lstm(Architecture(hidden=16), PLAN)
    direct.fit(shop.until(CUTOFF), seed=1)
    paths = direct.sample_paths(shop, CUTOFF, 50, seed=2)
    assert paths.tobytes() == direct.predict(shop, [CUTOFF]).paths(0, 50, seed=2).tobytes()


def test_what_was_drawn_moves_the_days_after_it_alone(shop: Panel) -> None:
    torch.manual_seed(0)
    schema = Schema.of(shop)
    network = Network(schema, Architecture(hidden=16, decoder="own_samples")).eval()
    inputs = Inputs(shop, schema, HORIZON, torch.device("cpu"))
    window = inputs.window(np.arange(6), np.full(6, 150))
    _, state, constant = network.encoded(window)
    levels = torch.full((6, HORIZON), 0.5)
    changed = levels.clone()
    changed[:, 9] = 0.99
    with torch.no_grad():
        before, after = (
            network.unrolled(window, state, constant, at)[0] for at in (levels, changed)
        )
    moved = (before != after).any(dim=0)
    assert not moved[:10].any()
    assert moved[10]


def test_training_rests_on_its_own_draws_and_reaches_every_weight(shop: Panel) -> None:
    schema = Schema.of(shop)
    inputs = Inputs(shop, schema, HORIZON, torch.device("cpu"))
    series, column = np.arange(6), np.full(6, 120)
    window, target = inputs.window(series, column), inputs.targets(series, column)
    torch.manual_seed(0)
    network = Network(schema, Architecture(hidden=16, dropout=0, decoder="own_samples"))
    with torch.autocast("cpu", torch.bfloat16):
        loss = network.loss(inputs, window, target)
    loss.backward()
    assert all(weight.grad is not None and weight.grad.any() for weight in network.parameters())
    assert network.loss(inputs, window, target) != network.loss(inputs, window, target)


def test_days_learnt_in_one_pass_are_those_of_the_loop(shop: Panel) -> None:
    schema = Schema.of(shop)
    inputs = Inputs(shop, schema, HORIZON, torch.device("cpu"))
    window = inputs.window(np.arange(6), np.full(6, 120))
    torch.manual_seed(0)
    network = Network(schema, Architecture(hidden=16, dropout=0, decoder="own_samples"))
    torch.manual_seed(7)
    mean, others = network(window)
    torch.manual_seed(7)
    _, state, constant = network.encoded(window)
    looped = network.unrolled(window, state, constant, torch.rand(6, HORIZON))
    assert torch.allclose(mean, looped[0], rtol=1e-4)
    assert torch.allclose(others, looped[1], rtol=1e-4)


def test_attributions_add_up_to_the_forecast_along_its_own_means(model: Lstm, shop: Panel) -> None:
    assert model._schema is not None
    inputs = Inputs(shop, model._schema, HORIZON, torch.device("cpu"))
    series, column = np.arange(6), np.full(6, shop.column_of(CUTOFF))
    parts = attributed(model._networks, inputs, series, column, HORIZON)
    window = inputs.window(series, column)
    with torch.no_grad():
        mean = (model._networks[0](window)[0] * window.scale).mean(dim=1)
    assert sum(parts.values()) == pytest.approx(mean.numpy(), rel=1e-2)


def test_dense_layers_cannot_go_from_day_to_day() -> None:
    with pytest.raises(ModelError, match="take the decoder 'direct'"):
        create("dnn", options={"decoder": "own_samples"})


@pytest.mark.parametrize(("mean", "dispersion"), [
    (0.2, 0.5), (1, 0.01), (3, 2), (15, 0.1), (40, 0.5), (300, 0.05), (300, 0.001), (2000, 0.3),
])  # fmt: skip
def test_draws_are_those_of_a_negative_binomial(mean: float, dispersion: float) -> None:
    levels = np.array([0.02, 0.1, 0.3, 0.5, 0.7, 0.9, 0.98])
    expected = quantiles_around(np.array([mean]), mean + dispersion * mean**2, levels.tolist())[0]
    at = torch.tensor(levels, dtype=torch.float32)
    drawn = negative_binomial(torch.full((7,), mean), torch.full((7,), dispersion), at)
    assert drawn.numpy() == pytest.approx(expected, rel=0.03, abs=0.02 + 0.01 * mean)


def test_draws_between_quantiles_hit_them_at_their_levels() -> None:
    quantiles = torch.arange(1.0, 1 + len(QUANTILES)).expand(len(QUANTILES), 1, -1)
    draw = between_quantiles(torch.tensor(QUANTILES)[:, None])
    drawn = draw(torch.ones(len(QUANTILES), 1), quantiles, 0)
    assert drawn[:, 0].tolist() == pytest.approx(quantiles[0, 0].tolist(), rel=1e-3)


@pytest.mark.parametrize("n", [1, 2, 7, 64])
def test_levels_are_even_by_day_and_mirrored_by_pairs(n: int) -> None:
    levels = path_levels(n, HORIZON, seed=1)
    assert np.sort(levels, axis=0)[:, 3] == pytest.approx((np.arange(n) + 0.5) / n)
    even = n - n % 2
    assert levels[0:even:2] + levels[1:even:2] == pytest.approx(np.ones((even // 2, HORIZON)))
