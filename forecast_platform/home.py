"""One home folder: its settings, lake, SQL models and incremental graph, opened together."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256
from pathlib import Path

import polars as pl

from forecast_platform import incremental, progress
from forecast_platform.contracts import Table, tables
from forecast_platform.databases import mlflow_address
from forecast_platform.graph import (
    PLAN_SETTINGS,
    Launch,
    Node,
    Read,
    graph_of,
    last_cutoff,
    trained,
)
from forecast_platform.incremental import State
from forecast_platform.lake import Lake
from forecast_platform.lake.days import ONE_DAY
from forecast_platform.lake.ledger import WHOLE
from forecast_platform.replenishment import PlanParameters
from forecast_platform.retraining import outdated_cutoff
from forecast_platform.settings import Settings
from forecast_platform.sql.project import SqlProject
from forecast_platform.storage import fetched, published
from forecast_platform.tracking import Tracker


class Home:
    """Everything that lies under one home folder.

    Args:
        settings: The settings that name the folder.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._state: tuple[pl.DataFrame, State] | None = None

    @cached_property
    def lake(self) -> Lake:
        """The lake, opened."""
        return Lake(self.settings.lake)

    @cached_property
    def tracker(self) -> Tracker:
        """Where trainings are recorded."""
        settings = self.settings
        return Tracker(settings.mlflow_home, mlflow_address(settings), settings.storage)

    @cached_property
    def sql(self) -> SqlProject:
        """The SQL models."""
        return SqlProject.load()

    @cached_property
    def nodes(self) -> tuple[Node, ...]:
        """The incremental graph under these settings and SQL models."""
        return graph_of(self.settings, self.sql)

    def node(self, table: str) -> Node:
        """The node that publishes `table`."""
        return next(node for node in self.nodes if table in (node.table, *node.also))

    def state(self) -> State:
        """The newest publications."""
        current = self.lake.ledger.current()
        if self._state is None or self._state[0] is not current:
            self._state = (current, State(current, self._state and self._state[1]))
        return self._state[1]

    def stale(self) -> dict[str, list[dt.date]]:
        """Stale days by table, in the order of the graph."""
        return incremental.stale_days(self.nodes, self.state())

    def next_launches(self, until: str | None = None) -> list[Launch]:
        """The runs that mend the first stale tables; ask again after they ended.

        Where forecasts are due and no model is old enough for them, training comes first.

        Args:
            until: Last table to mend, in the order of the graph; all if None.
        """
        state = self.state()
        wanted = [node.table for node in self.nodes]
        wanted = wanted[: wanted.index(until) + 1] if until else wanted
        launches = [
            launch._replace(tables=tuple(t for t in launch.tables if t in wanted))
            for launch in incremental.next_launches(self.nodes, state)
        ]
        launches = [launch for launch in launches if launch.tables]
        if not launches or "forecasts" not in launches[0].tables:
            return launches
        tables_before = launches[0].tables[: launches[0].tables.index("forecasts")]
        origin = launches[0].last
        if origin is None:
            return launches
        if self.has_model(origin):
            cutoff = None if tables_before else outdated_cutoff(self, origin)
        elif tables_before:
            return [launch._replace(tables=tables_before) for launch in launches]
        else:
            cutoff = last_cutoff(origin)
        return [Launch(trained(self.settings), cutoff, cutoff)] if cutoff else launches

    def has_model(self, origin: dt.date) -> bool:
        """Whether a model was trained on data up to `origin` or less."""
        return any(cutoff <= origin for cutoff in self.state().days("model_versions"))

    def digest(self, launch: Launch) -> str:
        """Fingerprint of a launch and of what it would make its days from."""
        state = self.state()
        days = [launch.first + i * ONE_DAY
                for i in range((launch.last - launch.first).days + 1)
                ] if launch.first and launch.last else [WHOLE]  # fmt: skip
        trained = Node("model_versions", (Read("features", -self.settings.training_days),))
        made = [node for node in (*self.nodes, trained) if node.table in launch.tables]
        inputs = {node.table: sorted(state.inputs(node, days).values()) for node in made}
        return sha256(json.dumps([str(launch), inputs]).encode()).hexdigest()[:32]

    def model(self, name: str | Path) -> Path:
        """Folder of a saved model; where models lie in object storage, a copy brought up to date.

        Args:
            name: Its folder under the home folder, as in `model_versions.artifact`.
        """
        return fetched(self.settings.home / name, self.settings.stored(str(name)))

    def keep_model(self, folder: Path) -> None:
        """Put a model that was saved under the home folder where other machines find it."""
        name = folder.relative_to(self.settings.home).as_posix()
        published(folder, self.settings.stored(name))

    def read(
        self, table: str, first: dt.date | None = None, last: dt.date | None = None
    ) -> pl.DataFrame:
        """Rows of a table by name, for the days first..last."""
        return self.lake.scan(tables()[table], first, last).collect()

    @property
    def plan_parameters(self) -> PlanParameters:
        """What the settings say about plans."""
        return PlanParameters(**{name: getattr(self.settings, name) for name in PLAN_SETTINGS})

    def writable(self, record: str, days: Sequence[dt.date], restate: bool) -> dict[dt.date, int]:
        """Days of a record table that may be written, with the revision they get.

        A closed day that was issued stays as it is unless it is restated.
        """
        state = self.state()
        span = state.span()
        issued = set(state.days(record)) & set(days)
        contract = tables()[record]
        revisions = dict(
            self.lake.scan(contract, min(days), max(days))
            .group_by(contract.day or "").agg(pl.col("revision").max()).collect().iter_rows()
        )  # fmt: skip
        result = {}
        for day in days:
            is_closed = day in issued and span is not None and day < span[1]
            if restate or not is_closed:
                result[day] = (revisions.get(day) or 0) + int(is_closed)
        return result

    def parts(
        self, table: str, days: Sequence[dt.date] | None, most_rows: int = 500_000
    ) -> Iterator[list[dt.date] | None]:
        """Runs of days for which `table` holds about so many rows at most, so memory is bounded.

        Args:
            table: A table that is read day by day.
            days: Days in order; None for a whole table, which is one part.
            most_rows: Rows beyond which another part begins; a day is never split.
        """
        if days is None:
            yield None
            return
        current = self.lake.ledger.current().filter(pl.col("table") == table)
        rows = dict(current.select("day", "rows").iter_rows())
        part: list[dt.date] = []
        held = 0
        for day in days:
            if part and held + rows.get(day, 0) > most_rows:
                yield part
                part, held = [], 0
            part.append(day)
            held += rows.get(day, 0)
        if part:
            yield part

    def begin(self, table: str, days: Sequence[dt.date] | None = None) -> Making:
        """Start making days of a table (None: a whole table), before anything of it is read.

        What arrives while the table is being made then leaves it stale, and is not lost.
        """
        node = self.node(table)
        days = list(days or [WHOLE])
        progress.tell(table if days == [WHOLE] else f"{table} {days[0]} to {days[-1]}")
        return Making(self, node, days, self.state().inputs(node, days))


