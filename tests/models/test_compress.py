"""Networks pruned and held in 8 bits."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from model_shop import CUTOFF

from forecast_platform.errors import ModelError
from forecast_platform.models.compress import (
    LARGEST_INTEGER,
    _parts,
    narrowed,
    packed,
    unpacked,
)
from forecast_platform.models.net_data import Inputs, Schema
from forecast_platform.models.net_training import Plan
from forecast_platform.models.nets import HORIZON, Lstm
from forecast_platform.models.networks import Architecture, Network
from forecast_platform.panel import Panel

SMALL = Plan(epochs=3, batch=64, fewest_batches=4, most_batches=4)
ARCHITECTURES = [
    Architecture("lstm", hidden=12, layers=2),
    Architecture("gru", hidden=12),
    Architecture("rnn", hidden=12, head="quantiles"),
    Architecture("dnn", hidden=12, head="tweedie"),
    Architecture("lstm", hidden=12, decoder="own_samples"),
]


@pytest.fixture(scope="module")
def model(shop: Panel) -> Lstm:
    trained = Lstm(Architecture(hidden=32), SMALL)
    trained.fit(shop.until(CUTOFF), seed=1)
    return trained


@pytest.mark.parametrize("architecture", ARCHITECTURES, ids=lambda one: f"{one.cell}-{one.decoder}")
def test_units_that_do_nothing_are_pruned_first_and_nobody_misses_them(
    shop: Panel, architecture: Architecture
) -> None:
    schema = Schema.of(shop)
    torch.manual_seed(0)
    wide = Network(schema, architecture).eval()
    silence_every_second_unit(wide)
    narrow = narrowed(wide, schema, 0.5).eval()
    assert narrow.architecture.hidden == 6
    inputs = Inputs(shop, schema, HORIZON, torch.device("cpu"))
    window = inputs.window(np.arange(6), np.full(6, 120))
    with torch.no_grad():
        for one, other in zip(wide(window), narrow(window), strict=True):
            assert torch.allclose(one, other, rtol=1e-4, atol=1e-6)


def silence_every_second_unit(network: Network) -> None:
    state = network.state_dict()
    for part in _parts(network):
        value = state[part.name]
        if part.rows is not None:
            value.view(part.gates, -1, *value.shape[1:])[:, ::2] = 0
        if part.columns is not None:
            units = network.architecture.hidden * (2 if part.columns == "first" else 1)
            value[:, :units:2] = 0


def test_keeping_all_units_changes_nothing(shop: Panel) -> None:
    schema = Schema.of(shop)
    network = Network(schema, Architecture(hidden=12))
    for name, value in narrowed(network, schema, 1).state_dict().items():
        assert torch.equal(value, network.state_dict()[name])


def test_a_weight_is_off_by_half_a_step_at_most_and_a_bias_not_at_all() -> None:
    torch.manual_seed(0)
    state = {"a": torch.randn(5, 30), "zero": torch.zeros(2, 3), "bias": torch.randn(4)}
    held = packed(state)
    assert held["a"].dtype == torch.int8
    back = unpacked(held)
    step = state["a"].abs().amax(dim=1, keepdim=True) / LARGEST_INTEGER
    assert ((back["a"] - state["a"]).abs() <= 0.501 * step).all()
    assert not back["zero"].any()
    assert torch.equal(back["bias"], state["bias"])


@pytest.mark.parametrize("keep", [1.0, 0.5])
def test_a_compressed_model_is_smaller_and_comes_back_from_disk(
    model: Lstm, shop: Panel, tmp_path: Path, keep: float
) -> None:
    small = model.compressed(keep, shop.until(CUTOFF), seed=1)
    model.save(tmp_path / "plain")
    small.save(tmp_path / "small")
    sizes = [(tmp_path / name / "weights0.pt").stat().st_size for name in ("small", "plain")]
    assert sizes[0] < 0.6 * sizes[1]
    assert small.architecture.hidden == 32 * keep
    expected = small.predict(shop, [CUTOFF])
    loaded = Lstm()
    loaded.load(tmp_path / "small")
    assert loaded.predict(shop, [CUTOFF]).quantiles.tobytes() == expected.quantiles.tobytes()
    loaded.save(tmp_path / "again")
    twice = Lstm()
    twice.load(tmp_path / "again")
    assert twice.predict(shop, [CUTOFF]).quantiles.tobytes() == expected.quantiles.tobytes()


def test_eight_bits_hardly_move_a_forecast_and_leave_the_model_as_it_was(
    model: Lstm, shop: Panel
) -> None:
    before = model.predict(shop, [CUTOFF])
    small = model.compressed(1.0).predict(shop, [CUTOFF])
    assert small.mean.tobytes() != before.mean.tobytes()
    assert small.mean[0, :6] == pytest.approx(before.mean[0, :6], rel=0.03, abs=0.01)
    assert model.predict(shop, [CUTOFF]).mean.tobytes() == before.mean.tobytes()


def test_training_on_brings_a_pruned_network_nearer_to_the_demand(model: Lstm, shop: Panel) -> None:
    known = shop.until(CUTOFF)
    actual = shop.demand[:6, shop.column_of(CUTOFF) + 1 :][:, :HORIZON]
    errors = [
        np.nanmean(np.abs(small.predict(known).mean[0, :6] - actual))
        for small in (model.compressed(0.25), model.compressed(0.25, known))
    ]
    assert errors[1] < errors[0]


def test_a_share_out_of_range_is_refused(model: Lstm) -> None:
    with pytest.raises(ModelError, match=r"give one in \(0, 1\]"):
        model.compressed(0)
