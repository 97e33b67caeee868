"""Runs the SQL project on DuckDB in memory, for a span of days.

Belongs here: handing frames to DuckDB and getting frames back. Does not belong here: what the
models compute (`dbt_like_sql/`).
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING

import polars as pl

from forecast_platform.contracts import landed_table, tables
from forecast_platform.errors import ConfigurationError
from forecast_platform.lake import conform, polars_schema
from forecast_platform.sql.project import SqlProject

if TYPE_CHECKING:
    import duckdb

_IDENTIFIERS = ("item_id", "location_id")
"""Columns by which the models join and sort."""


def run(
    project: SqlProject,
    sources: Mapping[str, pl.DataFrame],
    *,
    first: dt.date,
    last: dt.date,
    outputs: Collection[str] | None = None,
    threads: int | None = None,
) -> dict[str, pl.DataFrame]:
    """Build the models for the days [first, last].

    A day's rows depend on nothing but the sources' rows of its own look-back, so they are the same
    whether the day is built alone or in a span, whatever the order of rows and the threads.

    Args:
        project: The project to run.
        sources: Frames by source name, with the contract's columns and at least the rows of
            [first - project.lookback()[name], last]. A source that is left out has no rows.
        first: First day to build.
        last: Last day to build.
        outputs: Models whose tables are wanted; all if None. Others that they need are built too.
        threads: DuckDB's threads; by default one per core.

    Returns:
        A frame per model. Tables with a contract have exactly its columns and types and are sorted
        by date, item and location; the others by all their columns.

    Raises:
        ConfigurationError: If a model is not SQL that DuckDB runs (names the file), or a source or
            an output is unknown.
    """
    # Loading the definitions needs no database.
    import duckdb

    _check_known(sources, project.sources, "sources")
    wanted = project.upstream_of(project.models if outputs is None else outputs)
    built: dict[str, pl.DataFrame] = {}
    with duckdb.connect(config={} if threads is None else {"threads": threads}) as connection:
        # Rows are sorted at the end, so DuckDB need not keep their order on the way.
        connection.execute("set preserve_insertion_order = false")
        _hand_over(connection, project, sources)
        for name in wanted:
            spec = project.models[name]
            sql = project.render(name, first=first, last=last, variables=_fill_strategies())
            try:
                connection.execute(f"create {spec.materialized} {name} as {sql}")
            except duckdb.Error as error:
                raise ConfigurationError(f"{spec.path} does not run: {error}") from error
        for name in project.models if outputs is None else outputs:
            built[name] = _fetch(connection, project, name, first)
    return built


def _hand_over(
    connection: duckdb.DuckDBPyConnection,
    project: SqlProject,
    sources: Mapping[str, pl.DataFrame],
) -> None:
    """Make the sources known, their identifiers numbered in order of their text.

    DuckDB shows an enumerated identifier as its text, but joins and sorts it by the number, which
    takes two thirds of the time.
    """
    frames = {
        name: sources.get(name, polars_schema(tables()[name]).to_frame()).select(columns)
        for name, columns in project.sources.items()
    }
    for column in _IDENTIFIERS:
        distinct = [f[column].unique() for f in frames.values() if column in f.columns]
        known = pl.concat(distinct).unique().drop_nulls().sort()
        connection.register(f"known_{column}", known.to_frame())
        # An enumeration of nothing is none.
        spare = "" if known.len() else "union all select ''"
        connection.execute(
            f"create type {column} as enum (select {column} from known_{column} {spare})"
        )
    for name, frame in frames.items():
        connection.register(f"landed_{name}", frame)
        columns = (f"{c}::{c} as {c}" if c in _IDENTIFIERS else f'"{c}"' for c in frame.columns)
        connection.execute(f"create view {name} as select {', '.join(columns)} from landed_{name}")


def _fetch(
    connection: duckdb.DuckDBPyConnection, project: SqlProject, name: str, first: dt.date
) -> pl.DataFrame:
    """The rows of one model, without the days that it holds for later models to look back on."""
    columns = tuple(project.models[name].columns)
    where = f"where date >= date '{first}'" if "date" in columns else ""
    frame: pl.DataFrame = connection.sql(f"select * from {name} {where}").pl()
    contract = tables().get(name)
    if contract is not None:
        return conform(_by_day_and_series(frame), contract)
    texts = frame.with_columns(pl.col(pl.Categorical).cast(pl.String))
    return texts.sort(texts.columns)


def _by_day_and_series(frame: pl.DataFrame) -> pl.DataFrame:
    """Sort by date, item and location, several times faster than by the strings themselves."""

    def number(name: str) -> tuple[pl.Expr, int]:
        known = frame[name].unique().cast(pl.String).sort()
        place = pl.col(name).cast(pl.Enum(known)).to_physical().cast(pl.Int64)
        return place, max(known.len(), 1)

    (item, items), (location, locations) = number("item_id"), number("location_id")
    day = pl.col("date").cast(pl.Date).cast(pl.Int64)
    order = frame.select(((day * items) + item) * locations + location).to_series()
    return frame[order.arg_sort()]


def _fill_strategies() -> dict[str, str]:
    """How gaps are filled, as the contracts of the columns say."""
    return {
        "shelf_price_fill": landed_table("prices").column("price").fill,
        "paid_price_fill": landed_table("sales").column("unit_price").fill,
    }


def _check_known(given: Collection[str], known: Collection[str], what: str) -> None:
    unknown = sorted(set(given) - set(known))
    if unknown:
        raise ConfigurationError(
            f"The SQL project knows no {what} {', '.join(unknown)}: expected some of "
            f"{', '.join(sorted(known))}."
        )
