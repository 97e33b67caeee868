"""What is wrong, and the command that mends it: the one source of doctor, alerts and pages."""

from __future__ import annotations

import datetime as dt
import shutil
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from forecast_platform.databases import masked_address, server_version
from forecast_platform.errors import PlatformError
from forecast_platform.settings import Settings

if TYPE_CHECKING:
    from forecast_platform.home import Home

RUN = "forecast-platform run"
LEAST_FREE_BYTES = 2_000_000_000
FRESH_DAYS = 2
"""Sales of the day before yesterday should have landed."""
STALE_PATIENCE = dt.timedelta(hours=1)
"""Every arrival leaves days stale until they are made; an hour later something keeps them so."""


@dataclass(frozen=True)
class Finding:
    """One thing looked at.

    Attributes:
        what: Its name; the same thing has the same name at every look.
        ok: Whether nothing is to be mended.
        told: What was found.
        mend: The command or the deed that mends it; empty if all is well.
        since: Since when, where that is known.
        patience: How long it may be wrong before anybody is told.
        group: What was being looked at.
        warns: Whether it only warns: `doctor` does not count it as a failure.
        unseen: The group could not be looked at: what was wrong in it before still counts.
    """

    what: str
    ok: bool
    told: str
    mend: str = ""
    since: dt.datetime | None = None
    patience: dt.timedelta = dt.timedelta()
    group: str = ""
    warns: bool = False
    unseen: bool = False

    def __str__(self) -> str:
        return self.told if self.ok else f"{self.told.rstrip('.')}. Mend: {self.mend}"


Look = Callable[[], Iterable[Finding]]


def look(at: Mapping[str, Look]) -> list[Finding]:
    """Look at every group; one that cannot be looked at is a finding too.

    Args:
        at: What looks at a group, by its name.
    """
    from deltalake.exceptions import DeltaError
    from polars.exceptions import PolarsError
    from sqlalchemy.exc import SQLAlchemyError

    refusals = (PlatformError, OSError, sqlite3.Error, SQLAlchemyError, DeltaError, PolarsError)
    found: list[Finding] = []
    for group, look_at in at.items():
        try:
            found += [replace(finding, group=group) for finding in look_at()]
        except Exception as error:
            # Libraries wrap what they met; anything else is a fault of ours.
            met = next((cause for cause in _causes(error) if isinstance(cause, refusals)), None)
            if met is None:
                raise
            told = str(getattr(met, "orig", None) or met)
            found.append(
                Finding(group, False, told, "forecast-platform doctor", group=group, unseen=True)
            )
    return found


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__


def home_looks(home: Home) -> dict[str, Look]:
    """What can be seen of a home without Dagster, quickly enough to be looked at all the time."""
    return {
        "disk": lambda: disk(home.settings),
        "databases": lambda: databases(home.settings),
        "landing": lambda: landing(home),
        "lake": lambda: lake(home),
        "freshness": lambda: freshness(home),
    }


def wrong(findings: Iterable[Finding]) -> list[Finding]:
    """Those that are to be mended."""
    return [finding for finding in findings if not finding.ok]


def disk(settings: Settings) -> Iterator[Finding]:
    """Free space of the home folder."""
    settings.home.mkdir(parents=True, exist_ok=True)
    free = shutil.disk_usage(settings.home).free
    yield Finding(
        "disk", free > LEAST_FREE_BYTES,
        f"{free / 1e9:.1f} GB free at {settings.home}; at least {LEAST_FREE_BYTES / 1e9:.0f} GB "
        "should be", f"free space there, then `{RUN}`: it resumes",
    )  # fmt: skip


def databases(settings: Settings, *, whole: bool = False) -> Iterator[Finding]:
    """Whether the records of Dagster and MLflow can be read; `whole` reads every page of them."""
    if settings.database_url:
        version = server_version(settings)
        yield Finding("database", True, f"Postgres {version} at {masked_address(settings)}")
        return
    files = {
        "Dagster database": settings.dagster_home / "history" / "runs" / "index.db",
        "MLflow database": settings.mlflow_home / "mlflow.db",
    }
    for what, path in files.items():
        if not path.exists():
            yield Finding(what, True, "not made yet; the first run makes it")
            continue
        verdict = _verdict(path, "quick_check" if whole else "schema_version")
        yield Finding(
            what, verdict == "ok", f"{path}: {verdict}",
            "put back a copy, or move it away: the next run makes an empty one",
        )  # fmt: skip


def _verdict(path: Path, pragma: str) -> str:
    """`ok`, or why SQLite cannot read the file."""
    try:
        with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as connection:
            (verdict,) = connection.execute(f"pragma {pragma}").fetchone()
    except sqlite3.Error as error:
        return str(error)
    return verdict if isinstance(verdict, str) else "ok"


def landing(home: Home) -> Iterator[Finding]:
    """Files that were refused."""
    files = home.read("landing_files")
    refused = files.filter(files["status"] == "refused")
    yield Finding("landing", True, f"{files.height} files, {refused.height} refused")
    for row in refused.iter_rows(named=True):
        name = f"{row['table_name']}/{row['file']}"
        yield Finding(
            name, False, row["reason"], f"mend landing/{name}, land it again, then `{RUN}`"
        )


def lake(home: Home) -> Iterator[Finding]:
    """Days that do not follow what has landed."""
    span = home.state().span()
    yield Finding("lake", True, f"sales of {span[0]} to {span[1]}" if span else "no sales yet")
    stale = home.stale() if span else {}
    told = ", ".join(f"{table} ({len(days)} days)" for table, days in stale.items())
    yield Finding(
        "up to date", not stale, f"stale: {told}" if stale else "yes", f"`{RUN}`",
        patience=STALE_PATIENCE,
    )  # fmt: skip


def freshness(home: Home) -> Iterator[Finding]:
    """Whether sales keep arriving; tables made from them are stale if they do not follow."""
    due = due_day(home.settings)
    span = home.state().span()
    if due is None or span is None:
        return
    told = f"the newest sales are of {span[1]}; those of {due} should have landed"
    yield Finding(
        "freshness", span[1] >= due, told, f"land the sales of the days since, then `{RUN}`; of a "
        "database or web service `forecast-platform sources pull`",
    )  # fmt: skip


def due_day(settings: Settings, now: dt.datetime | None = None) -> dt.date | None:
    """The business day whose sales should be there by now; None for a closed history."""
    today = (now or dt.datetime.now(settings.zone)).date()
    if settings.end_date and settings.end_date < today:
        return None
    return today - dt.timedelta(days=FRESH_DAYS)


def sources(settings: Settings) -> Iterator[Finding]:
    """Whether every database and web service of sources.yaml answers what its feeds ask for."""
    from forecast_platform.connect.config import load_sources
    from forecast_platform.connect.trial import try_source

    for name, source in load_sources(settings.sources_path).items():
        for tried in try_source(name, source, settings):
            yield Finding(
                f"source {tried.what}", tried.ok, tried.told,
                f"`forecast-platform sources test --source {name}` once it is mended",
            )  # fmt: skip
