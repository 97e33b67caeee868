"""dbt builds the same tables from the same folder."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import duckdb
import polars as pl
from polars.testing import assert_frame_equal
from sql_sources import shop

from forecast_platform.sql import PROJECT_FOLDER, SqlProject
from forecast_platform.sql.run import run


def test_dbt_and_the_platform_build_the_same_tables(tmp_path: Path) -> None:
    sources = shop(3)
    for name, rows in sources.items():
        rows.write_parquet(tmp_path / f"{name}.parquet")
    database = tmp_path / "built.duckdb"
    dbt = [
        str(Path(sys.executable).with_name("dbt")),
        "build",
        *("--project-dir", str(PROJECT_FOLDER), "--profiles-dir", str(PROJECT_FOLDER)),
        *("--target-path", str(tmp_path / "target"), "--log-path", str(tmp_path / "logs")),
    ]
    environment = {
        **os.environ,
        "FORECAST_PLATFORM_SQL_SOURCES": str(tmp_path),
        "FORECAST_PLATFORM_SQL_DATABASE": str(database),
    }
    done = subprocess.run(
        dbt, env=environment, cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr

    project = SqlProject.load()
    sold = sources["validated_sales"]["date"]
    ours = run(project, sources, first=sold.min(), last=sold.max())
    with duckdb.connect(str(database), read_only=True) as connection:
        theirs = {name: connection.sql(f"select * from {name}").pl() for name in project.models}
    assert ours["clean_demand"].height > 500
    for name, rows in ours.items():
        expected = theirs[name]
        if "date" in expected.columns:
            expected = expected.filter(pl.col("date").is_between(sold.min(), sold.max()))
        expected = expected.sort(expected.columns)
        assert_frame_equal(rows.sort(rows.columns), expected, check_exact=True)
