"""What a person or a script does with the graph, as runs of this process.

The command line calls these; the daemon does the same by sensors, conditions and schedules.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager

import dagster as dg

from forecast_platform import progress
from forecast_platform.defs.instance import execute, instance, materialise
from forecast_platform.defs.resources import sharing
from forecast_platform.defs.selection import assets_of
from forecast_platform.errors import ModelError, PlatformError
from forecast_platform.graph import Launch, last_cutoff, trained
from forecast_platform.home import Home
from forecast_platform.lake.days import ONE_DAY, spans
from forecast_platform.settings import Settings

_FORECASTS, _PLAN = "forecasts", "replenishment_plan"
_PART_DAYS = 56
"""Origins issued by one run: what a run that is broken off loses at most."""
MAINTENANCE = "maintenance"


class Operator:
    """Runs parts of the graph in this process and records them in the instance of the home."""

    def __init__(self, home: Home, definitions: dg.Definitions, opened: dg.DagsterInstance) -> None:
        self.home = home
        self._definitions = definitions
        self._instance = opened

    def land(self) -> None:
        """Bring new files from the landing folder into the raw tables."""
        self._run(["landing_files"])

    def follow(self, until: str | None = None) -> list[Launch]:
        """Make whatever is stale, in as few runs as possible, training first where needed.

        Args:
            until: Last table to make, in the order of the graph; all if None.

        Returns:
            The launches made.

        Raises:
            PlatformError: If a run fails, or leaves stale what it should have made.
        """
        made: list[Launch] = []
        while launches := self.home.next_launches(until):
            if launches == made[-len(launches) :]:
                raise PlatformError(
                    f"{launches[0].tables} stay stale after a run: a setting or a file changes "
                    "while it is read. Run again."
                )
            for launch in launches:
                self._run(launch.tables, launch.first, launch.last)
            made += launches
        if made and until is None:
            self._run(["record_marks"])
        return made

    def train(self, cutoff: dt.date) -> None:
        """Train every family on data up to `cutoff`, choose the champion and every SKU's policy."""
        if cutoff != last_cutoff(cutoff):
            raise ModelError(
                f"{cutoff} is no training cutoff: cutoffs are Sundays, such as "
                f"{last_cutoff(cutoff)}."
            )
        span = self.home.state().span()
        if span is None or not span[0] <= cutoff <= span[1]:
            held = f"sales of {span[0]} to {span[1]}" if span else "no sales"
            raise ModelError(f"Cannot train up to {cutoff}: the lake holds {held}.")
        self._run(trained(self.home.settings), cutoff, cutoff)

    def issue(self, first: dt.date, last: dt.date, *, restate: bool = False) -> None:
        """Issue forecasts and plans of the origins first..last, in parts that are kept when done.

        Args:
            first: First origin.
            last: Last origin.
            restate: Replace origins that were issued already; else only missing ones are made.
        """
        if not self.home.has_model(first):
            self.train(last_cutoff(first))
        days = [first + n * ONE_DAY for n in range((last - first).days + 1)]
        config = {"config": {"restate": restate}}
        for made in ((_FORECASTS, _PLAN), (_PLAN,)):
            issued = set() if restate else set(self.home.state().days(made[0]))
            for begin, end in _parts(day for day in days if day not in issued):
                self._run(made, begin, end, dict.fromkeys(made, config))
            if restate:
                return

    def maintain(self) -> None:
        """Delete records older than the retention, compact the lake, build the Data Docs."""
        progress.tell("records, tables, Data Docs")
        execute(self._definitions.resolve_job_def(MAINTENANCE), self._instance)

    def _run(
        self,
        tables: Sequence[str],
        first: dt.date | None = None,
        last: dt.date | None = None,
        config: dict[str, object] | None = None,
    ) -> None:
        assets = assets_of(tables, self._definitions.resolve_asset_graph())
        materialise(self._definitions, self._instance, assets, first, last, config)


def _parts(days: Iterable[dt.date]) -> list[tuple[dt.date, dt.date]]:
    """Runs of consecutive days as (first, last), none longer than a part."""
    return [
        (begin, min(begin + (_PART_DAYS - 1) * ONE_DAY, last))
        for first, last in spans(days)
        for begin in (first + n * ONE_DAY for n in range(0, (last - first).days + 1, _PART_DAYS))
    ]


@contextmanager
def operator(settings: Settings) -> Iterator[Operator]:
    """An operator of the home folder that the settings name."""
    with instance(settings) as opened:
        from forecast_platform.definitions import defs

        home = Home(settings)
        with sharing(home):
            yield Operator(home, defs, opened)
