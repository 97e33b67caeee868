"""Turns `dbt_like_sql/` into a graph of models with column lineage, and runs it on DuckDB.

`forecast_platform.sql.run` is imported by name, as it loads DuckDB and polars.
"""

from forecast_platform.sql.lineage import column_lineage
from forecast_platform.sql.project import PROJECT_FOLDER, ModelSpec, SqlProject

__all__ = ["PROJECT_FOLDER", "ModelSpec", "SqlProject", "column_lineage"]
