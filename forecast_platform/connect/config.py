"""`sources.yaml`: which databases and web services feed the landing folder.

Secrets never stand in the file: an address or a token is named by the environment variable or the
file that holds it, and read when a source is opened.
"""

from __future__ import annotations

import ipaddress
import os
import re
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from forecast_platform.contracts import LANDED
from forecast_platform.errors import ConfigurationError

_TABLES = {table.name: table for table in LANDED}
_CRON = re.compile(r"(@(hourly|daily|weekly)|[\d*,/-]+( [\d*,/A-Za-z-]+){4})")


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Secret(_Part):
    """Where a secret stands: in an environment variable or in a file, one of the two."""

    env: str | None = Field(None, min_length=1)
    file: Path | None = None

    @model_validator(mode="after")
    def _one_place(self) -> Secret:
        if (self.env is None) == (self.file is None):
            raise ValueError("name either `env`, a variable, or `file`, a path")
        return self

    def read(self) -> str:
        """The secret itself.

        Raises:
            ConfigurationError: If the variable or the file is not there or empty.
        """
        if self.env:
            value, place = os.environ.get(self.env, ""), f"the environment variable {self.env}"
        else:
            place = f"the file {self.file}"
            try:
                value = Path(self.file or "").read_text("utf-8")
            except (OSError, UnicodeDecodeError) as error:
                raise ConfigurationError(
                    f"A secret of sources.yaml is to stand in {place}, which cannot be read: "
                    f"{error}."
                ) from error
        if not value.strip():
            raise ConfigurationError(
                f"A secret of sources.yaml is to stand in {place}, which is empty: set it."
            )
        return value.strip()


class Feed(_Part):
    """What kinds of source have in common about one landed table.

    Days are business days in the time zone of the settings.
    """

    columns: dict[str, str] = Field({}, description="Their column name: our column name.")
    watermark: str | None = Field(None, min_length=1, description="Their column of last change.")
    overlap_minutes: int = Field(60, ge=0, description="How late a change may be committed.")
    reread_days: int = Field(7, ge=0, description="Newest days read again, which shows deletes.")

    def theirs(self, ours: str) -> str:
        """Their name of one of our columns."""
        return next((name for name, own in self.columns.items() if own == ours), ours)

    @field_validator("columns")
    @classmethod
    def _each_once(cls, value: dict[str, str]) -> dict[str, str]:
        if len(set(value.values())) < len(value):
            raise ValueError("two of their columns are given the same name")
        return value


class SqlFeed(Feed):
    """A table, a view or a query of a database."""

    table: str | None = Field(None, description="Name, with its schema if it has one.")
    query: str | None = Field(None, description="One SELECT statement.")

    @model_validator(mode="after")
    def _one_origin(self) -> SqlFeed:
        if (self.table is None) == (self.query is None):
            raise ValueError("name either `table` or `query`")
        if self.query and (";" in self.query or not self.query.lstrip()[:6].lower() == "select"):
            raise ValueError("`query` should be one SELECT statement without a semicolon")
        return self


class Pages(_Part):
    """How a web service splits what it answers."""

    kind: Literal["none", "number", "offset", "cursor", "link"] = "none"
    size: int = Field(1000, ge=1, description="Rows of a page.")
    parameter: str | None = Field(None, description="Query parameter of page, offset or cursor.")
    size_parameter: str | None = Field(None, description="Query parameter of the rows of a page.")
    first: int = Field(1, description="Number of the first page.")
    next: str = Field("next", description="Where the answer holds the next link or cursor.")
    total: str | None = Field(None, description="Where the answer holds the number of all rows.")


class RestFeed(Feed):
    """A path of a web service. `{day}` in a parameter reads it day by day."""

    path: str = Field(min_length=1)
    params: dict[str, str] = {}
    rows: str = Field("$", description="JSON path of the list of rows in an answer.")
    pages: Pages = Pages()
    changed: dict[str, str] = Field(
        {},
        description="Parameters that ask for rows changed since `{since}`, in place of `params`.",
    )

    @property
    def by_day(self) -> bool:
        """Whether it is read one business day at a time."""
        return any("{day}" in value for value in self.params.values())

    @model_validator(mode="after")
    def _changes_have_a_mark(self) -> RestFeed:
        if "://" in self.path:
            raise ValueError("`path` should be relative to the source's address")
        if self.changed and not (self.watermark and self.by_day):
            raise ValueError("`changed` needs `watermark`, and a parameter with {day}")
        if self.watermark and not self.changed:
            raise ValueError("`watermark` needs `changed`, which asks for rows changed since")
        return self


