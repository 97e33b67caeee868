from __future__ import annotations

from collections.abc import Mapping

import pytest

from forecast_platform.errors import ModelError
from forecast_platform.forecasting.search import Choice, Range, Tried, Value, search


def bowl(params: Mapping[str, Value], fold: int) -> float:
    """Best at x = 3, kind b; folds differ by a constant."""
    return (float(params["x"]) - 3) ** 2 + (params["kind"] == "a") + 0.1 * fold


SPACE = {"x": Range(-10, 10), "kind": Choice(["a", "b"])}


def test_a_grid_tries_every_combination_once() -> None:
    found = search(bowl, {"x": Choice([1, 3, 9]), "kind": Choice(["a", "b"])}, 2, method="grid")
    assert sorted(found.select("x", "kind").rows()) == [
        (1, "a"), (1, "b"), (3, "a"), (3, "b"), (9, "a"), (9, "b"),
    ]  # fmt: skip
    assert found.row(0, named=True)["x"] == 3
    assert found["loss"][0] == pytest.approx(0.05)
    assert found["kind"][0] == "b"


def test_the_bayesian_search_comes_closer_than_chance() -> None:
    found = {m: search(bowl, SPACE, 1, method=m, trials=40) for m in ("random", "bayesian")}
    assert found["bayesian"]["loss"].median() < found["random"]["loss"].median()
    assert found["bayesian"]["x"][0] == pytest.approx(3, abs=1)


def test_the_same_seed_tries_the_same() -> None:
    first, again, other = (search(bowl, SPACE, 2, trials=8, seed=seed) for seed in (1, 1, 2))
    assert first.drop("seconds").equals(again.drop("seconds"))
    assert not first["x"].equals(other["x"])


def test_hopeless_trials_are_stopped_early_and_come_last() -> None:
    judged: list[tuple[int, int]] = []

    def worse_and_worse(params: Mapping[str, Value], fold: int) -> float:
        judged.append((len(judged), fold))
        return float(len(judged))

    told: list[Tried] = []
    found = search(worse_and_worse, SPACE, 4, trials=10, on_trial=told.append)
    assert [tried.number for tried in told] == list(range(10))
    assert found["stopped"].sum() == 5
    assert found["loss"].null_count() == 5
    assert found["loss"][:5].is_sorted()
    assert found["folds"].to_list() == [4] * 5 + [1] * 5


def test_a_failing_trial_fails_alone() -> None:
    def fails_for_a(params: Mapping[str, Value], fold: int) -> float:
        if params["kind"] == "a":
            raise ModelError("a cannot be fitted")
        return bowl(params, fold)

    found = search(fails_for_a, {"x": Choice([1, 2]), "kind": Choice(["a", "b"])}, 1, method="grid")
    assert found["failure"].to_list() == [None, None, "a cannot be fitted", "a cannot be fitted"]


def test_whole_numbers_stay_whole() -> None:
    found = search(lambda params, fold: 0.0, {"n": Range(1, 64, log=True, whole=True)}, 1, trials=5)
    assert all(isinstance(n, int) and 1 <= n <= 64 for n in found["n"])


def test_a_grid_over_a_range_and_an_empty_search_are_refused() -> None:
    with pytest.raises(ModelError, match="A grid is made of choices"):
        search(bowl, SPACE, 1, method="grid")
    with pytest.raises(ModelError, match="A search needs settings"):
        search(bowl, {}, 1)
