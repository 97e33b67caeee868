"""One look at everything that pages and metrics tell, kept for some seconds."""

from __future__ import annotations

import datetime as dt
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from shutil import disk_usage
from typing import TYPE_CHECKING, Any, Protocol

import polars as pl

from forecast_platform.contracts import tables
from forecast_platform.databases import records_bytes
from forecast_platform.incremental import State
from forecast_platform.watching.alerts import Alert
from forecast_platform.watching.findings import Finding, Look, home_looks, look

if TYPE_CHECKING:
    from forecast_platform.home import Home

KEPT_SECONDS = 15.0
"""Monitoring asks more often than anything changes."""
ACCURACY_DAYS = 28
BEAT_SECONDS = 300
"""A daemon that is at work tells so every 30 seconds; with steps in its process it may be late."""
_LEVELS = (50, 80, 90)


@dataclass(frozen=True)
class Run:
    """A run: its job, how it ended, when it began and how long it took (None while it runs)."""

    id: str
    job: str
    status: str
    began: dt.datetime
    seconds: float | None


@dataclass(frozen=True)
class Tick:
    """The newest tick of a sensor and how long it took."""

    sensor: str
    status: str
    began: dt.datetime
    seconds: float


@dataclass(frozen=True)
class Activity:
    """What Dagster's records tell.

    Attributes:
        runs: The newest runs, newest first.
        steps: Seconds of the newest success of each step.
        ticks: The newest tick of each sensor.
        beats: Last sign of life of each part of the daemon.
        alerts: Open alerts of which people were told.
    """

    runs: Sequence[Run] = ()
    steps: Mapping[str, float] = field(default_factory=dict)
    ticks: Sequence[Tick] = ()
    beats: Mapping[str, dt.datetime] = field(default_factory=dict)
    alerts: Sequence[Alert] = ()

    def beats_late(self, now: dt.datetime) -> list[str]:
        """Parts of the daemon that gave no sign of life for long."""
        late = dt.timedelta(seconds=BEAT_SECONDS)
        return [name for name, beat in self.beats.items() if now - beat > late]


class Records(Protocol):
    """Dagster's records, as `defs/activity.py` reads them."""

    def looks(self) -> dict[str, Look]:
        """What looks for something wrong, by group."""

    def activity(self) -> Activity:
        """What went on of late."""


@dataclass(frozen=True)
class Sight:
    """What was seen.

    Attributes:
        taken: When.
        seconds: How long it took to look.
        findings: What is right and what is wrong.
        rows: Rows by table.
        newest: Newest day with rows, by table with days.
        stale: Stale days by table of the incremental graph.
        accuracy: Per model and horizon of the newest days judged: columns model, horizon, days,
            wape, inside_50, inside_80, inside_90.
        activity: Dagster's records.
        messages_bytes: Size of those records; None if they cannot be reached.
        free_bytes: Free space at the home folder; None if it cannot be reached.
    """

    taken: dt.datetime
    seconds: float
    findings: Sequence[Finding]
    rows: Mapping[str, int] = field(default_factory=dict)
    newest: Mapping[str, dt.date] = field(default_factory=dict)
    stale: Mapping[str, int] = field(default_factory=dict)
    accuracy: pl.DataFrame = field(default_factory=pl.DataFrame)
    activity: Activity = field(default_factory=Activity)
    messages_bytes: int | None = None
    free_bytes: int | None = None

    @property
    def wrong(self) -> list[Finding]:
        """What is to be mended, warnings last."""
        return sorted((f for f in self.findings if not f.ok), key=lambda finding: finding.warns)


class Watch:
    """Looks at one home, at most once in `KEPT_SECONDS`, for whoever asks.

    Args:
        home: The home.
        records: Its Dagster records.
        kept_seconds: How long a look is kept.
    """

    def __init__(self, home: Home, records: Records, kept_seconds: float = KEPT_SECONDS) -> None:
        self.home = home
        self._records = records
        self._kept_seconds = kept_seconds
        self._lock = threading.Lock()
        self._seen: tuple[float, Sight] | None = None
        self._judged: tuple[State, pl.DataFrame] | None = None

    def sight(self) -> Sight:
        """The newest look; a new one if that is old."""
        with self._lock:
            if self._seen is None or time.monotonic() - self._seen[0] > self._kept_seconds:
                sight = self._look()
                self._seen = time.monotonic(), sight
            return self._seen[1]

    def _look(self) -> Sight:
        began, taken = time.perf_counter(), dt.datetime.now(dt.UTC)
        told: dict[str, Any] = {}

        def lake() -> Sequence[Finding]:
            state = self.home.state()
            told.update(rows=_rows(self.home), stale=_stale(self.home), newest=_newest(state),
                        accuracy=self._accuracy(state))  # fmt: skip
            return ()

        def activity() -> Sequence[Finding]:
            seen = self._records.activity()
            told.update(activity=seen, messages_bytes=records_bytes(self.home.settings))
            return [_daemon(seen, taken)]

        findings = look({**home_looks(self.home), "tables": lake})
        # Dagster asks a database that is gone again and again, for longer than anybody waits.
        if not any(finding.group == "databases" and finding.unseen for finding in findings):
            findings += look({**self._records.looks(), "daemon": activity})
        with suppress(OSError):
            told["free_bytes"] = disk_usage(self.home.settings.home).free
        return Sight(taken, time.perf_counter() - began, findings, **told)

    def _accuracy(self, state: State) -> pl.DataFrame:
        """Read again only when something was published."""
        if self._judged is None or self._judged[0] is not state:
            self._judged = state, _accuracy(self.home, state)
        return self._judged[1]


def _daemon(seen: Activity, now: dt.datetime) -> Finding:
    late = seen.beats_late(now)
    told = "gives signs of life" if seen.beats else "has not run yet"
    return Finding(
        "daemon", not late, f"no sign of life of {', '.join(late)}" if late else told,
        "`forecast-platform ui`; in containers `docker compose restart daemon`",
    )  # fmt: skip


def _rows(home: Home) -> dict[str, int]:
    current = home.lake.ledger.current().group_by("table").agg(pl.col("rows").sum()).sort("table")
    return dict(current.iter_rows())


def _newest(state: State) -> dict[str, dt.date]:
    daily = (name for name, table in tables().items() if table.day)
    held = {name: state.held(name) for name in daily if not name.startswith("rejected_")}
    return {name: days[-1] for name, days in held.items() if days}


def _stale(home: Home) -> dict[str, int]:
    stale = home.stale() if home.state().span() else {}
    return {node.table: len(stale.get(node.table, ())) for node in home.nodes}


def _accuracy(home: Home, state: State) -> pl.DataFrame:
    """WAPE (sum of absolute errors by sum of actuals) and shares inside the central intervals."""
    days = state.held("accuracy")
    if not days:
        return pl.DataFrame()
    first = days[-1] - dt.timedelta(days=ACCURACY_DAYS - 1)
    return (
        home.lake.scan(tables()["accuracy"], first, days[-1])
        .group_by("model", "horizon")
        .agg(
            days=pl.col("date").n_unique(),
            wape=pl.col("error").abs().sum() / pl.col("actual").sum(),
            **{f"inside_{level}": pl.col(f"inside_{level}").mean() for level in _LEVELS},
        )
        .sort("model", "horizon")
        .collect()
    )