class Auth(_Part):
    """What a web service asks for: a bearer token, a header of its own, or user and password."""

    kind: Literal["bearer", "header", "basic"]
    secret: Secret
    header: str = "X-Api-Key"
    user: str = ""


class _Source(_Part):
    schedule: str = Field("0 2 * * *", description="Cron line, switched on in the UI.")

    @field_validator("schedule")
    @classmethod
    def _is_cron(cls, value: str) -> str:
        if not _CRON.fullmatch(value):
            raise ValueError("is no cron line; write it like `15 * * * *`, or @hourly, @daily")
        return value


class SqlSource(_Source):
    """A Postgres database."""

    kind: Literal["sql"]
    address: Secret
    tables: dict[str, SqlFeed] = Field(min_length=1)


class RestSource(_Source):
    """A web service that answers JSON."""

    kind: Literal["rest"]
    address: str = Field(pattern=r"^https?://[^\s@]+$", description="Without user and password.")
    auth: Auth | None = None
    requests_per_second: float = Field(10, gt=0)
    attempts: int = Field(5, ge=1, description="Of a request, before it counts as failed.")
    backoff_seconds: float = Field(1, ge=0, description="First wait after a failure; it doubles.")
    timeout_seconds: float = Field(60, gt=0)
    tables: dict[str, RestFeed] = Field(min_length=1)

    @model_validator(mode="after")
    def _keeps_its_secret(self) -> RestSource:
        address = urlsplit(self.address)
        if self.auth and address.scheme == "http" and not _is_near(address.hostname or ""):
            raise ValueError("`address` should be https://, else its secret travels in the clear")
        return self


def _is_near(host: str) -> bool:
    """Whether a host is this machine, of a private network, or a container beside this one."""
    try:
        return ipaddress.ip_address(host).is_private
    except ValueError:
        return "." not in host


Source = Annotated[SqlSource | RestSource, Field(discriminator="kind")]


class _File(_Part):
    sources: dict[str, Source] = {}

    @model_validator(mode="after")
    def _fits_contracts(self) -> _File:
        for name, source in self.sources.items():
            if not re.fullmatch(r"[a-z][a-z0-9_]{0,39}", name):
                raise ValueError(f"{name!r} is no source name: small letters, digits and _")
            for table, feed in source.tables.items():
                _check(f"{name}.{table}", table, feed)
        return self


def _check(where: str, table: str, feed: Feed) -> None:
    if table not in _TABLES:
        raise ValueError(f"{where}: no such table; expected some of {[*_TABLES]}")
    known = _TABLES[table].column_names
    if unknown := sorted({*feed.columns.values()} - {*known}):
        raise ValueError(f"{where}.columns: {unknown} not known; expected some of {[*known]}")
    if feed.watermark and _TABLES[table].day is None:
        raise ValueError(f"{where}: {table} has no days and is always read whole: no `watermark`")


def load_sources(path: Path) -> dict[str, SqlSource | RestSource]:
    """The sources by name; none where there is no file.

    Raises:
        ConfigurationError: If the file cannot be read or does not fit; says what to change.
    """
    if not path.exists():
        return {}
    try:
        content: Any = yaml.safe_load(path.read_text("utf-8-sig"))
        return dict(_File.model_validate(content or {}).sources)
    except ValidationError as error:
        problems = "; ".join(
            f"{'.'.join(map(str, e['loc']))}: {e['msg']}".removeprefix(": ") for e in error.errors()
        )
        raise ConfigurationError(f"{path} does not fit: {problems}.") from error
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise ConfigurationError(f"{path} cannot be read as YAML: {error}.") from error
