"""Text files into columns of text: encoding, delimiter, header, lines that do not fit the header.

Belongs here: csv and jsonl as they come from other people's systems. Does not belong here: what the
columns mean (`reader.py`).
"""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

import polars as pl

from forecast_platform.errors import LandingError
from forecast_platform.sources.files import LINE_LIMIT

_DELIMITERS = ",;\t|"
_JSON = json.JSONDecoder(parse_float=str, parse_int=str, parse_constant=str)
_UTF16 = (b"\xff\xfe", b"\xfe\xff")
csv.field_size_limit(LINE_LIMIT)


@dataclass(frozen=True, slots=True)
class Columns:
    """A file's columns as they came.

    Args:
        names: Column names, in the file's order, perhaps repeated.
        values: One column per name, called by its position "0", "1", ...
        broken: Per row the whole line where it could not be split into those columns.
    """

    names: list[str]
    values: pl.DataFrame
    broken: pl.Series | None = None


def columns_from_csv(
    data: bytes, encoding: str | None, delimiter: str | None, known: Callable[[str], bool]
) -> Columns:
    """Split delimited text.

    Args:
        data: Bytes of the file.
        encoding: Declared encoding; by default told from the byte order mark and the bytes.
        delimiter: Declared delimiter; by default the one that splits most known names.
        known: Whether a column name is one that the table has.

    Raises:
        LandingError: If the bytes are no text in that encoding, or nothing like a header.
    """
    data = _utf8(data, encoding).lstrip(b"\r\n")
    if b"\r" in data.partition(b"\n")[0].rstrip(b"\r"):
        data = data.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    header = data.partition(b"\n")[0]
    if b"\0" in header:
        raise LandingError(
            "the header holds NUL bytes, as UTF-16 without a byte order mark does: "
            "write UTF-8, or set encoding in mapping.yaml"
        )
    splits = {sign: _split(header.decode(), sign) or [] for sign in (delimiter or _DELIMITERS)}
    sign = max(splits, key=lambda s: (sum(map(known, splits[s])), len(splits[s])))
    names = splits[sign]
    schema = {str(position): pl.String() for position in range(len(names))}
    try:
        values = pl.read_csv(
            data, has_header=False, skip_rows=1, separator=sign, schema=schema, raise_if_empty=False
        )
    except pl.exceptions.PolarsError:
        return _line_by_line(data[len(header) + 1 :].decode(), sign, names, schema)
    return Columns(names, values)


def columns_from_jsonl(data: bytes, encoding: str | None) -> Columns:
    """One column per key of the objects, numbers as they are written.

    Raises:
        LandingError: If the bytes are no text in that encoding.
    """
    records: list[dict[str, str | None]] = []
    broken: list[str | None] = []
    for line in _utf8(data, encoding).decode().split("\n"):
        record = _record(line)
        records.append(record or {})
        broken.append(line.strip() if record is None and line.strip() else None)
    names = list(dict.fromkeys(name for record in records for name in record))
    values = {str(i): [r.get(name) for r in records] for i, name in enumerate(names)}
    frame = pl.DataFrame(values, schema={position: pl.String() for position in values})
    if not names:
        frame = pl.DataFrame(height=len(records))
    return Columns(names, frame, pl.Series(broken, dtype=pl.String))


def _utf8(data: bytes, encoding: str | None) -> bytes:
    if encoding or data.startswith(_UTF16):
        encoding = encoding or "utf-16"
        try:
            return data.decode(encoding).removeprefix("\ufeff").encode()
        except UnicodeError as error:
            raise LandingError(
                f"the file is not text in {encoding} ({error}): set encoding in mapping.yaml"
            ) from error
    data = data.removeprefix(b"\xef\xbb\xbf")
    if data.isascii():
        return data
    try:
        data.decode()
    except UnicodeDecodeError:
        return data.decode("latin-1").encode()
    return data


def _split(line: str, delimiter: str) -> list[str] | None:
    try:
        return next(csv.reader([line.strip("\r\n")], delimiter=delimiter), [])
    except csv.Error:
        return None


def _line_by_line(
    text: str, delimiter: str, names: list[str], schema: dict[str, pl.String]
) -> Columns:
    """The slow way, for files in which some line does not fit: such a line is kept whole."""
    rows: list[list[str | None]] = []
    broken: list[str | None] = []
    for fields, line in _records(text, delimiter):
        while fields and len(fields) > len(names) and not fields[-1]:
            fields.pop()
        fits = fields is not None and len(fields) <= len(names)
        padded = [field or None for field in fields or []] + [None] * len(names)
        rows.append(padded[: len(names)] if fits else [None] * len(names))
        broken.append(None if fits else line)
    values = pl.DataFrame(rows, schema=schema, orient="row")
    return Columns(names, values, pl.Series(broken, dtype=pl.String))


def _records(text: str, delimiter: str) -> Iterator[tuple[list[str] | None, str]]:
    lines = text.removesuffix("\n").split("\n")
    # One quote too many would swallow all lines after it, so then no record may span lines.
    spans = text.count('"') % 2 == 0
    taken: list[str] = []

    def feed(source: Iterable[str]) -> Iterator[str]:
        for line in source:
            taken.append(line)
            yield line + "\n"

    if not spans:
        for line in lines:
            yield (None if line.count('"') % 2 else _split(line, delimiter)), line.rstrip("\r")
        return
    reader = csv.reader(feed(lines), delimiter=delimiter)
    while True:
        taken.clear()
        try:
            fields: list[str] | None = next(reader)
        except StopIteration:
            return
        except csv.Error:
            fields = None
        yield fields, "\n".join(taken).rstrip("\r")


def _record(line: str) -> dict[str, str | None] | None:
    try:
        record = _JSON.decode(line)
        if "\\u" in line:
            # Half a surrogate pair is no text.
            json.dumps(record, ensure_ascii=False).encode()
    except (ValueError, RecursionError):
        return None
    if not isinstance(record, dict):
        return None
    for name, value in record.items():
        if value is not None and not isinstance(value, str):
            record[name] = json.dumps(value, ensure_ascii=False)
    return record
