"""Tables of the lake: create from contract, replace days, scan, maintain.

Every publication goes through `Lake`: it writes the rows in one Delta commit and then records the
fingerprint of each day in the ledger. A process killed between the two leaves the older
fingerprint, so the day counts as not done and is made again.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import partial

import polars as pl

from forecast_platform.contracts import Table
from forecast_platform.errors import HomeVersionError, LakeError
from forecast_platform.lake import delta
from forecast_platform.lake.days import spans
from forecast_platform.lake.layout import LAYOUT, UPGRADE, check_layout
from forecast_platform.lake.ledger import WHOLE, Ledger
from forecast_platform.lake.schema import MONTH, conform, month_of, polars_schema
from forecast_platform.storage import Lease, Lock, Place, lock


class Lake:
    """The Delta tables under one folder.

    Args:
        root: Folder of the lake, on disk or in object storage; made if it is not there.

    Raises:
        HomeVersionError: If the folder was written by a version with another layout; later, if a
            table was written by one with other columns.
    """

    def __init__(self, root: Place) -> None:
        self.root = root
        self.ledger = Ledger(root)
        self._locks: dict[str, Lock] = {}
        self._compared: set[str] = set()
        self._publication: _Publication | None = None
        check_layout(root)

    def path(self, table: Table) -> Place:
        """Folder of the Delta table."""
        return self.root / table.name

    def ensure(self, table: Table) -> None:
        """Create the table from its contract if it is not there."""
        if self._exists(table):
            return
        with self._lock(table):
            empty = _stored(pl.DataFrame(schema=polars_schema(table)), table)
            delta.create(
                self.path(table), empty, [MONTH] if table.day else [], table.description[:250]
            )

    def scan(
        self, table: Table, first: dt.date | None = None, last: dt.date | None = None
    ) -> pl.LazyFrame:
        """A snapshot of the table's rows with `first` <= day <= `last`; empty if never written."""
        schema = polars_schema(table)
        if not self._exists(table):
            return pl.LazyFrame(schema=schema)
        frame = delta.scan(self.path(table))
        if table.day:
            day = pl.col(table.day)
            if first is not None:
                frame = frame.filter(pl.col(MONTH) >= f"{first:%Y-%m}", day >= first)
            if last is not None:
                frame = frame.filter(pl.col(MONTH) <= f"{last:%Y-%m}", day <= last)
        return frame.select(schema.names())

    def version(self, table: Table) -> int:
        """Delta version of the table, -1 if it was never written."""
        path = self.path(table)
        return int(delta.opened(path).version()) if delta.exists(path) else -1

    @contextmanager
    def together(self) -> Iterator[None]:
        """Record the tables written inside at once, in one commit of the ledger.

        They stay locked until then, so that the ledger tells of what they hold. After an error or
        a kill all of them keep their older fingerprints and are made again.
        """
        with ExitStack() as locks:
            self._publication = _Publication(locks)
            try:
                yield
                if self._publication.entries:
                    self._confirm(*self._publication.tables)
                    self.ledger.append(self._publication.entries)
            finally:
                self._publication = None

    def replace_days(
        self,
        table: Table,
        frame: pl.DataFrame,
        days: Sequence[dt.date],
        inputs: Mapping[dt.date, int] | None = None,
    ) -> None:
        """Replace whole days of the table, in one commit.

        Args:
            table: Contract with a business-day column.
            frame: All rows of those days, and of no other day.
            days: The days replaced; a day without rows in `frame` becomes empty.
            inputs: Fingerprint of what each day was made from.

        Raises:
            ContractError: If the frame does not fit the contract.
            LakeError: If the frame holds other days, or the commit fails.
        """
        if not days:
            return
        rows = conform(frame, table)
        assert table.day is not None
        strangers = set(rows[table.day].unique().to_list()) - set(days)
        if strangers:
            raise LakeError(
                f"{table.name}: rows of {sorted(strangers)[:3]} are not being replaced."
            )
        self.ensure(table)
        with self._lock(table) as confirm:
            delta.replace_days(
                self.path(table), _stored(rows, table), table.day, spans(days), confirm
            )
            self._record(table, _fingerprints(rows, table, days, inputs))

    def replace_all(self, table: Table, frame: pl.DataFrame, inputs: int | None = None) -> None:
        """Replace a whole table, in one commit."""
        rows = conform(frame, table)
        self.ensure(table)
        with self._lock(table) as confirm:
            delta.overwrite(self.path(table), _stored(rows, table), None, confirm)
            self._record(table, _whole_fingerprint(rows, inputs))

    def replace_files(
        self,
        table: Table,
        frame: pl.DataFrame,
        files: Sequence[str],
        days: Sequence[dt.date] | None,
    ) -> None:
        """Replace the rows of some landed files, in one commit.

        Args:
            table: Contract of a raw table.
            frame: All rows of those files.
            files: Files whose earlier rows go.
            days: Business days that change; None for tables without business days.
        """
        rows = conform(frame, table)
        self.ensure(table)
        with self._lock(table) as confirm:
            others = self._rows_of_other_files(table, files, days)
            if self._holds(table, files):
                names = ", ".join("'" + name.replace("'", "''") + "'" for name in files)
                which = f"file IN ({names})"
                delta.overwrite(self.path(table), _stored(rows, table), which, confirm)
            elif not rows.is_empty():
                delta.append(self.path(table), _stored(rows, table), confirm)
            now = pl.concat([others, rows])
            if days is None:
                self._record(table, _whole_fingerprint(now, None))
            elif days:
                self._record(table, _fingerprints(now, table, days, None))

    def maintain(self) -> list[str]:
        """Compact and vacuum every table; returns their names."""
        names = delta.tables_under(self.root)
        for name in names:
            with lock(self._lock_path(name)):
                delta.compact(self.root / name)
        return names

    def _exists(self, table: Table) -> bool:
        """Whether the table was ever written; refuses one that does not fit its contract."""
        path = self.path(table)
        if not delta.exists(path):
            return False
        if table.name not in self._compared:
            held, wanted = delta.scan(path).collect_schema(), polars_schema(table)
            strangers = {*held.items()} ^ {*wanted.items()}
            if others := sorted({column for column, _ in strangers} - {MONTH}):
                raise HomeVersionError(
                    f"The table {path} was written by another version of the platform: it differs "
                    f"in {', '.join(others)}. {UPGRADE}"
                )
            self._compared.add(table.name)
        return True

    def _rows_of_other_files(
        self, table: Table, files: Sequence[str], days: Sequence[dt.date] | None
    ) -> pl.DataFrame:
        """What stays of a raw table, or of the days from the first to the last that change."""
        first, last = (min(days), max(days)) if days else (None, None)
        stay = self.scan(table, first, last).filter(~pl.col("file").is_in(files))
        nothing_changes = days is not None and not days
        return polars_schema(table).to_frame() if nothing_changes else stay.collect()

    def _holds(self, table: Table, files: Sequence[str]) -> bool:
        return not self.scan(table).filter(pl.col("file").is_in(files)).head(1).collect().is_empty()

    def _record(self, table: Table, entries: pl.DataFrame) -> None:
        if self._publication is None:
            self._confirm(table.name)
            self.ledger.append([(table.name, entries)])
        else:
            self._publication.entries.append((table.name, entries))

    @contextmanager
    def _lock(self, table: Table) -> Iterator[Callable[[], None]]:
        """Hold the table's lock; yields what raises once it is lost."""
        # One object per table: it may be taken again by the thread that holds it.
        if table.name not in self._locks:
            self._locks.setdefault(table.name, lock(self._lock_path(table.name)))
        held = self._locks[table.name]
        if self._publication is not None:
            self._publication.locks.enter_context(held)
            yield partial(self._confirm, table.name)
        else:
            with held:
                yield partial(self._confirm, table.name)

    def _lock_path(self, name: str) -> Place:
        return self.root / "_locks" / f"{name}.lock"

    def _confirm(self, *names: str) -> None:
        """What is about to be written is still ours: a lease can be lost, a locked file cannot."""
        for name in names:
            if isinstance(held := self._locks[name], Lease):
                held.confirm()


