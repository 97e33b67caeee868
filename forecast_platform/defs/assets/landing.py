"""From the landing folder to raw tables."""

import time
from collections.abc import Iterator

import dagster as dg

from forecast_platform import progress
from forecast_platform.contracts import LANDED
from forecast_platform.contracts import raw as raw_contract
from forecast_platform.defs.metadata import result
from forecast_platform.defs.resources import HomeResource
from forecast_platform.defs.specs import spec
from forecast_platform.errors import LandingError


@dg.multi_asset(
    specs=[
        spec("landing_files"),
        spec("unreadable_rows"),
        *(
            spec(raw_contract(table).name, deps=["landing_files"], skippable=True)
            for table in LANDED
        ),
    ],
    can_subset=False,
)
def landing(
    context: dg.AssetExecutionContext, home: HomeResource
) -> Iterator[dg.MaterializeResult[None]]:
    """Land every new or changed file; the same bytes again change nothing.

    Raises:
        LandingError: If a folder or mapping cannot be read; the other tables have landed then.
    """
    from forecast_platform.sources.landing import land

    opened = home.home
    more, waited = True, False
    changed: dict[str, int] = {}
    while more:
        report = land(
            opened.lake,
            opened.settings,
            # One line per table: the log keeps a line as an event, which takes longer than a file.
            progress=lambda table, file: progress.tell(f"landing {table}"),
        )
        for problem in report.problems:
            context.log.warning(problem)
            progress.tell(problem)
        for table in report.tables.values():
            for file, reason in table.refused.items():
                told = f"{table.table}/{file} refused: {reason}"
                context.log.warning(told)
                progress.tell(told)
            if table.landed:
                context.log.info(f"{table.table}: {table.rows} rows of {len(table.landed)} files")
                changed[table.table] = changed.get(table.table, 0) + table.rows
        waiting = any(table.waiting for table in report.tables.values())
        more = report.more or (waiting and not waited)
        if waiting and not waited and not report.more:
            time.sleep(opened.settings.settle_seconds)
            waited = True
    for name in ("landing_files", "unreadable_rows"):
        yield result(context, name, opened.read(name))
    for name, rows in changed.items():
        yield dg.MaterializeResult(asset_key=f"raw_{name}", metadata={"landed_rows": rows})
    if faults := {table.fault for table in report.tables.values() if table.fault}:
        raise LandingError(" ".join(sorted(faults)))
