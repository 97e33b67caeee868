"""A web service as a source: pages of JSON, authenticated, paced, retried, by dlt's client.

A day is written only after its last page was read, so an interrupted pull goes on with that day.
"""

from __future__ import annotations

import datetime as dt
import itertools
import json
import time
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import polars as pl

from forecast_platform.connect.config import RestFeed, RestSource
from forecast_platform.connect.reader import Extent, SourceError, landed_form, wanted
from forecast_platform.connect.rest_client import authentication, check_paths, client, paginator
from forecast_platform.contracts import landed_table

if TYPE_CHECKING:
    from requests import Response

_TRIED_DAYS = 14
"""Newest days that are asked for rows until one tells the columns."""

Row = dict[str, Any]


class RestReader:
    """One web service.

    Args:
        name: Of the source, for messages.
        source: Its part of sources.yaml.
        span: First and last business day that an extent tells of.

    Raises:
        ConfigurationError: If its secret is not set, or what should be a JSON path is none.
    """

    def __init__(self, name: str, source: RestSource, span: tuple[dt.date, dt.date]) -> None:
        self._name = name
        self._source = source
        self._span = span
        for table, feed in source.tables.items():
            check_paths(f"{name}.tables.{table}", feed)
        self._auth = authentication(source.auth)
        self._client = client(source, self._auth)
        self._not_before = 0.0
        self._undivided: dict[str, pl.DataFrame] = {}

    def columns(self, table: str) -> list[str]:
        """Their columns, as the newest rows name them; none where there are no rows."""
        feed = self._source.tables[table]
        if not feed.by_day:
            return list(_frame(self._rows(table, feed.params, first_page=True)).columns)
        for back in range(_TRIED_DAYS):
            day = self._span[1] - dt.timedelta(days=back)
            rows = self._rows(table, _filled(feed.params, day=day.isoformat()), first_page=True)
            if rows:
                return list(_frame(rows).columns)
        return []

    def extent(self, table: str, since: str | None) -> Extent:
        """The days that can be asked for, or those of the rows where one answer has all days."""
        feed = self._source.tables[table]
        if not feed.by_day:
            told = {dt.date.fromisoformat(day) for day in self._divided(table)["_day"]}
            first, last = self._span
            ahead = max((day for day in told if day > last), default=None)
            days = [day for day in told if first <= day <= last]
            return Extent(min(days, default=None), max(days, default=None), ahead=ahead, whole=True)
        if not feed.changed or feed.watermark is None:
            return Extent(*self._span)
        if since is None:
            # What changes during the first pull is asked for by the second.
            return Extent(*self._span, watermark=_now())
        mark = dt.datetime.fromisoformat(since) - dt.timedelta(minutes=feed.overlap_minutes)
        now = _now()
        rows = self._rows(table, _filled(feed.changed, since=mark.isoformat()))
        day = feed.theirs(landed_table(table).day or "")
        found = sorted({self._day(table, row.get(day)) for row in rows})
        within = [one for one in found if self._span[0] <= one <= self._span[1]]
        return Extent(*self._span, watermark=now, changed=within)

    def days(self, table: str, days: Sequence[dt.date]) -> Iterator[tuple[dt.date, pl.DataFrame]]:
        """The rows of each of the `days`."""
        feed = self._source.tables[table]
        for day in days:
            if feed.by_day:
                rows = _frame(self._rows(table, _filled(feed.params, day=day.isoformat())))
            else:
                rows = self._divided(table).filter(pl.col("_day") == day.isoformat())
            if rows.height:
                yield day, self._landed(table, rows)

    def whole(self, table: str) -> pl.DataFrame:
        """All rows of a table that has no days."""
        rows = self._rows(table, self._source.tables[table].params)
        return self._landed(table, _frame(rows))

    def close(self) -> None:
        """Give the connections back."""
        self._client.session.close()

    def _landed(self, table: str, rows: pl.DataFrame) -> pl.DataFrame:
        feed = self._source.tables[table]
        # Many services leave out what is empty, so a column may be missing from one day's rows.
        optional = {*feed.columns, *([feed.watermark] if feed.watermark else [])}
        there = rows.columns or landed_table(table).column_names
        names = wanted(table, feed, [*there, *sorted(optional - {*there})])
        return landed_form(rows, table, names)

    def _divided(self, table: str) -> pl.DataFrame:
        """All rows of an answer that has all days, with the day of each; asked for once."""
        if table not in self._undivided:
            feed = self._source.tables[table]
            rows = _frame(self._rows(table, feed.params))
            day = feed.theirs(landed_table(table).day or "")
            told = rows[day].to_list() if day in rows.columns else [None] * rows.height
            days = [self._day(table, value).isoformat() for value in told]
            self._undivided[table] = rows.with_columns(_day=pl.Series(days, dtype=pl.String))
        return self._undivided[table]

    def _day(self, table: str, value: object) -> dt.date:
        try:
            return dt.date.fromisoformat(str(value)[:10])
        except ValueError as error:
            day = self._source.tables[table].theirs(landed_table(table).day or "")
            said = "withheld" if landed_table(table).is_personal else repr(value)
            raise SourceError(
                f"{self._name}.{table}: {day!r} of a row is {said}, which does not begin with "
                "a day like 2026-03-01."
            ) from error

    def _rows(self, table: str, params: dict[str, str], first_page: bool = False) -> list[Row]:
        """The rows of all pages of one question."""
        from requests import RequestException

        feed = self._source.tables[table]
        pages = self._client.paginate(
            feed.path, params=_sized(params, feed), paginator=paginator(feed.pages),
            data_selector=feed.rows,
            allow_redirects=False, timeout=self._source.timeout_seconds,
        )  # fmt: skip
        rows: list[Row] = []
        short = False
        try:
            while (page := self._next(pages)) is not None:
                _check(page.response, feed, page, after_short=short)
                rows += page
                short = feed.pages.kind == "offset" and len(page) < feed.pages.size
                if first_page:
                    return rows
                if page.paginator.has_next_page:
                    self._stay_home(page.request.url)
                last = page.response
        except (RequestException, ValueError) as error:
            raise SourceError(
                f"{self._name}.{table} cannot be read from {self._source.address}: "
                f"{_said(error)}. What was read before is kept; pull again to go on."
            ) from error
        if feed.pages.total and _found(feed.pages.total, last) not in ([len(rows)], []):
            raise SourceError(
                f"{self._name}.{table}: {len(rows)} rows came of "
                f"{_found(feed.pages.total, last)[0]} that were announced. Pull again; if it "
                "stays so, mend `pages` in sources.yaml."
            )
        return rows

    def _next(self, pages: Iterator[Any]) -> Any:
        """The next page, no sooner than the rate allows."""
        time.sleep(max(0.0, self._not_before - time.monotonic()))
        self._not_before = time.monotonic() + 1 / self._source.requests_per_second
        return next(pages, None)

    def _stay_home(self, following: str) -> None:
        """A secret goes to the host it was given for, wherever a `next` link points."""
        home, there = urlsplit(self._source.address), urlsplit(following)
        if (home.scheme, home.netloc) != (there.scheme, there.netloc):
            raise ValueError(f"the next page is said to lie at {there.scheme}://{there.netloc}")