@dataclass(frozen=True)
class _Publication:
    """Tables that are recorded together: their locks, and what the ledger will say of them."""

    locks: ExitStack
    entries: list[tuple[str, pl.DataFrame]] = field(default_factory=list)

    @property
    def tables(self) -> list[str]:
        """Their names."""
        return [name for name, _ in self.entries]


def _stored(rows: pl.DataFrame, table: Table) -> pl.DataFrame:
    if table.day is None:
        return rows
    # Written out once per day: text of every row takes longer.
    months = rows.select(table.day).unique().with_columns(month_of(pl.col(table.day)))
    return rows.join(months, on=table.day, how="left", nulls_equal=True, maintain_order="left")


def _fingerprints(
    rows: pl.DataFrame,
    table: Table,
    days: Sequence[dt.date],
    inputs: Mapping[dt.date, int] | None,
) -> pl.DataFrame:
    """Fingerprint of each day: the wrapped sum of its rows' hashes, whatever their order."""
    wanted = sorted(set(days))
    asked = pl.DataFrame(
        {"day": wanted, "inputs": [(inputs or {}).get(day) for day in wanted]},
        schema={"day": pl.Date, "inputs": pl.Int64},
    )
    found = (
        rows.select(pl.col(table.day or "").alias("day"), hash=rows.hash_rows(seed=LAYOUT))
        .group_by("day")
        .agg(pl.col("hash").sum().reinterpret(signed=True).alias("content"), rows=pl.len())
    )
    return asked.join(found, on="day", how="left").with_columns(
        pl.col("content", "rows").fill_null(0)
    )


def _whole_fingerprint(rows: pl.DataFrame, inputs: int | None) -> pl.DataFrame:
    content = rows.hash_rows(seed=LAYOUT).sum() if not rows.is_empty() else 0
    return pl.DataFrame(
        {"day": [WHOLE], "content": [content], "inputs": [inputs], "rows": [rows.height]},
        schema={"day": pl.Date, "content": pl.UInt64, "inputs": pl.Int64, "rows": pl.Int64},
    ).with_columns(pl.col("content").reinterpret(signed=True))
