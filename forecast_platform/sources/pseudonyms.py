"""Ids of people become pseudonyms as their rows are read, before anything of them is stored.

A pseudonym is an HMAC-SHA256 of the id under the shop's key: the same person stays the same, and
without the key nobody can find out who it is, not even by trying all ids.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import re

import polars as pl

from forecast_platform.contracts import Column, DType, Table
from forecast_platform.errors import LandingError
from forecast_platform.settings import Settings
from forecast_platform.sources.dates import BROKEN_LINE, parse_day

WITHHELD = "withheld"
"""Stands for text of a personal table in which an id may be hidden."""

_PREFIX = "p_"
_BYTES = 16
_PSEUDONYM = rf"^{re.escape(_PREFIX)}[0-9a-f]{{{2 * _BYTES}}}$"


def key_of(settings: Settings) -> bytes | None:
    """The shop's key, None where none is set."""
    secret = settings.pseudonym_key
    return secret.get_secret_value().encode() if secret else None


def salt(table: Table, key: bytes | None) -> bytes:
    """What tells a key from others, so that files are read again under another; empty elsewhere."""
    if not table.is_personal:
        return b""
    return hashlib.sha256(b"pseudonym key " + key).digest() if key else b"no key"


def require_key(table: Table, key: bytes | None) -> bytes:
    """The key.

    Raises:
        LandingError: If there is none.
    """
    if key is None:
        raise LandingError(
            f"{table.name} names people, who are stored under pseudonyms only: set pseudonym_key "
            "(32 characters or more, such as those of `openssl rand -hex 32`)"
        )
    return key


def pseudonyms(values: pl.Series, key: bytes) -> pl.Series:
    """A pseudonym for each id, null for none; what is a pseudonym already stays."""
    ids = values.cast(pl.String).str.strip_chars()
    distinct = ids.unique().drop_nulls()
    distinct = distinct.filter((distinct != "") & ~distinct.str.contains(_PSEUDONYM))
    made = [
        _PREFIX + hmac.digest(key, one.encode(), "sha256")[:_BYTES].hex()
        for one in distinct.to_list()
    ]
    return ids.replace("", None).replace(distinct, pl.Series(made, dtype=pl.String))


def protect(rows: pl.DataFrame, table: Table, key: bytes) -> pl.DataFrame:
    """Rows without any id of a person, fit to be stored.

    Unknown columns are dropped. A row that does not read as one of the table, whose cells may have
    moved, keeps its day alone: the landed file shows the rest.

    Args:
        rows: Text columns of the contract, those that are there, and perhaps `extra`.
        table: A landed contract with personal columns.
        key: The shop's key.
    """
    there = [column for column in table.columns if column.name in rows.columns]
    fits = rows.select(pl.all_horizontal(pl.lit(True), *map(_fits, there))).to_series()
    protected = [
        pseudonyms(rows[column.name], key) if column.personal else _shown(column, fits)
        for column in there
    ]
    if "extra" in rows.columns:
        line = json.dumps({BROKEN_LINE: WITHHELD}, separators=(",", ":"))
        broken = pl.col("extra").str.starts_with(f'{{"{BROKEN_LINE}"')
        protected.append(pl.when(broken).then(pl.lit(line)).alias("extra"))
    return rows.with_columns(protected)


def _shown(column: Column, fits: pl.Series) -> pl.Expr:
    """The cells of a column that names nobody; a day is written anew, as text may follow it."""
    text = pl.col(column.name)
    shown = parse_day(text).dt.to_string("%Y-%m-%d") if column.dtype is DType.DATE else text
    moved = pl.lit(False) if column.dtype is DType.DATE else ~pl.lit(fits)
    withheld = pl.when(text.str.strip_chars() != "").then(pl.lit(WITHHELD))
    return pl.when(moved).then(withheld).otherwise(pl.coalesce(shown, withheld)).alias(column.name)


def _fits(column: Column) -> pl.Expr:
    """Whether a cell reads as its column says; an empty one does."""
    text = pl.col(column.name).str.strip_chars()
    if column.dtype is DType.DATE:
        fits = parse_day(text).is_not_null()
    elif column.dtype in (DType.FLOAT, DType.INT):
        fits = text.cast(pl.Float64, strict=False).is_not_null()
    elif column.allowed:
        return text.is_in(column.allowed).fill_null(False)
    else:
        return pl.lit(True)
    return fits | (text.fill_null("") == "")
