"""Reading the project: order, look-back, documentation, and what is said of a broken one."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from sql_sources import day, frame, shop

from forecast_platform.contracts import landed_table, tables
from forecast_platform.errors import ConfigurationError
from forecast_platform.sql import PROJECT_FOLDER, SqlProject, column_lineage
from forecast_platform.sql.run import run

PROJECT = SqlProject.load()
DAYS = {"first": day(0), "last": day(3)}


def project(folder: Path, models: dict[str, str], yml: str = "") -> Path:
    """A project of some models over the source validated_prices, with the real macros."""
    (folder / "models" / "staging").mkdir(parents=True)
    (folder / "macros").symlink_to(PROJECT_FOLDER / "macros")
    (folder / "dbt_project.yml").write_text("name: small\nvars: {days: 35, strategy: zero}\n")
    sources = (
        "sources: [{name: lake, tables: [{name: validated_prices, columns: "
        "[{name: date}, {name: item_id}, {name: location_id}, {name: price}]}]}]\n"
    )
    (folder / "models" / "all.yml").write_text(sources + yml)
    for name, sql in models.items():
        (folder / "models" / "staging" / f"{name}.sql").write_text(sql)
    return folder


def test_every_model_comes_after_what_it_depends_on() -> None:
    seen = set(PROJECT.sources)
    for name, model in PROJECT.models.items():
        assert set(model.depends_on) <= seen
        seen.add(name)
    assert list(PROJECT.models)[-1] == "clean_demand"
    layers = [model.layer for model in PROJECT.models.values()]
    assert set(layers) == {"staging", "intermediate", "marts"}


def test_look_back_is_the_longest_path_through_the_models() -> None:
    assert PROJECT.lookback() == {
        "validated_sales": 56,
        "validated_prices": 35,
        "validated_promotions": 90,
        "validated_inventory": 0,
    }


def test_look_backs_add_up_along_a_path(tmp_path: Path) -> None:
    meta = "{name: %s, config: {meta: {lookback_days: {%s: days}}}}"
    yml = f"models: [{meta % ('a', 'validated_prices')}, {meta % ('b', 'a')}]\n"
    models = {
        "a": "select * from {{ source('lake', 'validated_prices') }}",
        "b": "select * from {{ ref('a') }}",
        "c": "select * from {{ ref('b') }} union all select * from {{ ref('a') }}",
    }
    assert SqlProject.load(project(tmp_path, models, yml)).lookback() == {"validated_prices": 70}


def test_the_yml_describes_exactly_the_columns_that_models_have() -> None:
    built = run(PROJECT, shop(0, days=10), first=day(0), last=day(9))
    for name, model in PROJECT.models.items():
        assert list(model.columns) == built[name].columns
        assert all(model.columns.values()), name
        assert model.description


def test_the_mart_says_what_its_contract_says() -> None:
    contract = tables()["clean_demand"]
    mart = PROJECT.models["clean_demand"].columns
    assert mart == {column.name: column.description for column in contract.columns}


def test_sources_are_tables_of_the_lake_and_say_what_their_contracts_say() -> None:
    for name, columns in PROJECT.sources.items():
        assert set(columns) <= set(tables()[name].column_names)


def test_defaults_of_dbt_fill_gaps_as_the_contracts_say() -> None:
    assert PROJECT.variables["shelf_price_fill"] == landed_table("prices").column("price").fill
    assert PROJECT.variables["paid_price_fill"] == landed_table("sales").column("unit_price").fill


def test_reading_the_project_loads_no_engine() -> None:
    script = (
        "import sys; from forecast_platform.sql import SqlProject; SqlProject.load(); "
        "print(sorted({'duckdb', 'polars', 'sqlglot', 'dbt'} & set(sys.modules)))"
    )
    done = subprocess.check_output([sys.executable, "-c", script], text=True)
    assert done.strip() == "[]"


FILLED = {
    "none": [None, 1.0, None, None, 4.0, None],
    "zero": [0.0, 1.0, 0.0, 0.0, 4.0, 0.0],
    "mean": [None, 1.0, 1.0, 1.0, 4.0, 2.5],
    "median": [None, 1.0, 1.0, 1.0, 4.0, 2.5],
    "forward_fill": [None, 1.0, 1.0, 1.0, 4.0, 4.0],
}
FILL = (
    "select date, item_id, location_id, {{ fill('price', var('strategy'), var('days')) }} as price "
    "from {{ source('lake', 'validated_prices') }}"
)


@pytest.mark.parametrize("strategy", FILLED)
def test_gaps_are_filled_by_the_named_strategy_from_earlier_days(
    tmp_path: Path, strategy: str
) -> None:
    folder = project(tmp_path, {"filled": FILL})
    (folder / "dbt_project.yml").write_text(f"name: small\nvars: {{days: 4, strategy: {strategy}}}")
    known = [{"date": day(n), "price": price} for n, price in enumerate(FILLED["none"])]
    source = {"validated_prices": frame("validated_prices", known)}
    built = run(SqlProject.load(folder), source, first=day(0), last=day(5))
    assert built["filled"]["price"].to_list() == FILLED[strategy]


def test_interpolation_is_refused_because_it_looks_ahead(tmp_path: Path) -> None:
    folder = project(tmp_path, {"filled": FILL})
    (folder / "dbt_project.yml").write_text("name: small\nvars: {days: 3, strategy: interpolate}")
    with pytest.raises(ConfigurationError, match="Interpolation needs the next known value"):
        SqlProject.load(folder)


@pytest.mark.parametrize(
    ("sql", "message"),
    [
        ("select * from {{ ref('b') }}", r"a\.sql refers to the model b, .*expected one of a"),
        ("select * from {{ source('lake', 'b') }}", r"a\.sql refers to the source b, which no yml"),
        ("select {{ var('b') }}", r"a\.sql reads the variable b"),
        ("select {{ b }}", r"a\.sql is not a template that can be rendered: 'b' is undefined"),
        ("select {% if %}", r"a\.sql is not a template that can be rendered"),
        ("select * from {{ ref('a') }}", r"in a circle, a -> a: break it in one of .*a\.sql"),
    ],
)
def test_a_broken_model_is_named_with_what_is_wrong(tmp_path: Path, sql: str, message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        SqlProject.load(project(tmp_path, {"a": sql}))


def test_models_that_refer_to_each_other_are_named(tmp_path: Path) -> None:
    models = {"a": "select * from {{ ref('b') }}", "b": "select * from {{ ref('a') }}"}
    with pytest.raises(ConfigurationError, match=r"a\.sql, .*b\.sql"):
        SqlProject.load(project(tmp_path, models))


@pytest.mark.parametrize("sql", ["select from where", "select nothing from {{ ref('b') }}"])
def test_bad_sql_is_named_by_the_run_and_by_lineage(tmp_path: Path, sql: str) -> None:
    models = {"a": sql, "b": "select date, price from {{ source('lake', 'validated_prices') }}"}
    yml = "models: [{name: b, columns: [{name: date}, {name: price}]}]\n"
    loaded = SqlProject.load(project(tmp_path, models, yml))
    with pytest.raises(ConfigurationError, match=r"a\.sql does not run"):
        run(loaded, {}, **DAYS)
    with pytest.raises(ConfigurationError, match=r"a\.sql is not SQL that can be followed"):
        column_lineage(loaded, "a")


@pytest.mark.parametrize(
    ("yml", "message"),
    [
        ("models: [{name: gone}]", r"describe gone, but there is no such \.sql file"),
        ("models: [", r"all\.yml is not YAML"),
        (
            "models: [{name: a, config: {meta: {lookback_days: {validated_prices: weeks}}}}]",
            r"look-back of .*a\.sql names the variable weeks",
        ),
        (
            "models: [{name: a, config: {meta: {lookback_days: {validated_sales: days}}}}]",
            r"yml of .*a\.sql gives a look-back on validated_sales, which it does not select from",
        ),
    ],
)
def test_a_broken_yml_is_named(tmp_path: Path, yml: str, message: str) -> None:
    models = {"a": "select * from {{ source('lake', 'validated_prices') }}"}
    with pytest.raises(ConfigurationError, match=message):
        SqlProject.load(project(tmp_path, models, yml))


def test_a_missing_project_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"dbt_project\.yml is missing"):
        SqlProject.load(tmp_path)
