"""`forecast-platform ...`: one verb per thing a person does."""

from __future__ import annotations

import datetime as dt
import sys
from collections.abc import Callable
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape

from forecast_platform.catching_up import bring_up_to_date
from forecast_platform.errors import ConfigurationError, PlatformError, refused_by_system
from forecast_platform.settings import home_folder, save_settings, settings
from forecast_platform.terminal import console, fail, operator_of_home, watching

if TYPE_CHECKING:
    import polars as pl


app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="Forecast the demand of every item at every location and decide what to reorder.",
)
_DEMO_EFFORT = 0.2
"""Of the usual training: the demo is to be seen, not to be won."""

Day = Annotated[dt.datetime, typer.Option(formats=["%Y-%m-%d"])]
Out = Annotated[Path, typer.Option(help="File to write: .csv, .parquet or .xlsx.")]


class Source(StrEnum):
    """Public data sets that can be imported."""

    M5 = "m5"
    FRESHRETAILNET = "freshretailnet"
    ONLINE_RETAIL = "online-retail"


class SearchMethod(StrEnum):
    """How a search proposes options."""

    GRID = "grid"
    RANDOM = "random"
    BAYESIAN = "bayesian"


@app.command()
def demo(
    items: Annotated[int, typer.Option(help="Items of the shop.")] = 200,
    locations: Annotated[int, typer.Option(help="Its locations.")] = 3,
    days: Annotated[int, typer.Option(help="Days of history.")] = 730,
    issued: Annotated[int, typer.Option(help="Newest days that get forecasts and plans.")] = 28,
) -> None:
    """Make demo data, run the whole graph, say what was made and where to look."""
    from forecast_platform.sources.demo import make_demo

    _empty_home()
    with watching("demo") as watch:
        watch("making a shop", None)
        report = make_demo(home_folder() / "landing", items=items, locations=locations, days=days,
                           progress=watch)  # fmt: skip
        # The shop stays open for four weeks, so that a person can land days of their own.
        open_until = report.last_day + dt.timedelta(days=28)
        save_settings(
            home_folder(),
            {**report.settings, "end_date": open_until, "training_effort": _DEMO_EFFORT},
        )
        with operator_of_home() as operator:
            bring_up_to_date(operator, report.last_day - dt.timedelta(days=issued - 1))
    from forecast_platform.summary import summary

    summary(console, settings())


@app.command("import")
def import_(
    source: Source, path: Annotated[Path, typer.Argument(help="Folder or file as published.")]
) -> None:
    """Turn a public data set into landing files."""
    from forecast_platform.sources import importers

    load: Callable[..., Any] = {
        Source.M5: importers.import_m5,
        Source.FRESHRETAILNET: importers.import_freshretailnet,
        Source.ONLINE_RETAIL: importers.import_online_retail,
    }[source]
    _empty_home()
    with watching(f"import {source}") as watch:
        report = load(path, home_folder() / "landing", watch)
    save_settings(home_folder(), report.settings)
    for table, rows in report.rows.items():
        console.print(f"  {table:<16}{rows:>12,} rows")
    for note in report.notes:
        console.print(f"  note: {note}", markup=False)
    console.print(f"Landed {report.first_day} to {report.last_day}. Next: forecast-platform run")


