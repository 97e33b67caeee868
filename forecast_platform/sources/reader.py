"""One landed file into raw rows: every value as untouched text, with its provenance.

Raw text differs from the file's text only where `mapping.yaml` declares a format or a default.
"""

from __future__ import annotations

import io
import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

import polars as pl

from forecast_platform.contracts import DType, Table, raw
from forecast_platform.errors import LandingError
from forecast_platform.lake.schema import polars_schema
from forecast_platform.sources.dates import BROKEN_LINE, parse_day
from forecast_platform.sources.files import Content, RefusedFileError, load
from forecast_platform.sources.mapping import Mapping
from forecast_platform.sources.pseudonyms import protect, require_key, salt
from forecast_platform.sources.text import Columns, columns_from_csv, columns_from_jsonl
from forecast_platform.storage import Place


@dataclass(frozen=True, slots=True)
class RawFile:
    """One landed file as columns of text.

    Args:
        name: In the tables, its path relative to the table's folder.
        columns: As they came; none of an empty file.
        checksum: SHA-256 of the bytes; a mapping's content counts as their end, so that a file is
            read again when its mapping changes.
        size: Bytes.
        remark: What is odd about the file though it landed.
    """

    name: str
    columns: Columns
    checksum: str
    size: int
    remark: str | None = None

    @property
    def height(self) -> int:
        """Number of rows, those without any value included."""
        return self.columns.values.height


def read_file(
    path: Place, table: Table, mapping: Mapping, name: str, key: bytes | None = None
) -> RawFile:
    """Read one landed file.

    Args:
        path: Where it lies; the suffix tells the format.
        table: Landed contract.
        mapping: How the shop's files are written.
        name: The file's name in the tables, its path relative to the table's folder.
        key: From which pseudonyms of people are made; only tables that name people need it.

    Raises:
        RefusedFileError: If it cannot be landed; says why and what to do.
        UnsettledFileError: If it disappears or changes while it is read.
    """
    content = load(path, file_salt(table, mapping, key))
    try:
        if content.defect:
            raise LandingError(content.defect)
        if not content.data:
            empty = Columns([], pl.DataFrame())
            return RawFile(name, empty, content.checksum, content.size, "the file is empty")
        if table.is_personal:
            require_key(table, key)
        columns = _columns(path, content, table, mapping)
        _check_header(columns.names, _targets(columns.names, table, mapping), table, mapping)
    except LandingError as error:
        raise RefusedFileError(str(error), content.checksum, content.size) from error
    return RawFile(name, columns, content.checksum, content.size)


def raw_rows(
    files: Sequence[RawFile], table: Table, mapping: Mapping, key: bytes | None = None
) -> pl.DataFrame:
    """The rows of landed files by the contract of the raw stage, but for those without any value.

    Args:
        files: Files that `read_file` accepted; their order is kept.
        table: Landed contract.
        mapping: How the shop's files are written.
        key: From which pseudonyms of people are made.
    """
    parts = [polars_schema(raw(table)).to_frame()]
    filled = [file for file in files if file.height]
    # Most files have the columns of the one before: a step for all of them takes a tenth.
    for _, alike in groupby(filled, lambda file: (file.columns.names, file.columns.broken is None)):
        parts.append(_raw([*alike], table, mapping))
    rows = pl.concat(parts)
    return protect(rows, table, key) if table.is_personal and key is not None else rows


def file_salt(table: Table, mapping: Mapping, key: bytes | None) -> bytes:
    """What counts as the end of a file's bytes: another mapping or key lets it be read again."""
    return mapping.fingerprint() + salt(table, key)


def _columns(path: Place, content: Content, table: Table, mapping: Mapping) -> Columns:
    name = path.name.lower()
    if name.endswith(".parquet"):
        return _columns_from_parquet(content.data)
    if ".jsonl" in name:
        return columns_from_jsonl(content.data, mapping.encoding)
    return columns_from_csv(
        content.data,
        mapping.encoding,
        mapping.delimiter,
        lambda column: _target(column, table, mapping) is not None,
    )


def _columns_from_parquet(data: bytes) -> Columns:
    try:
        frame = pl.read_parquet(io.BytesIO(data))
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException) as error:
        raise LandingError(f"the parquet file cannot be read ({error}): write it again") from error
    texts = [_as_text(series).alias(str(i)) for i, series in enumerate(frame)]
    return Columns(frame.columns, pl.DataFrame(texts))


def _as_text(values: pl.Series) -> pl.Series:
    if values.dtype == pl.Binary:
        try:
            return values.cast(pl.String)
        except pl.exceptions.PolarsError:
            return values.bin.encode("hex")
    if values.dtype.is_nested() or values.dtype == pl.Duration:
        return values.to_frame("value").select(pl.struct("value").struct.json_encode()).to_series()
    return values.cast(pl.String)


def _normal(name: str) -> str:
    return re.sub(r"[\s-]+", "_", name.strip(" \t\r\ufeff").casefold())


