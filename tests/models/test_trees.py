from __future__ import annotations

import datetime as dt
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from model_shop import BAD, CUTOFF, FIRST_DAY, make_shop, with_changed_future

from forecast_platform.errors import ModelError
from forecast_platform.models.base import Forecaster
from forecast_platform.models.forest import UNKNOWN, DecisionTree, RandomForest, nodes_of, walked
from forecast_platform.models.ridge import Ridge
from forecast_platform.models.tree_features import Inputs, Schema
from forecast_platform.models.trees import LightGbm
from forecast_platform.panel import Panel

KNOWN = make_shop().until(CUTOFF)


@pytest.fixture(scope="module")
def boosted() -> LightGbm:
    model = LightGbm(trees=60)
    model.fit(KNOWN, seed=1)
    return model


def fitted(model: Forecaster, panel: Panel = KNOWN) -> Forecaster:
    model.fit(panel, seed=1)
    return model


@pytest.mark.parametrize("make", [Ridge, DecisionTree, RandomForest, LightGbm])
def test_the_order_of_series_does_not_matter_for_a_forecast(make: type[Forecaster]) -> None:
    model = fitted(make())
    order = np.random.default_rng(0).permutation(KNOWN.n_series)
    shuffled = model.predict(KNOWN.select(order))
    assert shuffled.mean.tobytes() == model.predict(KNOWN).mean[:, order].tobytes()


@pytest.mark.parametrize("strategy", ["direct", "recursive"])
def test_both_is_the_mean_of_the_direct_and_the_recursive_forecast(
    boosted: LightGbm, strategy: str
) -> None:
    alone = fitted(LightGbm(strategy=strategy, trees=60)).predict(KNOWN).mean
    other = {"direct": "recursive", "recursive": "direct"}[strategy]
    rest = fitted(LightGbm(strategy=other, trees=60)).predict(KNOWN).mean
    assert boosted.predict(KNOWN).mean == pytest.approx((alone + rest) / 2, rel=1e-5)
    assert not np.allclose(alone, rest)


def test_a_pool_learns_from_its_own_series_alone(tmp_path: Path) -> None:
    assert KNOWN.static["category"][5] == "b"
    changed = replace(KNOWN, demand=KNOWN.demand.copy())
    changed.demand[5] *= 3
    models = [LightGbm(pool_by="category", trees=10) for _ in range(2)]
    one, other = (
        fitted(model, panel) for model, panel in zip(models, (KNOWN, changed), strict=True)
    )
    texts = [
        {pool: kinds["direct"].booster.model_to_string() for pool, kinds in model._boosters.items()}
        for model in (one, other)
    ]
    assert set(texts[0]) == {"*", "a", "b"}
    assert texts[0]["a"] == texts[1]["a"]
    assert texts[0]["b"] != texts[1]["b"]
    one.save(tmp_path)
    again = LightGbm()
    again.load(tmp_path)
    assert again.predict(KNOWN).mean.tobytes() == one.predict(KNOWN).mean.tobytes()


def test_a_value_that_no_pool_knows_is_answered_by_the_model_for_all() -> None:
    model = fitted(LightGbm(pool_by="category", trees=10))
    stranger = replace(KNOWN, static={"category": np.full(KNOWN.n_series, "new", dtype=object)})
    expected = fitted(LightGbm(trees=10)).predict(stranger).mean
    assert model.predict(stranger).mean.tobytes() == expected.tobytes()


def test_what_lightgbm_cannot_do_is_refused_with_a_sentence() -> None:
    with pytest.raises(ModelError, match="choose from direct, recursive, both"):
        LightGbm(strategy="averaged")
    with pytest.raises(ModelError, match="cannot pool by 'colour', which the panel lacks"):
        fitted(LightGbm(pool_by="colour"))


def test_a_missing_covariate_is_named(boosted: LightGbm) -> None:
    with pytest.raises(ModelError, match=r"covariates \['price'\], which the panel lacks"):
        boosted.predict(replace(KNOWN, past={}))


def test_on_a_history_too_short_to_learn_from_the_seasonal_naive_answers() -> None:
    model = fitted(Ridge(), KNOWN.last(69))
    assert model.predict().fallback_reason[0, 0] == "69 days of history, at least 70 are needed"


def test_bad_series_do_not_move_good_ones_off_their_level(boosted: LightGbm) -> None:
    good = boosted.predict(KNOWN).mean[0, : -len(BAD)].mean(axis=1)
    assert good == pytest.approx([0.4, 1, 2, 5, 9, 20], rel=0.3)


def test_the_kernel_says_what_scikit_learn_says() -> None:
    from sklearn.ensemble import RandomForestRegressor

    rng = np.random.default_rng(0)
    values = rng.normal(size=(400, 5)).astype(np.float32)
    values[rng.random(values.shape) < 0.1] = UNKNOWN
    forest = RandomForestRegressor(7, random_state=0).fit(values, values[:, 0] * values[:, 1])
    nodes = nodes_of([tree.tree_ for tree in forest.estimators_])
    assert walked(values, **nodes) == pytest.approx(forest.predict(values), rel=1e-12)


def inputs_of(panel: Panel) -> Inputs:
    return Inputs(panel, Schema.of(KNOWN))


def test_a_row_holds_the_newest_same_weekday_up_to_the_origin() -> None:
    """With demand that counts the days, a value says which day it comes from."""
    count = np.arange(1, 201, dtype=np.float32)[None]
    names = np.array(["a"], dtype=object)
    panel = Panel(names, names, FIRST_DAY, count, np.ones(count.shape, dtype=bool))
    inputs = Inputs(panel, Schema.of(panel))
    ahead = np.arange(1, 29)
    rows = inputs.rows(np.zeros(28, dtype=int), np.full(28, 150), ahead)
    found = rows.values[:, inputs.names.index("demand_lag_0_of_weekday")] * rows.level
    assert found.round(3).tolist() == [145, 146, 147, 148, 149, 150, 151] * 4


def test_training_rows_never_rest_on_days_after_their_origin() -> None:
    origin = FIRST_DAY + dt.timedelta(days=120)
    changed = with_changed_future(KNOWN, origin)
    everyone = np.arange(KNOWN.n_series)
    at = np.full(len(everyone), 120), np.full(len(everyone), 9)
    before, after = (inputs_of(panel).rows(everyone, *at) for panel in (KNOWN, changed))
    assert before.values.tobytes() == after.values.tobytes()
    assert before.level.tobytes() == after.level.tobytes()


def test_samples_are_bounded_and_their_demand_is_that_of_the_panel() -> None:
    drawn = list(inputs_of(KNOWN).sample(np.random.default_rng(0), 500, 730, 28))
    demand = np.concatenate([part for _, part in drawn])
    assert 250 < len(demand) < 550
    assert np.isfinite(demand).all()
    assert demand.max() < 1e6
    assert sum(len(rows.values) for rows, _ in drawn) == len(demand)
