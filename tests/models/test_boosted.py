"""Tables of bits say what LightGBM says itself, to the last bit."""

from __future__ import annotations

from collections.abc import Callable

import lightgbm
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from forecast_platform.models.boosted import MOST_CODES, MOST_LEAVES, Boosted, tables_of

ROWS, CODES = 400, 40
EAGER = {"verbosity": -1, "min_data_in_leaf": 2, "min_data_per_group": 1, "cat_smooth": 1}


def drawn(draw: np.random.Generator, rows: int, codes: int, missing: float) -> NDArray[np.float32]:
    """Rows of four numbers and a code, some of them unknown."""
    numbers = draw.normal(0, 2, (rows, 4)).round(1)
    code = draw.integers(0, codes, (rows, 1))
    values = np.hstack([numbers, code]).astype(np.float32)
    values[draw.random(values.shape) < missing] = np.nan
    return values


def trained(seed: int, leaves: int, missing: float = 0.1) -> lightgbm.Booster:
    draw = np.random.default_rng(seed)
    values = drawn(draw, ROWS, CODES, missing)
    known = np.nan_to_num(values)
    units = draw.poisson(np.exp(known[:, 0] / 3) + known[:, 4] % 3 + (known[:, 1] > 0))
    data = lightgbm.Dataset(values, units, categorical_feature=[4])
    return lightgbm.train({**EAGER, "objective": "tweedie", "num_leaves": leaves}, data, 20)


def with_large_codes() -> lightgbm.Booster:
    """A model that tells two codes apart, of which one is beyond what tables hold."""
    draw = np.random.default_rng(3)
    values = drawn(draw, ROWS, 2, 0)
    values[:, 4] *= 2 * MOST_CODES
    units = values[:, 4] + draw.normal(0, 1, ROWS)
    data = lightgbm.Dataset(values, units, categorical_feature=[4])
    return lightgbm.train({**EAGER, "max_cat_to_onehot": 1}, data, 5)


def said(booster: lightgbm.Booster, values: NDArray[np.float32]) -> NDArray[np.float64]:
    return np.asarray(booster.predict(values, raw_score=True, num_threads=1))


@settings(max_examples=25, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    leaves=st.integers(2, MOST_LEAVES),
    missing=st.sampled_from([0, 0.1, 0.6]),
    rows=st.sampled_from([1, 127, 128, 300]),
)
def test_tables_say_what_lightgbm_says(seed: int, leaves: int, missing: float, rows: int) -> None:
    booster = trained(seed, leaves, missing)
    tables = tables_of(booster)
    assert tables is not None
    draw = np.random.default_rng(seed + 1)
    values = drawn(draw, rows, CODES + 30, 0.2)
    # On a threshold, one step beside it, beyond all of them, and codes that are none.
    for row in range(min(rows, 60)):
        bound = draw.choice(tables.of.bounds)
        values[row, row % 4] = (bound, np.nextafter(bound, 9), np.inf, -np.inf, -0.0)[row % 5]
        values[row, 4] = (-1, -0.5, 1e6, 3.7, np.nan)[row % 5]
    assert np.array_equal(Boosted(booster).raw(values, 1 + seed % 3), said(booster, values))


def test_a_model_that_learned_nothing_is_a_constant() -> None:
    values = np.zeros((ROWS, 5), dtype=np.float32)
    booster = lightgbm.train({"verbosity": -1}, lightgbm.Dataset(values, values[:, 0] + 2), 3)
    assert np.array_equal(Boosted(booster).raw(values), said(booster, values))


@pytest.mark.parametrize("make", [lambda: trained(1, MOST_LEAVES + 20), with_large_codes])
def test_what_tables_cannot_hold_is_left_to_lightgbm(make: Callable[[], lightgbm.Booster]) -> None:
    booster = make()
    values = drawn(np.random.default_rng(2), 100, CODES, 0.1)
    assert tables_of(booster) is None
    assert np.array_equal(Boosted(booster).raw(values), said(booster, values))
