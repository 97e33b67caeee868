"""`mapping.yaml`: how a shop's own files name and write what the contracts ask for.

It lies in `landing/<table>/`, or once in `landing/` with one entry per table. What it declares
(renamed columns, number and date formats, defaults) is translated when a file lands; text about
which it says nothing stays as it came.
"""

from __future__ import annotations

import codecs
import datetime as dt
from typing import Any, Literal

import polars as pl
import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from forecast_platform.contracts import LANDED, Table
from forecast_platform.errors import ConfigurationError
from forecast_platform.sources.dates import parse_day
from forecast_platform.storage import Place

MAPPING_FILE = "mapping.yaml"


class Mapping(BaseModel):
    """How the files of one table are written; the empty mapping is the documented contract."""

    model_config = ConfigDict(extra="forbid", frozen=True, coerce_numbers_to_str=True)

    columns: dict[str, str] = Field({}, description="Their column name: our column name.")
    date_format: str | None = Field(None, description="strptime format of every date, %d/%m/%Y.")
    decimal: Literal[".", ","] = Field(".", description="Decimal sign.")
    thousands: Literal[".", ",", " ", "'"] | None = Field(None, description="Thousands sign.")
    delimiter: str | None = Field(None, min_length=1, max_length=1, description="csv delimiter.")
    encoding: str | None = Field(None, description="Python name of the text encoding.")
    defaults: dict[str, str] = Field({}, description="Our column: value where theirs is empty.")

    @field_validator("encoding")
    @classmethod
    def _known_encoding(cls, value: str | None) -> str | None:
        try:
            # Some codecs are none of text, such as base64.
            "".encode(value or "utf-8")
            return codecs.lookup(value).name if value else None
        except (LookupError, ValueError) as error:
            raise ValueError("is not an encoding; try utf-8, cp1252 or utf-16-le") from error

    @field_validator("delimiter")
    @classmethod
    def _possible_delimiter(cls, value: str | None) -> str | None:
        if value is not None and (not value.isascii() or value in '"\r\n\0'):
            raise ValueError("cannot be read; let the shop write one of , ; | or a tab")
        return value

    @field_validator("date_format")
    @classmethod
    def _whole_date_format(cls, value: str | None) -> str | None:
        if value is None:
            return None
        sample = dt.datetime(2011, 2, 13, 8, 26)
        text = pl.DataFrame({"date": [sample.strftime(value)]})
        if text.select(parse_day(pl.col("date"), value)).item() != sample.date():
            raise ValueError("does not give day, month and year; write it like %d/%m/%Y")
        return value

    def fingerprint(self) -> bytes:
        """What tells this mapping from others; empty for the empty mapping."""
        return b"" if self == Mapping() else self.model_dump_json(exclude_defaults=True).encode()


def load_mapping(landing: Place, table: Table) -> Mapping:
    """The mapping of one table, the table's own file before the common one.

    Raises:
        ConfigurationError: If a mapping file cannot be read or does not fit; says what to change.
    """
    own = landing / table.name / MAPPING_FILE
    common = landing / MAPPING_FILE
    path, content = own, _read(own)
    if content is None:
        path, by_table = common, _read(common) or {}
        _only_known(path, "", by_table, [t.name for t in LANDED])
        content = by_table.get(table.name) or {}
    try:
        mapping = Mapping.model_validate(content)
    except ValidationError as error:
        problems = "; ".join(
            f"{'.'.join(map(str, e['loc']))}: {e['msg']} (got {e['input']!r})"
            for e in error.errors()
        )
        raise ConfigurationError(f"{path}, table {table.name}: {problems}.") from error
    _only_known(path, "columns: ", mapping.columns.values(), table.column_names)
    _only_known(path, "defaults: ", mapping.defaults, table.column_names)
    return mapping


def _read(path: Place) -> dict[str, Any] | None:
    try:
        content = yaml.safe_load(path.read_text("utf-8-sig"))
    except (FileNotFoundError, NotADirectoryError):
        return None
    except PermissionError as error:
        raise ConfigurationError(
            f"{path.parent} cannot be read ({error.strerror}): give the platform's user the right "
            "to read it."
        ) from error
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise ConfigurationError(f"{path} cannot be read as YAML: {error}.") from error
    if content is None:
        return {}
    if not isinstance(content, dict):
        raise ConfigurationError(f"{path} must be keys and values, for example `columns:`.")
    return content


def _only_known(path: Place, where: str, names: Any, known: Any) -> None:
    unknown = sorted(str(name) for name in names if name not in known)
    if unknown:
        raise ConfigurationError(
            f"{path}: {where}{unknown} not known; expected some of {[*known]}."
        )
