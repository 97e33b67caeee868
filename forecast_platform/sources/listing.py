"""What landing goes by: the accepted days, and a digest that changes when there may be work."""

from __future__ import annotations

import datetime as dt
import hashlib

from forecast_platform.contracts import LANDED, Table
from forecast_platform.errors import ConfigurationError
from forecast_platform.settings import Settings
from forecast_platform.sources.files import list_landed
from forecast_platform.sources.mapping import load_mapping
from forecast_platform.sources.pseudonyms import key_of
from forecast_platform.sources.reader import file_salt


def business_day(settings: Settings, now: float) -> dt.date:
    """The shop's day at `now` in seconds since 1970."""
    return dt.datetime.fromtimestamp(now, settings.zone).date()


def accepted_days(settings: Settings, now: float) -> tuple[dt.date, dt.date]:
    """First and last business day that may land, at `now` in seconds since 1970."""
    return settings.start_date, settings.end_date or business_day(settings, now)


def listing(settings: Settings, now: float) -> str:
    """Digest of the complete files, how they are read, and the accepted days.

    Raises:
        LandingError: If a table's folder cannot be read.
    """
    digest = hashlib.sha256(str(accepted_days(settings, now)).encode())
    for table in LANDED:
        digest.update(b"\n%s %s\n" % (table.name.encode(), _reading(settings, table)))
        for file in list_landed(settings.landing, table.name, now, settings.settle_seconds):
            digest.update(f"{file.name} {file.size} {file.mtime}\n".encode())
    return digest.hexdigest()


def _reading(settings: Settings, table: Table) -> bytes:
    try:
        return file_salt(table, load_mapping(settings.landing, table), key_of(settings))
    except ConfigurationError as error:
        return str(error).encode()
