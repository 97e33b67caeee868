"""What a person or a script does with the graph, as runs of this process.

The command line calls these; the daemon does the same by sensors, conditions and schedules.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import dagster as dg

from forecast_platform.defs.instance import instance, materialise
from forecast_platform.defs.resources import sharing
from forecast_platform.defs.selection import assets_of
from forecast_platform.errors import ModelError, PlatformError
from forecast_platform.graph import Launch, last_cutoff, trained
from forecast_platform.home import Home
from forecast_platform.settings import Settings

_FORECASTS = "forecasts"


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
        """Issue forecasts and plans of the origins first..last.

        Args:
            first: First origin.
            last: Last origin.
            restate: Replace origins that were issued already; else they stay as they are.
        """
        if not self.home.has_model(first):
            self.train(last_cutoff(first))
        config = {"config": {"restate": restate}}
        self._run(
            [_FORECASTS, "replenishment_plan"], first, last,
            {_FORECASTS: config, "replenishment_plan": config},
        )  # fmt: skip

    def _run(
        self,
        tables: Sequence[str],
        first: dt.date | None = None,
        last: dt.date | None = None,
        config: dict[str, object] | None = None,
    ) -> None:
        assets = assets_of(tables, self._definitions.resolve_asset_graph())
        materialise(self._definitions, self._instance, assets, first, last, config)


@contextmanager
def operator(settings: Settings) -> Iterator[Operator]:
    """An operator of the home folder that the settings name."""
    with instance(settings) as opened:
        from forecast_platform.definitions import defs

        home = Home(settings)
        with sharing(home):
            yield Operator(home, defs, opened)