def _target(name: str, table: Table, mapping: Mapping) -> str | None:
    """Our name of a column of theirs, None if the contract does not know it."""
    renamed = {_normal(theirs): ours for theirs, ours in mapping.columns.items()}
    normal = _normal(name)
    if normal in renamed:
        return renamed[normal]
    return normal if normal in table.column_names and normal not in renamed.values() else None


def _targets(names: Sequence[str], table: Table, mapping: Mapping) -> list[str | None]:
    return [_target(name, table, mapping) for name in names]


def _raw(files: Sequence[RawFile], table: Table, mapping: Mapping) -> pl.DataFrame:
    """Rows of files with the same columns."""
    names = files[0].columns.names
    targets = _targets(names, table, mapping)
    values = pl.concat([file.columns.values for file in files])
    broken = [file.columns.broken for file in files if file.columns.broken is not None]
    if broken:
        values = values.with_columns(pl.concat(broken).alias("broken"))
    places = _places(files)
    content = pl.exclude(places.columns).is_not_null()
    rows = values.hstack(places).lazy().filter(pl.any_horizontal(content))
    ours = {target: pl.col(str(i)) for i, target in enumerate(targets) if target}
    extras = {
        name or f"column {i + 1}": pl.col(str(i))
        for i, (name, target) in enumerate(zip(names, targets, strict=True))
        if target is None
    }
    texts = {
        column.name: _declared(
            ours.get(column.name, pl.lit(None, pl.String)), column.dtype, mapping
        )
        for column in table.columns
    }
    texts |= {
        name: texts[name].replace("", None).fill_null(value)
        for name, value in mapping.defaults.items()
    }
    frame = rows.select(*places.columns, **texts, extra=_extra(extras, bool(broken)))
    day = parse_day(pl.col(table.day)) if table.day else pl.lit(None, pl.Date)
    return frame.with_columns(business_day=day).select(raw(table).column_names).collect()


def _places(files: Sequence[RawFile]) -> pl.DataFrame:
    """File, checksum and row number of each row, counted from 1 in each file."""
    heights = pl.Series([file.height for file in files])
    about = pl.DataFrame(
        {"file": [file.name for file in files], "checksum": [file.checksum for file in files]}
    )
    return about.with_columns(row_number=pl.int_ranges(1, heights + 1)).explode("row_number")


def _extra(extras: dict[str, pl.Expr], broken: bool) -> pl.Expr:
    if extras:
        unknown = pl.struct(extras[name].alias(name) for name in sorted(extras))
        extra = unknown.struct.json_encode()
    else:
        extra = pl.lit(None, pl.String)
    if not broken:
        return extra
    line = pl.struct(pl.col("broken").alias(BROKEN_LINE)).struct.json_encode()
    return pl.when(pl.col("broken").is_not_null()).then(line).otherwise(extra)


def _declared(text: pl.Expr, dtype: DType, mapping: Mapping) -> pl.Expr:
    """Translate a declared date or number format; text that is not in it stays as it is."""
    if dtype == DType.DATE and mapping.date_format:
        return pl.coalesce(parse_day(text, mapping.date_format).dt.strftime("%Y-%m-%d"), text)
    if dtype not in (DType.FLOAT, DType.INT) or (mapping.decimal, mapping.thousands) == (".", None):
        return text
    thousands, decimal = re.escape(mapping.thousands or ""), re.escape(mapping.decimal)
    grouped = rf"\d{{1,3}}(?:{thousands}\d{{3}})+|" if thousands else ""
    number = rf"^\s*[+-]?(?:{grouped}\d+)(?:{decimal}\d*)?(?:[eE][+-]?\d+)?\s*$"
    plain = text.str.replace_all(mapping.thousands or "", "", literal=True) if thousands else text
    plain = plain.str.replace(mapping.decimal, ".", literal=True)
    return pl.when(text.str.contains(number)).then(plain).otherwise(text)


def _check_header(
    names: list[str], targets: list[str | None], table: Table, mapping: Mapping
) -> None:
    identities = [target or _normal(name) for name, target in zip(names, targets, strict=True)]
    twice = sorted(
        {name for name, same in zip(names, identities, strict=True)
         if same and identities.count(same) > 1}
    )  # fmt: skip
    # A file without a header begins with a row, in which people may be named.
    came = "names withheld" if table.is_personal else str(names)
    if twice:
        twice = [name for name in twice if not table.is_personal or name in table.column_names]
        raise LandingError(f"columns {twice} come more than once: rename or remove the spare ones")
    missing = [
        column.name for column in table.columns
        if column.required and column.name not in targets and column.name not in mapping.defaults
    ]  # fmt: skip
    if missing:
        raise LandingError(
            f"columns {missing} are missing; the header has {came}. Rename its columns, or say in "
            f"mapping.yaml which is which, as in `columns: {{their name: {missing[0]}}}`"
        )
