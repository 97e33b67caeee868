"""`forecast-platform sources ...`: try, pull, and a demo shop to try it on."""

from __future__ import annotations

import datetime as dt
from typing import Annotated

import typer
from rich.markup import escape

from forecast_platform.settings import settings
from forecast_platform.terminal import console, watching

app = typer.Typer(no_args_is_help=True, help="Databases and web services that feed the landing.")

Name = Annotated[str | None, typer.Option("--source", help="Name in sources.yaml; else all.")]


@app.command("test")
def try_sources(source: Name = None) -> None:
    """Try each source and say what it found; writes nothing."""
    from forecast_platform.connect.pull import configured
    from forecast_platform.connect.trial import try_source

    chosen = settings()
    found = []
    with watching("sources"):
        for name, one in configured(chosen, source).items():
            found += try_source(name, one, chosen)
    for tried in found:
        mark = "[green]ok[/]" if tried.ok else "[red]mend[/]"
        console.print(f"{mark:>14}  {escape(tried.what)}: {escape(tried.told)}", soft_wrap=True)
    if not all(tried.ok for tried in found):
        raise typer.Exit(1)


@app.command("pull")
def pull_sources(
    source: Name = None,
    from_: Annotated[
        dt.datetime | None,
        typer.Option("--from", formats=["%Y-%m-%d"], help="Read all days from this one again."),
    ] = None,
) -> None:
    """Read what is new or changed into the landing folder."""
    from forecast_platform.connect.pull import configured, pull

    chosen = settings()
    with watching("pull"):
        pulled = {
            name: pull(chosen, name, from_.date() if from_ else None)
            for name in configured(chosen, source)
        }
    for name, tables in pulled.items():
        for done in tables:
            console.print(
                f"  {name}.{done.table:<16}{done.rows:>12,} rows, {done.files:>6,} files written",
                highlight=False,
            )
            if done.ahead:
                console.print(
                    f"    rows dated up to {done.ahead} are left: they lie after the last "
                    "business day, end_date or today",
                    highlight=False,
                    soft_wrap=True,
                )
    console.print("Next: forecast-platform run")


@app.command()
def demo_shop(
    items: Annotated[int, typer.Option(min=1, help="Items of the shop.")] = 50,
    locations: Annotated[int, typer.Option(min=1, help="Its locations.")] = 2,
    days: Annotated[int, typer.Option(min=1, help="Days of history.")] = 365,
    port: Annotated[int, typer.Option(help="Port of its web service.")] = 8900,
) -> None:
    """Fill the Postgres database of SHOP_DATABASE_URL, serve the rest; stop with Ctrl-C."""
    from forecast_platform.connect.demo_shop import open_demo_shop

    with watching("making a shop"):
        server = open_demo_shop(settings(), items, locations, days, port)
    console.print(f"The shop's web service: http://127.0.0.1:{server.server_port}")
    console.print("In another terminal: forecast-platform sources pull; stop with Ctrl-C")
    try:
        server.serve_forever()
    finally:
        server.server_close()
