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
from forecast_platform.connect.commands import app as sources_verbs
from forecast_platform.errors import ConfigurationError, PlatformError, refused_by_system
from forecast_platform.model_verbs import Day
from forecast_platform.model_verbs import app as model_verbs
from forecast_platform.servers import WORKSPACE, Addresses, Server, become, serve
from forecast_platform.settings import home_folder, save_settings, settings
from forecast_platform.storage import children, storage_failure
from forecast_platform.terminal import console, fail, operator_of_home, watching

if TYPE_CHECKING:
    import polars as pl


app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="Forecast the demand of every item at every location and decide what to reorder.",
)
app.add_typer(model_verbs)
app.add_typer(sources_verbs, name="sources")
_DEMO_EFFORT = 0.2
"""Of the usual training: the demo is to be seen, not to be won."""

Out = Annotated[Path, typer.Option(help="File to write: .csv, .parquet or .xlsx.")]


class Source(StrEnum):
    """Public data sets that can be imported."""

    M5 = "m5"
    FRESHRETAILNET = "freshretailnet"
    ONLINE_RETAIL = "online-retail"


@app.command()
def demo(
    items: Annotated[int, typer.Option(help="Items of the shop.")] = 200,
    locations: Annotated[int, typer.Option(help="Its locations.")] = 3,
    days: Annotated[int, typer.Option(help="Days of history.")] = 730,
    issued: Annotated[int, typer.Option(help="Newest days that get forecasts and plans.")] = 28,
    signals: Annotated[
        bool, typer.Option("--signals", help="Land weather and competitors' prices as well.")
    ] = False,
) -> None:
    """Make demo data, run the whole graph, say what was made and where to look."""
    from forecast_platform.sources.demo import make_demo

    _empty_home()
    with watching("demo") as watch:
        watch("making a shop", None)
        report = make_demo(settings().landing, items=items, locations=locations, days=days,
                           with_signals=signals, progress=watch)  # fmt: skip
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
        report = load(path, settings().landing, watch)
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
    watch_port: Annotated[int, typer.Option(help="Port of health page and metrics.")] = 9464,
    code_port: Annotated[int, typer.Option(help="Port of a code location run alone.")] = 4000,
    host: Annotated[str, typer.Option(help="Interface; 0.0.0.0 in a container.")] = "127.0.0.1",
    only: Annotated[Server | None, typer.Option(help="One process alone.")] = None,
    workspace: Annotated[Path, typer.Option(help="Dagster's code locations.")] = WORKSPACE,
) -> None:
    """Start the Dagster UI with its daemon, MLflow UI and health page; stop with Ctrl-C."""
    at = Addresses(host, port, mlflow_port, watch_port, code_port, workspace)
    if only:
        become(only, settings(), at)
    serve(settings(), at, console.print)


@app.command()
def upgrade() -> None:
    """Bring a home of an older version up to this one: records are kept, the rest made again."""
    from forecast_platform.upgrading import upgrade_lake

    with watching("upgrade"):
        done = upgrade_lake(settings())
        with operator_of_home() as operator:
            if children(settings().landing / "sales") or operator.home.state().span():
                bring_up_to_date(operator)
    if done is None:
        console.print("The tables are of this version.")
        return
    for table, rows in done.rows.items():
        console.print(f"  kept {table:<20}{rows:>12,} rows")
    console.print(f"The tables of before lie in {done.aside}: delete it when all is well.")


@app.command()
def doctor() -> None:
    """Check the installation, device, databases and lake; say what to do about what is found."""
    from forecast_platform.doctor import examine

    findings = examine(settings())
    for finding in findings:
        bad = "[yellow]warn[/]" if finding.warns else "[red]mend[/]"
        mark = "[green]ok[/]" if finding.ok else bad
        console.print(f"{mark:>14}  {escape(finding.what)}: {escape(str(finding))}", soft_wrap=True)
    if not all(finding.ok or finding.warns for finding in findings):
        raise typer.Exit(1)


@app.command()
def maintain() -> None:
    """Delete old records of runs, compact tables, build Data Docs: weekly, where no daemon does."""
    with watching("maintain"), operator_of_home() as operator:
        operator.maintain()


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
        if lost := storage_failure(settings().storage, error):
            fail(str(lost))
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
    landing = settings().landing
    if any(children(folder) for folder in children(landing)):
        raise ConfigurationError(
            f"{landing} already holds files of another shop: set FORECAST_PLATFORM_HOME (or "
            "storage_url) to an empty folder, or move this one away."
        )
