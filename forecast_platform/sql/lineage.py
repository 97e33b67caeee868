"""Column lineage of the SQL models: which columns each column is made of.

Belongs here: what sqlglot reads from the rendered SQL. sqlglot is imported on first use, because
the definitions load without it.
"""

from __future__ import annotations

import datetime as dt

from forecast_platform.errors import ConfigurationError
from forecast_platform.sql.project import SqlProject

_ANY_DAY = dt.date(2000, 1, 1)


def column_lineage(project: SqlProject, model: str) -> dict[str, list[tuple[str, str]]]:
    """Columns of models and sources that each column of `model` is made of.

    Args:
        project: The project.
        model: Model name.

    Returns:
        Per column, in order, the (model or source, column) pairs it is computed from, sorted. One
        step upstream only. Columns that only filter or join rows are not part of it.

    Raises:
        ConfigurationError: If the project has no such model, or the model is not SQL, or selects
            a column that its input does not have; names the file.
    """
    from sqlglot import exp
    from sqlglot.errors import SqlglotError
    from sqlglot.lineage import lineage

    project.upstream_of([model])
    spec = project.models[model]
    sql = project.render(model, first=_ANY_DAY, last=_ANY_DAY)
    schema = {name: dict.fromkeys(_columns(project, name), "unknown") for name in spec.depends_on}
    try:
        # Untrimmed: else every column of every step gets a copy of the query it is selected in.
        roots = lineage(
            None, sql, schema, dialect="duckdb", trim_selects=False, validate_qualify_columns=True
        )
    except SqlglotError as error:
        raise ConfigurationError(f"{spec.path} is not SQL that can be followed: {error}") from error
    return {
        column: sorted(
            {
                (node.expression.name, node.name.rsplit(".", 1)[-1])
                for node in root.walk()
                if isinstance(node.expression, exp.Table)
            }
        )
        for column, root in roots.items()
    }


def _columns(project: SqlProject, name: str) -> tuple[str, ...]:
    if name in project.sources:
        return project.sources[name]
    return tuple(project.models[name].columns)
