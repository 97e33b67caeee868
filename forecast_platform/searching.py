"""A search of hyper-parameters on the panel of a home folder, recorded in MLflow.

Puts the rooms together: the lake gives the panel, models are fitted with the settings tried,
forecasting proposes and judges, tracking records.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from rich.box import SIMPLE_HEAD
from rich.table import Table

from forecast_platform import progress
from forecast_platform.contracts import tables
from forecast_platform.errors import ModelError, PlatformError
from forecast_platform.families import unfitted_family
from forecast_platform.forecasting import rolling_origins
from forecast_platform.forecasting.metrics import pinball
from forecast_platform.forecasting.search import (
    Choice,
    Method,
    Objective,
    Range,
    Space,
    Tried,
    Value,
    grid_of,
    search,
)
from forecast_platform.forecasting.search_plot import search_plot
from forecast_platform.forecasting.spaces import space_of
from forecast_platform.home import Home
from forecast_platform.lake_panel import training_panel
from forecast_platform.panel import Panel
from forecast_platform.recording import days_digest
from forecast_platform.settings import toml_value
from forecast_platform.tracking import SearchRun

_SHOWN = 8


@dataclass(frozen=True)
class Wanted:
    """A search that is asked for.

    Attributes:
        family: Model family.
        method: How settings are proposed.
        trials: Trials at most.
        origins: Rolling origins that each trial is judged on.
        horizon: Days ahead, which are also the days between two origins.
        space: What is searched; the family's usual space if None.
    """

    family: str
    method: Method = "bayesian"
    trials: int = 20
    origins: int = 3
    horizon: int = 28
    space: Space | None = None


@dataclass(frozen=True)
class Found:
    """What a search found.

    Attributes:
        tried: The trials in their order.
        present: Pinball loss of the options in use, judged in the same way.
        plot: File of the picture.
        run_id: The search in MLflow.
    """

    tried: Sequence[Tried]
    present: float
    plot: Path
    run_id: str

    @property
    def ranked(self) -> list[tuple[float, Tried]]:
        """Loss and trial of those that were judged at every origin, best first."""
        judged = [(one.loss, one) for one in self.tried if one.loss is not None]
        return sorted(judged, key=lambda pair: (pair[0], pair[1].number))

    @property
    def winner(self) -> tuple[float, Tried] | None:
        """The best, where it is better than the options in use."""
        return next((pair for pair in self.ranked[:1] if pair[0] < self.present), None)


def search_home(home: Home, wanted: Wanted) -> Found:
    """Search a family's options over rolling origins up to the newest day of the lake.

    Each trial fits the family anew at each origin and is judged by the pinball loss of its
    quantiles as they come, before calibration.

    Raises:
        ModelError: If there is no history, nothing to search, or an option that does not fit.
    """
    space = space_of(wanted.family) if wanted.space is None else wanted.space
    if wanted.method == "grid":
        grid_of(space)
    check_space(home, wanted.family, space)
    days = home.state().days("features")
    if not days:
        raise ModelError(
            "There is no history to search on: land sales and run `forecast-platform run`."
        )
    panel = training_panel(home, days[-1], judged_days=wanted.origins * wanted.horizon)
    objective = _objective(home, wanted, panel)
    progress.tell(f"{wanted.family}: the options in use, {wanted.origins} origins")
    present = sum(objective({}, fold) for fold in range(wanted.origins)) / wanted.origins
    tried: list[Tried] = []
    with _run(home, wanted, space, panel) as run:
        trials = search(
            objective, space, wanted.origins, method=wanted.method, trials=wanted.trials,
            seed=home.settings.seed, on_trial=_listener(run, wanted, tried),
        )  # fmt: skip
        picture = search_plot(tried, space, present)
        rows = io.BytesIO()
        trials.write_parquet(rows)
        plot = home.settings.home / f"search-{wanted.family}.png"
        plot.write_bytes(picture)
        found = Found(tried, present, plot, run.run_id)
        best = {"best_loss": found.ranked[0][0]} if found.ranked else {}
        files = {"search.png": picture, "trials.parquet": rows.getvalue()}
        run.outcome({"present_loss": present, **best}, files)
    return found


def check_space(home: Home, family: str, space: Space) -> None:
    """Refuse options that the family does not have or values that cannot be theirs.

    Raises:
        ModelError: Naming the option and what would fit.
    """
    for name, among in space.items():
        ends = among.values if isinstance(among, Choice) else (among.low, among.high)
        whole = isinstance(among, Range) and among.whole
        for value in ends:
            unfitted_family(home.settings, family, {name: int(value) if whole else value})


def found_table(found: Found) -> Table:
    """The best trials, and the options in use."""
    table = Table(title="Best trials", box=SIMPLE_HEAD)
    table.add_column("trial", justify="right")
    table.add_column("loss", justify="right", no_wrap=True)
    table.add_column("seconds", justify="right")
    table.add_column("options")
    table.add_row("", f"{found.present:.4f}", "", "as in use")
    for loss, one in found.ranked[:_SHOWN]:
        options = ", ".join(f"{name} {_short(value)}" for name, value in one.params.items())
        table.add_row(str(one.number), f"{loss:.4f}", f"{one.seconds:.1f}", options)
    return table


def advice(home: Home, wanted: Wanted, found: Found) -> list[str]:
    """How the trials ended and what to do with the winner, in sentences."""
    failures = [one.failure for one in found.tried if one.failure]
    stopped = sum(one.stopped for one in found.tried)
    lines = [
        f"{len(found.tried)} trials, of which {stopped} stopped early and {len(failures)} failed; "
        f"MLflow run {found.run_id}.",
        *(f"The first failure: {failure}" for failure in failures[:1]),
    ]
    if found.winner is None:
        return [*lines, f"No trial is better than the options in use ({found.present:.4f})."]
    loss, best = found.winner
    options = home.settings.model_options
    merged = {**options, wanted.family: {**options.get(wanted.family, {}), **best.params}}
    return [
        *lines,
        f"The best is {1 - loss / found.present:.1%} below the options in use. To train with it, "
        f"let {home.settings.home / 'settings.toml'} say:",
        f"model_options = {toml_value(merged)}",
    ]


def _run(home: Home, wanted: Wanted, space: Space, panel: Panel) -> SearchRun:
    settings = home.settings
    told = {
        "method": wanted.method, "trials": wanted.trials, "origins": wanted.origins,
        "horizon_days": wanted.horizon, "series": panel.n_series, "seed": settings.seed,
        "training_effort": settings.training_effort,
        **{name: _words(among) for name, among in space.items()},
    }  # fmt: skip
    digest, source = days_digest(home, panel.last_day), home.lake.path(tables()["features"])
    return SearchRun(home.tracker, wanted.family, told, digest, str(source))


def _objective(home: Home, wanted: Wanted, panel: Panel) -> Objective:
    """Pinball loss of some options at one origin."""
    origins = rolling_origins(
        panel.last_day, wanted.origins, horizon=wanted.horizon, step=wanted.horizon
    )
    if origins[0] <= panel.first_day:
        raise ModelError(
            f"{wanted.origins} origins of {wanted.horizon} days need more than the {panel.n_days} "
            "days of history: ask for fewer origins."
        )

    def loss(options: Mapping[str, Value], fold: int) -> float:
        model = unfitted_family(home.settings, wanted.family, options)
        known = panel.until(origins[fold])
        try:
            model.fit(known, seed=home.settings.seed)
            forecast = model.predict(horizon=wanted.horizon)
        except PlatformError:
            raise
        except Exception as error:  # libraries refuse options with errors of their own
            raise ModelError(f"{wanted.family} cannot be fitted so: {error}") from error
        actual = panel.demand[:, known.n_days : known.n_days + wanted.horizon]
        if np.isnan(actual).all():
            raise ModelError(
                f"No demand is known in the {wanted.horizon} days after {known.last_day}."
            )
        return pinball(actual, forecast.quantiles[0], forecast.levels)

    return loss


def _listener(run: SearchRun, wanted: Wanted, tried: list[Tried]) -> Callable[[Tried], None]:
    def hear(trial: Tried) -> None:
        tried.append(trial)
        run.trial(trial)
        told = trial.outcome if trial.loss is None else f"{trial.loss:.4f}"
        progress.tell(
            f"{wanted.family}: trial {trial.number}: {told} ({len(tried)} of {wanted.trials})",
            len(tried) / wanted.trials,
        )

    return hear


def _words(among: Choice | Range) -> str:
    if isinstance(among, Choice):
        return "one of " + ", ".join(map(str, among.values))
    return f"{among.low:g} to {among.high:g}" + (", even in the logarithm" if among.log else "")


def _short(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
