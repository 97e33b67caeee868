"""Landing: what is new in the landing folder goes into the raw tables and the register of files.

A file counts by its bytes: the same bytes again change nothing, new bytes under the same name
replace the rows of the earlier version, and a file that was removed keeps its rows.
"""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import polars as pl

from forecast_platform.contracts import LANDED, Table, landed_table, raw
from forecast_platform.contracts.derived import UNREADABLE_ROWS
from forecast_platform.errors import PlatformError
from forecast_platform.lake import Lake, polars_schema
from forecast_platform.settings import Settings
from forecast_platform.sources.dates import split_undated
from forecast_platform.sources.files import (
    LandedFile,
    RefusedFileError,
    UnsettledFileError,
    list_landed,
    printable,
)
from forecast_platform.sources.listing import accepted_days
from forecast_platform.sources.mapping import MAPPING_FILE, Mapping, load_mapping
from forecast_platform.sources.pseudonyms import key_of
from forecast_platform.sources.reader import RawFile, file_salt, raw_rows, read_file
from forecast_platform.sources.register import Register
from forecast_platform.sources.seen import Seen
from forecast_platform.storage import Place, children, lock

Progress = Callable[[str, str], None]
"""Called with table and file name before each file is read."""

_BATCH_ROWS = 500_000
"""Rows beyond which a commit is made, so that memory stays bounded."""


@dataclass(slots=True)
class TableReport:
    """What one call of `land` did to one table.

    Args:
        table: Landed table.
        landed: Files whose rows were written.
        refused: Files that cannot be landed, with the reason.
        unchanged: Files that had been dealt with before.
        waiting: Files that are still being written.
        rows: Rows written.
        unreadable_rows: Those among them without a business day.
        days: Business days whose rows may have changed.
        fault: Why its folder or mapping cannot be read.
    """

    table: str
    landed: list[str] = field(default_factory=list)
    refused: dict[str, str] = field(default_factory=dict)
    unchanged: list[str] = field(default_factory=list)
    waiting: list[str] = field(default_factory=list)
    rows: int = 0
    unreadable_rows: int = 0
    days: list[dt.date] = field(default_factory=list)
    fault: str | None = None


@dataclass(slots=True)
class LandingReport:
    """What one call of `land` did.

    Args:
        tables: One report per table that was asked for.
        problems: Sentences about folders and mapping files that a person must mend.
        more: Whether the limit left files unread: call again.
    """

    tables: dict[str, TableReport] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)
    more: bool = False


def land(
    lake: Lake,
    settings: Settings,
    tables: Sequence[str] | None = None,
    now: float | None = None,
    limit: int | None = None,
    progress: Progress | None = None,
) -> LandingReport:
    """Bring what is new in the landing folder into the lake.

    Per table one commit holds the rows of many files. Rows are written before the register, so a
    call that was killed is made good by the next one, which reads the same files again.

    Args:
        lake: Where the raw tables, `landing_files` and `unreadable_rows` are.
        settings: Landing folder, accepted days, settling time, largest batch.
        tables: Landed tables, by default all.
        now: Seconds since 1970, by default the clock.
        limit: Files read at most, by default `settings.landing_batch_files`.
        progress: Told of every file before it is read.

    Raises:
        LakeError: If the lake cannot be written.
    """
    now = time.time() if now is None else now
    limit = settings.landing_batch_files if limit is None else limit
    wanted = LANDED if tables is None else tuple(map(landed_table, tables))
    span = accepted_days(settings, now)
    report = LandingReport(problems=_strangers(settings.landing))
    settings.home.mkdir(parents=True, exist_ok=True)
    # The register is one table for all landed tables: two landings at once would lose entries.
    with lock(settings.stored("landing.lock")):
        register, seen = Register(lake), Seen(settings.landing)
        for table in wanted:
            landing = _Landing(lake, register, seen, table, span, progress, key_of(settings))
            report.tables[table.name] = landing.report
            try:
                mapping = load_mapping(settings.landing, table)
                files = list_landed(settings.landing, table.name, now, settle_seconds=0)
            except PlatformError as error:
                problem = landing.report.fault = str(error)
                report.problems += [problem] if problem not in report.problems else []
                continue
            landing.report.waiting = [
                f.name for f in files if not f.settled(now, settings.settle_seconds)
            ]
            settled = [f for f in files if f.settled(now, settings.settle_seconds)]
            limit -= landing.land(settled, mapping, limit)
            report.more |= landing.more
        register.save()
        seen.save()
    return report