@app.command()
def run(
    from_: Annotated[
        dt.datetime | None,
        typer.Option("--from", formats=["%Y-%m-%d"], help="First origin to issue."),
    ] = None,
    to: Annotated[
        dt.datetime | None,
        typer.Option("--to", formats=["%Y-%m-%d"], help="Last origin to issue."),
    ] = None,
    select: Annotated[str | None, typer.Option(help="Stop after this table.")] = None,
    restate: Annotated[
        bool, typer.Option(help="Replace forecasts and plans that were issued already.")
    ] = False,
) -> None:
    """Land what is new and make everything that is stale, up to the newest plan."""
    if (to or restate) and not from_:
        raise ConfigurationError("--to and --restate need --from: the first origin that is meant.")
    if select and from_:
        raise ConfigurationError("--select stops before origins are issued: leave out --from.")
    first, last = from_ and from_.date(), to and to.date()
    with watching("run"), operator_of_home() as operator:
        bring_up_to_date(operator, first, last, select=select, restate=restate)
    if select is None:
        from forecast_platform.summary import summary

        summary(console, settings())


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
    from forecast_platform.simulating import Options, replay_table, simulate_home, verdicts

    options = Options(model, days, lead_time, review, order_cost,
                      tuple(ratio or USUAL), refit_days)  # fmt: skip
    with watching("simulate"):
        replayed = simulate_home(Home(settings()), options)
    console.print(replay_table(replayed))
    for line in [*verdicts(replayed), *replayed.notes]:
        console.print(line, highlight=False, markup=False, soft_wrap=True)
    for picture in replayed.pictures:
        console.print(f"Picture: {picture}", markup=False, soft_wrap=True)


@app.command()
def forecasts(origin: Day, out: Out) -> None:
    """Export the forecasts of one origin as csv, parquet or xlsx."""
    _export("forecasts", origin.date(), out)


@app.command()
def plan(date: Day, out: Out) -> None:
    """Export the replenishment plan of one day as csv, parquet or xlsx, exceptions first."""
    from forecast_platform.replenishment import exceptions_first

    _export("replenishment_plan", date.date(), out, exceptions_first)


@app.command()
def explain(
    item: Annotated[str, typer.Option()],
    location: Annotated[str, typer.Option()],
    date: Day,
) -> None:
    """Say why a forecast and an order are what they are, back to the landed files."""
    from forecast_platform.home import Home
    from forecast_platform.summary import explanation

    for line in explanation(Home(settings()), item, location, date.date()):
        console.print(line, highlight=False, markup=False, soft_wrap=True)


@app.command()
def ui(
    port: Annotated[int, typer.Option(help="Port of the Dagster UI.")] = 3000,
    mlflow_port: Annotated[int, typer.Option(help="Port of the MLflow UI.")] = 5000,
) -> None:
    """Start the Dagster UI with its daemon and the MLflow UI; stop with Ctrl-C."""
    from forecast_platform.servers import serve

    serve(settings(), port, mlflow_port, console.print)


@app.command()
def doctor() -> None:
    """Check the installation, device, databases and lake; say what to do about what is found."""
    from forecast_platform.doctor import examine

    findings = examine(settings())
    for finding in findings:
        mark = "[green]ok[/]" if finding.ok else "[red]mend[/]"
        console.print(f"{mark:>14}  {escape(finding.what)}: {escape(finding.told)}", soft_wrap=True)
    if not all(finding.ok for finding in findings):
        raise typer.Exit(1)


def main() -> None:
    """Run the command line; errors a person can mend end as one sentence, not as a traceback."""
    try:
        app()
    except PlatformError as error:
        fail(str(error))
    except KeyboardInterrupt:
        Console(stderr=True).print("Stopped. Run the same command again to resume.")
        sys.exit(130)
    except Exception as error:
        refusal = refused_by_system(error)
        if refusal is None:
            raise
        fail(
            f"{home_folder()} cannot be written: {refusal}. Free space, or give the platform's "
            "user the right to write, then run the same command again: it resumes."
        )


def _export(
    table: str,
    day: dt.date,
    out: Path,
    order: Callable[[pl.DataFrame], pl.DataFrame] | None = None,
) -> None:
    from forecast_platform.exporting import export
    from forecast_platform.home import Home

    rows = export(Home(settings()), table, day, out, order)
    console.print(f"{rows:,} rows written to {out}", markup=False, soft_wrap=True)


def _empty_home() -> None:
    landing = home_folder() / "landing"
    if any(landing.glob("*/*")):
        raise ConfigurationError(
            f"{landing} already holds files of another shop: set FORECAST_PLATFORM_HOME to an "
            "empty folder, or move this one away."
        )