def _sized(params: dict[str, str], feed: RestFeed) -> dict[str, str]:
    """The parameters, with the rows of a page where the service takes that."""
    name = feed.pages.size_parameter
    return {**params, name: str(feed.pages.size)} if name else {**params}


def _check(response: Response, feed: RestFeed, page: Sequence[Any], after_short: bool) -> None:
    """Refuse an answer that would pass for fewer rows than there are."""
    found = _found(feed.rows, response)
    if not found or not all(isinstance(rows, list) for rows in found[:1]):
        raise ValueError(f"the answer has no list of rows at {feed.rows!r}")
    if not all(isinstance(row, dict) for row in page):
        raise ValueError(f"what lies at {feed.rows!r} are not rows with named columns")
    if after_short and page:
        raise ValueError("a page had fewer rows than asked for though more follow")


def _found(path: str, response: Response) -> list[Any]:
    from dlt.common import jsonpath

    return list(jsonpath.find_values(path, response.json()))


def _said(error: Exception) -> str:
    """What went wrong, without the query of an address."""
    response = getattr(error, "response", None)
    if response is not None and response.status_code >= 400:
        return f"it answered {response.status_code} {response.reason}".rstrip()
    if isinstance(error, json.JSONDecodeError):
        return "the answer is no JSON"
    return str(error).splitlines()[0].split("?")[0].rstrip(".") if str(error) else repr(error)


def _frame(rows: Sequence[Row]) -> pl.DataFrame:
    names = dict.fromkeys(itertools.chain.from_iterable(rows))
    return pl.DataFrame(
        {name: [_text(row.get(name)) for row in rows] for name in names},
        schema=dict.fromkeys(names, pl.String),
    )


def _text(value: object) -> str | None:
    if value is None or isinstance(value, str):
        return value
    return json.dumps(value)


def _filled(params: dict[str, str], **values: str) -> dict[str, str]:
    filled = {}
    for name, text in params.items():
        for key, value in values.items():
            text = text.replace(f"{{{key}}}", value)
        filled[name] = text
    return filled


def _now() -> str:
    return dt.datetime.now(dt.UTC).isoformat(timespec="seconds")