class _Landing:
    """One table's part of one call."""

    def __init__(
        self,
        lake: Lake,
        register: Register,
        seen: Seen,
        table: Table,
        span: tuple[dt.date, dt.date],
        progress: Progress | None,
        key: bytes | None,
    ) -> None:
        self._key = key
        self._lake = lake
        self._register = register
        self._seen = seen
        self._table = table
        self._span = span
        self._progress = progress
        self._known = register.entries(table.name)
        self._outdated = register.outdated(table.name, *span) if table.day else set()
        self.report = TableReport(table.name)
        self.more = False
        self._clear()

    def _clear(self) -> None:
        self._read_files: list[RawFile] = []
        self._entries: list[dict[str, Any]] = []

    def land(self, files: list[LandedFile], mapping: Mapping, limit: int) -> int:
        """Land at most `limit` files; returns of how many the register learns something."""
        read = 0
        for file in files:
            if self._is_known(file, mapping):
                self.report.unchanged.append(file.name)
                continue
            if read == limit:
                self.more = True
                break
            read += self._read(file, mapping)
            if sum(content.height for content in self._read_files) > _BATCH_ROWS:
                self._commit(mapping)
        self._commit(mapping)
        return read

    def _is_known(self, file: LandedFile, mapping: Mapping) -> bool:
        entry = self._known.get(file.name)
        if entry is None or entry["size"] != file.size or file.name in self._outdated:
            return False
        try:
            salt = file_salt(self._table, mapping, self._key)
            return bool(entry["checksum"] == self._seen.checksum(file, salt))
        except (RefusedFileError, UnsettledFileError):
            return False

    def _read(self, file: LandedFile, mapping: Mapping) -> bool:
        if self._progress:
            self._progress(self._table.name, file.name)
        try:
            self._accept(file, read_file(file.path, self._table, mapping, file.name, self._key))
        except UnsettledFileError:
            self.report.waiting.append(file.name)
            return False
        except RefusedFileError as error:
            return self._refuse(file, error)
        return True

    def _accept(self, file: LandedFile, content: RawFile) -> None:
        self._read_files.append(content)
        self._entries.append(
            {
                "table_name": self._table.name,
                "file": file.name,
                "checksum": content.checksum,
                "size": content.size,
                "status": "landed",
                "reason": content.remark,
            }
        )
        self.report.landed.append(file.name)

    def _refuse(self, file: LandedFile, error: RefusedFileError) -> bool:
        entry = dict(self._known.get(file.name) or _NO_ROWS)
        reason = str(error)
        if entry["rows"]:
            reason += f"; the {entry['rows']} rows of its earlier version still count"
        entry |= {
            "table_name": self._table.name,
            "file": file.name,
            "checksum": error.checksum,
            "size": error.size,
            "status": "refused",
            "reason": reason,
        }
        self._entries.append(entry)
        self.report.refused[file.name] = reason
        return entry != self._known.get(file.name)

    def _commit(self, mapping: Mapping) -> None:
        landed = {entry["file"]: entry for entry in self._entries if entry["status"] == "landed"}
        unreadable = pl.DataFrame(schema=polars_schema(UNREADABLE_ROWS))
        if landed:
            contract = raw(self._table)
            rows = raw_rows(self._read_files, self._table, mapping, self._key)
            rows, unreadable = split_undated(rows, self._table, *self._span)
            days = self._affected(rows, [*landed]) if contract.day else None
            self._lake.replace_files(contract, rows, [*landed], days)
            for facts in _facts(rows, unreadable, [*landed]):
                landed[facts["file"]].update(facts)
            self.report.days = sorted({*self.report.days, *(days or [])})
            self.report.rows += rows.height
            self.report.unreadable_rows += unreadable.height
        if self._entries:
            self._register.record(self._table.name, self._entries, unreadable)
        self._clear()

    def _affected(self, rows: pl.DataFrame, files: list[str]) -> list[dt.date]:
        """Days of the files' rows, before and after."""
        held = (
            self._lake.scan(raw(self._table))
            .filter(pl.col("file").is_in(files))
            .select("file", "checksum", "business_day")
            .unique()
            .collect()
        )
        days = {*held["business_day"], *rows["business_day"].unique()}
        versions = {*held.select("file", "checksum").iter_rows()}
        for file in files:
            entry = self._known.get(file)
            if entry and entry["first_day"] and (file, entry["checksum"]) not in versions:
                # Killed between rows and register: the rows of the version that was registered
                # are gone, of their days only the first and last are still known.
                days |= {*pl.date_range(entry["first_day"], entry["last_day"], eager=True)}
        return sorted(days - {None})


def _facts(
    rows: pl.DataFrame, unreadable: pl.DataFrame, files: list[str]
) -> Iterator[dict[str, Any]]:
    """What the register tells about the rows of each file."""
    day = pl.col("business_day")
    spans = rows.group_by("file").agg(rows=pl.len(), first_day=day.min(), last_day=day.max())
    counts = unreadable.group_by("file").agg(unreadable_rows=pl.len())
    facts = pl.DataFrame({"file": files}).join(spans, "file", "left").join(counts, "file", "left")
    return facts.with_columns(pl.col("rows", "unreadable_rows").fill_null(0)).iter_rows(named=True)


_NO_ROWS = {"rows": 0, "unreadable_rows": 0, "first_day": None, "last_day": None}


def _strangers(landing: Place) -> list[str]:
    """Say which things in the landing folder belong to no table."""
    known = {MAPPING_FILE, *(table.name for table in LANDED)}
    return [
        f"{printable(str(path))} belongs to no table and is not read: files go into one of the "
        f"folders {sorted(known - {MAPPING_FILE})} under {landing}."
        for path in children(landing)
        if path.name not in known and not path.name.startswith(".")
    ]
