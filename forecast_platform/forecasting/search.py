"""Search of hyper-parameters over rolling origins: grid, random, or Bayesian with pruning.

Belongs here: proposing settings and stopping hopeless ones. Does not belong here: what is fitted
and judged (the objective), and the record of runs, which `on_trial` is told.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import polars as pl

from forecast_platform.errors import ModelError

if TYPE_CHECKING:
    from optuna.trial import Trial

Value = bool | int | float | str
Objective = Callable[[Mapping[str, Value], int], float]
"""Called as objective(params, fold): the loss of those settings at one origin, lower is better."""

Method = Literal["grid", "random", "bayesian"]


@dataclass(frozen=True)
class Choice:
    """One of some values."""

    values: Sequence[Value]


@dataclass(frozen=True)
class Range:
    """A number from low to high, both included; evenly in its logarithm if `log`."""

    low: float
    high: float
    log: bool = False
    whole: bool = False


Space = Mapping[str, Choice | Range]


@dataclass(frozen=True)
class Tried:
    """One trial.

    Attributes:
        number: From 0 on.
        params: The settings tried.
        losses: Loss of each fold judged; fewer than all if it was stopped.
        seconds: Wall time.
        stopped: Whether it was stopped for being worse than the median of those before.
        failure: Why it has no loss, if it has none.
    """

    number: int
    params: Mapping[str, Value]
    losses: tuple[float, ...]
    seconds: float
    stopped: bool = False
    failure: str | None = None

    @property
    def loss(self) -> float | None:
        """Mean loss over all folds; None if not all were judged."""
        whole = self.losses and not self.stopped and self.failure is None
        return float(np.mean(self.losses)) if whole else None

    @property
    def outcome(self) -> Literal["judged", "stopped", "failed"]:
        """How it ended."""
        if self.failure is not None:
            return "failed"
        return "stopped" if self.stopped else "judged"


def search(
    objective: Objective,
    space: Space,
    folds: int,
    *,
    method: Method = "bayesian",
    trials: int = 20,
    seed: int = 7,
    on_trial: Callable[[Tried], None] | None = None,
) -> pl.DataFrame:
    """Try settings and rank them by their mean loss over folds.

    Folds are judged one after the other; after each, a trial that is worse than the median of the
    earlier ones at the same fold is stopped. The first five trials are never stopped. A trial that
    raises a `ModelError` fails alone.

    Args:
        objective: Loss of some settings at one fold.
        space: What each setting may be.
        folds: Rolling origins to judge on.
        method: `grid` tries all combinations of choices, `random` draws, `bayesian` learns where to
            draw (tree-structured Parzen estimator, Bergstra et al. 2011).
        trials: Trials; the grid's size caps them.
        seed: Seed of the draws.
        on_trial: Told of each trial at its end.

    Returns:
        Columns trial, one per setting, loss, folds, stopped, seconds, failure; best first, trials
        without a loss last.

    Raises:
        ModelError: If a grid is asked for over a range, or there is nothing to search.
    """
    import optuna

    if not space or folds < 1 or trials < 1:
        raise ModelError(
            f"A search needs settings, folds and trials, got {len(space)}, {folds} and {trials}: "
            "name at least one of each."
        )
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(
        sampler=_sampler(method, space, seed),
        pruner=optuna.pruners.MedianPruner(n_startup_trials=5),
    )
    done: list[Tried] = []

    def run(trial: Trial) -> float:
        tried = _tried(objective, trial, space, folds)
        done.append(tried)
        if on_trial:
            on_trial(tried)
        if tried.loss is None:
            raise optuna.TrialPruned
        return tried.loss

    study.optimize(run, n_trials=trials)
    return _table(done, space)


def _tried(objective: Objective, trial: Trial, space: Space, folds: int) -> Tried:
    params = {name: _suggested(trial, name, among) for name, among in space.items()}
    losses: list[float] = []
    started = time.perf_counter()
    stopped, failure = False, None
    for fold in range(folds):
        try:
            losses.append(float(objective(params, fold)))
        except ModelError as error:
            failure = str(error)
            break
        trial.report(float(np.mean(losses)), fold)
        if fold < folds - 1 and trial.should_prune():
            stopped = True
            break
    seconds = time.perf_counter() - started
    return Tried(trial.number, params, tuple(losses), seconds, stopped, failure)


def _suggested(trial: Trial, name: str, among: Choice | Range) -> Any:
    if isinstance(among, Choice):
        return trial.suggest_categorical(name, list(among.values))
    if among.whole:
        return trial.suggest_int(name, int(among.low), int(among.high), log=among.log)
    return trial.suggest_float(name, among.low, among.high, log=among.log)


def _sampler(method: Method, space: Space, seed: int) -> Any:
    from optuna import samplers

    if method == "random":
        return samplers.RandomSampler(seed=seed)
    if method == "bayesian":
        return samplers.TPESampler(seed=seed)
    return samplers.GridSampler(grid_of(space), seed=seed)


def grid_of(space: Space) -> dict[str, list[Value]]:
    """The values of each setting of a space that is made of choices.

    Raises:
        ModelError: If it has ranges.
    """
    ranges = [name for name, among in space.items() if isinstance(among, Range)]
    if ranges:
        raise ModelError(
            f"A grid is made of choices, got ranges of {', '.join(ranges)}: list their values in "
            "the space, or search at random."
        )
    return {name: list(among.values) for name, among in space.items() if isinstance(among, Choice)}


def _table(done: Sequence[Tried], space: Space) -> pl.DataFrame:
    columns: dict[str, Sequence[Any]] = {"trial": [tried.number for tried in done]}
    columns |= {name: [tried.params[name] for tried in done] for name in space}
    columns |= {
        "loss": [tried.loss for tried in done],
        "folds": [len(tried.losses) for tried in done],
        "stopped": [tried.stopped for tried in done],
        "seconds": [tried.seconds for tried in done],
        "failure": [tried.failure for tried in done],
    }
    kinds = {"loss": pl.Float64, "failure": pl.String}
    frame = pl.DataFrame(columns, schema_overrides=kinds, strict=False)
    return frame.sort("loss", "trial", nulls_last=True)