@dataclass(frozen=True)
class Making:
    """Days of a table being made, with the fingerprint of what they are made from."""

    home: Home
    node: Node
    days: list[dt.date]
    inputs: Mapping[dt.date, int]

    @property
    def first(self) -> dt.date:
        """First day being made."""
        return self.days[0]

    @property
    def last(self) -> dt.date:
        """Last day being made."""
        return self.days[-1]

    def window(self, table: str) -> pl.DataFrame:
        """All rows of an upstream table that the days being made may read."""
        return self.scan(table).collect()

    def scan(self, table: str) -> pl.LazyFrame:
        """As `window`, not read yet: for those who need few of the rows or columns."""
        contract = tables()[table]
        if contract.day is None:
            return self.home.lake.scan(contract)
        read = next(read for read in self.node.reads if read.table == table)
        if read.last_known:
            known = [day for day in self.home.state().days(table) if day <= self.first]
            return self.home.lake.scan(contract, known[-1] if known else self.first, self.last)
        return self.home.lake.scan(
            contract, self.first + dt.timedelta(read.first), self.last + dt.timedelta(read.last)
        )

    def publish(self, frames: Mapping[str, pl.DataFrame]) -> None:
        """Write the tables made and record them at once, so that all of them are done or none."""
        contracts: list[Table] = [tables()[name] for name in (*self.node.also, self.node.table)]
        with self.home.lake.together():
            for contract in contracts:
                self._write(contract, frames[contract.name])

    def _write(self, contract: Table, frame: pl.DataFrame) -> None:
        if contract.day is None:
            self.home.lake.replace_all(contract, frame, self.inputs.get(WHOLE))
            return
        inputs = self.inputs
        if incremental.keeps_to_span(self.node):
            first, last = self.home.state().span() or (dt.date.max, dt.date.min)
            frame = frame.filter(pl.col(contract.day).is_between(first, last))
            # A day emptied because it left the span is made again should it come back.
            inputs = {day: mark for day, mark in inputs.items() if first <= day <= last}
        self.home.lake.replace_days(contract, frame, self.days, inputs)
