"""`forecast-platform train`, `backtest`, `search`, `simulate`: models, policies, how good."""

from __future__ import annotations

import datetime as dt
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from forecast_platform.settings import settings
from forecast_platform.terminal import console, operator_of_home, watching

app = typer.Typer()

Day = Annotated[dt.datetime, typer.Option(formats=["%Y-%m-%d"])]


class SearchMethod(StrEnum):
    """How a search proposes options."""

    GRID = "grid"
    RANDOM = "random"
    BAYESIAN = "bayesian"


@app.command()
def train(cutoff: Day) -> None:
    """Train every family on data up to a cutoff (a Sunday) and choose the champion."""
    with watching("train"), operator_of_home() as operator:
        operator.train(cutoff.date())
    from forecast_platform.summary import leaderboard

    console.print(leaderboard(settings(), cutoff.date()))


@app.command()
def backtest(
    origins: Annotated[int, typer.Option(min=1, help="Rolling origins.")] = 3,
    horizon: Annotated[int, typer.Option(min=1, help="Days ahead.")] = 28,
    models: Annotated[str | None, typer.Option(help="Families, joined by commas.")] = None,
) -> None:
    """Compare families over rolling origins: a leaderboard as table and plot."""
    from forecast_platform.home import Home
    from forecast_platform.training import backtest_home

    families = tuple(models.split(",")) if models else settings().models
    with watching("backtest"):
        judgement, plot = backtest_home(Home(settings()), families, origins, horizon)
    from forecast_platform.summary import levels_table, scores_table, standings_table

    console.print(scores_table(judgement.overall, f"{origins} origins, {horizon} days ahead"))
    console.print(levels_table(judgement.scores))
    console.print(standings_table(judgement.overall))
    console.print(f"Plot: {plot}", markup=False, soft_wrap=True)


@app.command()
def search(
    model: Annotated[str, typer.Option(help="Family.")],
    method: Annotated[SearchMethod, typer.Option(help="How options are proposed.")] = (
        SearchMethod.BAYESIAN
    ),
    trials: Annotated[int, typer.Option(min=1, help="Trials at most.")] = 20,
    origins: Annotated[int, typer.Option(min=1, help="Rolling origins of each trial.")] = 3,
    horizon: Annotated[int, typer.Option(min=1, help="Days ahead.")] = 28,
    space: Annotated[Path | None, typer.Option(help="TOML file; else the usual space.")] = None,
) -> None:
    """Search a family's options over rolling origins, say which are best and how to use them."""
    from forecast_platform.forecasting.spaces import read_space
    from forecast_platform.home import Home
    from forecast_platform.searching import Wanted, advice, found_table, search_home

    home = Home(settings())
    wanted = Wanted(
        model, method.value, trials, origins, horizon, read_space(space) if space else None
    )
    with watching("search"):
        found = search_home(home, wanted)
    console.print(found_table(found))
    for line in advice(home, wanted, found):
        console.print(line, highlight=False, markup=False, soft_wrap=True)
    console.print(f"Plot: {found.plot}", markup=False, soft_wrap=True)


@app.command()
def simulate(
    model: Annotated[
        str | None, typer.Option(help="Family, or several joined by commas; else the champion's.")
    ] = None,
    days: Annotated[int, typer.Option(min=1, help="Newest days replayed.")] = 365,
    lead_time: Annotated[int | None, typer.Option(min=0, help="Days; else by supplier.")] = None,
    review: Annotated[int | None, typer.Option(min=1, help="Days; else by supplier.")] = None,
    order_cost: Annotated[
        float | None, typer.Option(min=0, help="Per order line; else by supplier.")
    ] = None,
    ratio: Annotated[
        list[float] | None, typer.Option(help="Critical ratio, any number of times.")
    ] = None,
    refit_days: Annotated[int, typer.Option(min=7, help="Days until a model is refitted.")] = 91,
) -> None:
    """Replay history under the plan's policy, against alternatives and perfect foresight."""
    from forecast_platform.home import Home
    from forecast_platform.simulating import CRITICAL_RATIOS as USUAL
    from forecast_platform.simulating import Options, replay_tables, simulate_home, verdicts

    options = Options(model, days, lead_time, review, order_cost,
                      tuple(ratio or USUAL), refit_days)  # fmt: skip
    with watching("simulate"):
        replayed = simulate_home(Home(settings()), options)
    for shown in replay_tables(replayed):
        console.print(shown)
    for line in [*verdicts(replayed), *replayed.notes]:
        console.print(line, highlight=False, markup=False, soft_wrap=True)
    for picture in replayed.pictures:
        console.print(f"Picture: {picture}", markup=False, soft_wrap=True)
