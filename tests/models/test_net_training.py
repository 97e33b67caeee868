"""How networks are trained."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from model_shop import CUTOFF

from forecast_platform.contracts import QUANTILES
from forecast_platform.models.net_data import Inputs, Schema
from forecast_platform.models.net_training import (
    PATIENCE,
    WARM_UP,
    Plan,
    _held_out_loss,
    _mean_weights,
    _schedule,
    has_bfloat16,
    train,
)
from forecast_platform.models.nets import HORIZON, Lstm
from forecast_platform.models.networks import (
    TWEEDIE_POWER,
    Architecture,
    Network,
    _pinball,
    _tweedie,
)
from forecast_platform.panel import Panel

PLAN = Plan(epochs=4, batch=64, fewest_batches=4, most_batches=4)
CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def inputs(shop: Panel) -> Inputs:
    known = shop.until(CUTOFF)
    return Inputs(known, Schema.of(known), HORIZON, CPU)


def trained(inputs: Inputs, plan: Plan, dropout: float = 0.0) -> tuple[Network, list[float]]:
    torch.manual_seed(4)
    network = Network(inputs.schema, Architecture(hidden=16, dropout=dropout))
    losses: list[float] = []
    train(network, inputs, np.random.default_rng(4), plan, lambda epoch, loss: losses.append(loss))
    return network, losses


def test_training_stops_once_the_days_held_out_get_no_better(inputs: Inputs) -> None:
    plan = Plan(epochs=30, batch=32, fewest_batches=1, most_batches=1, learning_rate=0)
    _, losses = trained(inputs, plan)
    assert len(losses) == 1 + PATIENCE


def test_the_weights_kept_are_no_worse_than_those_of_any_epoch(inputs: Inputs) -> None:
    plan = Plan(epochs=6, batch=64, fewest_batches=4, most_batches=4, learning_rate=0.05)
    network, losses = trained(inputs, plan)
    assert _held_out_loss(network, inputs, *inputs.held_out(HORIZON)) <= min(losses)


def test_weights_of_epochs_are_averaged() -> None:
    epochs = [{"a": torch.tensor([0.0, 3.0])}, {"a": torch.tensor([2.0, 5.0])}]
    assert _mean_weights(epochs)["a"].tolist() == [1, 4]


def test_seeds_are_averaged(shop: Panel) -> None:
    known = shop.until(CUTOFF)
    means = []
    for seeds, seed in ((1, 1), (1, 2), (2, 1)):
        model = Lstm(Architecture(hidden=8), PLAN, seeds)
        model.fit(known, seed=seed)
        means.append(model.predict().mean)
    assert not np.allclose(means[0], means[1])
    assert means[2] == pytest.approx((means[0] + means[1]) / 2, rel=1e-5)


def test_weight_decay_draws_weights_to_zero(inputs: Inputs) -> None:
    norms = []
    for decay in (0.0, 5.0):
        plan = Plan(4, 64, 4, 4, weight_decay=decay)
        network, _ = trained(inputs, plan)
        norms.append(float(network.inner.weight.detach().square().sum()))
    assert norms[1] < norms[0]


def test_dropout_acts_in_training_alone(inputs: Inputs) -> None:
    network = Network(inputs.schema, Architecture(hidden=16, dropout=0.5))
    window = inputs.window(np.arange(6), np.full(6, 120))
    network.train()
    assert not torch.equal(network(window)[0], network(window)[0])
    network.eval()
    assert torch.equal(network(window)[0], network(window)[0])


def test_the_rate_warms_up_and_comes_down_along_a_cosine() -> None:
    steps = 200
    optimiser = torch.optim.AdamW([torch.zeros(1, requires_grad=True)])
    schedule = _schedule(optimiser, Plan(learning_rate=0.01), steps)
    rates = []
    for _ in range(steps):
        rates.append(schedule.get_last_lr()[0])
        optimiser.step()
        schedule.step() if len(rates) < steps else None
    top = int(np.argmax(rates))
    assert top == pytest.approx(WARM_UP * steps, abs=2)
    assert rates[top] == pytest.approx(0.01)
    assert (np.diff(rates[:top]) > 0).all()
    assert (np.diff(rates[top:]) < 0).all()
    assert rates[(top + steps) // 2] == pytest.approx(0.005, rel=0.05)  # half-way down a cosine


def test_reduced_precision_learns_nearly_the_same(inputs: Inputs) -> None:
    full, reduced = (
        trained(inputs, Plan(4, 64, 4, 4, bfloat16=reduced))[1][-1] for reduced in (False, True)
    )
    assert reduced != full
    assert reduced == pytest.approx(full, rel=0.05)


def test_precision_is_reduced_only_where_the_processor_can(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for able in ({"avx512_bf16": True}, {"amx_bf16": True}, {"avx2": True}):
        monkeypatch.setattr(torch.cpu, "get_capabilities", lambda able=able: able)
        assert has_bfloat16(CPU) == ("avx2" not in able)


def test_the_tweedie_loss_is_least_at_the_mean() -> None:
    actual = torch.tensor([0.0, 0.0, 1.0, 7.0])
    means = torch.linspace(0.5, 5, 451)
    losses = torch.stack([_tweedie(actual, mean.expand(4)).mean() for mean in means])
    assert means[losses.argmin()].item() == pytest.approx(2, abs=0.011)
    # Derivative of half the deviance: (mean - actual) / mean^p.
    mean = torch.tensor(3.0, requires_grad=True)
    _tweedie(torch.tensor(1.0), mean).backward()
    assert mean.grad is not None
    assert mean.grad.item() == pytest.approx(2 / 3**TWEEDIE_POWER, rel=1e-5)


def test_the_pinball_loss_is_least_at_the_quantiles() -> None:
    actual = torch.arange(0.0, 1001)
    guesses = torch.arange(0.0, 1001)
    losses = torch.stack([_pinball_by_level(actual, guess).mean(dim=0) for guess in guesses])
    best = guesses[losses.argmin(dim=0)]
    assert best.tolist() == pytest.approx([1000 * level for level in QUANTILES], abs=1.5)


def _pinball_by_level(actual: torch.Tensor, guess: torch.Tensor) -> torch.Tensor:
    """(N, Q): the loss of one level is what moving that quantile alone changes."""
    exact = actual[:, None].expand(-1, len(QUANTILES))
    parts = []
    for at in range(len(QUANTILES)):
        moved = exact.clone()
        moved[:, at] = guess
        parts.append(_pinball(actual, moved))
    return torch.stack(parts, dim=1)
