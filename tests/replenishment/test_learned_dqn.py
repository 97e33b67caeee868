"""Deep Q-learning on Zipkin's Poisson cases, its policies evaluated exactly."""

import numpy as np
import polars as pl
import pytest
import torch

from forecast_platform.errors import ModelError
from forecast_platform.replenishment.classic.demand import poisson_pmf
from forecast_platform.replenishment.exact.best import best_base_stock
from forecast_platform.replenishment.exact.lost_sales import LostSales
from forecast_platform.replenishment.exact.states import largest_orders
from forecast_platform.replenishment.learned.dqn import DqnSettings, learn
from forecast_platform.replenishment.learned.network import NetworkPolicy

SYSTEM = LostSales(poisson_pmf(5.0), 2, 1.0, 4.0)
SMALL = DqnSettings(updates=500, hidden=(32, 32), batch=256, systems=128, judgements=3)


@pytest.fixture(scope="module")
def learned():
    return learn(SYSTEM, 0, SMALL, optimum=SYSTEM.optimal().cost)


def test_it_beats_the_best_base_stock_policy_after_seconds(learned):
    cost = SYSTEM.evaluate(learned.policy)
    assert SYSTEM.optimal().cost - 1e-5 < cost < best_base_stock(SYSTEM)[1]
    assert learned.curve["cost"].min() == pytest.approx(cost, abs=1e-9)
    assert learned.curve["periods"][-1] == SMALL.updates * SMALL.systems


def test_orders_keep_within_the_mask(learned):
    states = np.random.default_rng(0).integers(0, 12, (2000, 2))
    orders = learned.policy(states)
    assert (orders >= 0).all()
    assert (orders <= largest_orders(states, SYSTEM.limits)).all()
    assert orders.max() <= learned.policy(np.zeros((1, 2), dtype=np.int64))[0]


def test_a_seed_gives_the_same_policy_and_leaves_torch_as_it_was():
    short = DqnSettings(updates=20, judgements=1)
    threads, state = torch.get_num_threads(), torch.get_rng_state()
    first, again = learn(SYSTEM, 7, short), learn(SYSTEM, 7, short)
    for one, other in zip(
        first.policy.network.parameters(), again.policy.network.parameters(), strict=True
    ):
        assert torch.equal(one, other)
    assert first.curve.equals(again.curve)
    assert torch.get_num_threads() == threads
    assert torch.equal(torch.get_rng_state(), state)


def test_a_saved_policy_orders_the_same(learned, tmp_path):
    learned.policy.save(tmp_path / "policy")
    states = np.random.default_rng(1).integers(0, 9, (500, 2))
    loaded = NetworkPolicy.load(tmp_path / "policy")
    np.testing.assert_array_equal(loaded(states), learned.policy(states))


def test_a_missing_or_broken_policy_is_named(learned, tmp_path):
    with pytest.raises(ModelError, match="learn it again"):
        NetworkPolicy.load(tmp_path)
    learned.policy.save(tmp_path)
    (tmp_path / "weights.npz").write_bytes(b"nothing of the kind")
    with pytest.raises(ModelError, match="learn it again"):
        NetworkPolicy.load(tmp_path)


def test_the_curve_is_a_frame_to_log(learned):
    assert learned.curve.schema == {
        "periods": pl.Int64, "cost": pl.Float64, "gap": pl.Float64,
    }  # fmt: skip
    assert learned.curve["gap"].min() > -1e-5


@pytest.mark.nightly
@pytest.mark.parametrize(("lead_time", "penalty"), [(2, 9.0), (4, 19.0)])
def test_it_comes_within_five_thousandths_of_the_optimum(lead_time, penalty):
    system = LostSales(poisson_pmf(5.0), lead_time, 1.0, penalty)
    assert system.evaluate(learn(system, 0).policy) < 1.005 * system.optimal().cost
