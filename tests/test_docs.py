"""What the README and the docs say exists."""

from __future__ import annotations

import os
import re
import subprocess
from itertools import chain
from pathlib import Path

import polars as pl
import pytest
import typer
from typer.testing import CliRunner

from forecast_platform.cli import app
from forecast_platform.contracts import LANDED
from forecast_platform.settings import Settings
from tests import command_line as shop

ROOT = Path(__file__).resolve().parents[1]
README = ROOT / "README.md"
PAGES = sorted(
    {README, ROOT / "CHANGELOG.md", *ROOT.glob("docs/**/*.md"), *ROOT.glob("*/README.md")}
)
TEXT = {page: page.read_text() for page in PAGES}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_internal_links_lead_to_files(page: Path) -> None:
    links = re.findall(r"\]\(([^)#\s]+)", TEXT[page])
    targets = [page.parent / link for link in links if "://" not in link]
    assert [str(target) for target in targets if not target.exists()] == []


def test_verbs_in_the_docs_are_those_of_the_program() -> None:
    group = typer.main.get_command(app)
    verbs = {*group.commands}  # type: ignore[attr-defined]
    named = {
        verb
        for text in TEXT.values()
        for verb in re.findall(r"(?:^|`|/)forecast-platform ([a-z]+)", text, re.MULTILINE)
    }
    assert named <= verbs
    table = TEXT[README].split("## Verbs")[1].split("\n\n## ")[0]
    assert {*re.findall(r"^\| `([a-z]+)", table, re.MULTILINE)} | {"plan"} == verbs


def test_options_in_the_docs_are_those_of_the_verbs() -> None:
    lines = chain.from_iterable(text.splitlines() for text in TEXT.values())
    used = [
        (found[1], option)
        for line in lines
        for found in re.finditer(
            r"(?:forecast-platform |`)(run|train|backtest|forecasts|plan|explain|ui|demo) ([^`|]*)",
            line,
        )
        for option in re.findall(r"--[a-z-]+", found[2])
    ]
    assert len(used) > 12
    helps = {verb: CliRunner().invoke(app, [verb, "--help"]).output for verb, _ in used}
    assert [(verb, option) for verb, option in used if option not in helps[verb]] == []


def test_make_targets_of_the_docs_exist() -> None:
    targets = re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
    named = {t for text in TEXT.values() for t in re.findall(r"(?:^|`)make ([a-z]+)", text, re.M)}
    assert {"demo", "test"} <= named <= {*targets}


def test_every_setting_is_in_the_operations_page_with_its_default() -> None:
    rows = dict(
        re.findall(r"^\| `([a-z_]+)` \| ([^|]+) \|", TEXT[ROOT / "docs" / "operations.md"], re.M)
    )
    defaults = {
        name: field.default
        for name, field in Settings.model_fields.items()
        if field.default_factory is None
    }
    assert {*Settings.model_fields} <= {*rows}
    for name, default in defaults.items():
        told = ", ".join(default) if isinstance(default, tuple) else str(default)
        assert rows[name].strip("` ").split(" (")[0] in (
            told,
            told.removesuffix(".0"),
            told.lower(),
        )


def test_landing_page_names_every_column() -> None:
    rows = re.findall(
        r"^\| `([a-z_]+)` \|[^|]*\|([^|]*)\|([^|]*)\|", TEXT[ROOT / "docs" / "landing.md"], re.M
    )
    told = {table: (_columns(must), _columns(may)) for table, must, may in rows}
    for table in LANDED:
        required = {column.name for column in table.columns if column.required}
        assert told[table.name] == (required, {*table.column_names} - required)


def test_own_data_example_of_the_readme_ends_in_a_plan(tmp_path: Path) -> None:
    example = TEXT[README].split("## Your own data")[1].split("```")[1].removeprefix("sh\n")
    environment = shop.environment(tmp_path) | {
        "PATH": f"{Path(shop.PROGRAM).parent}{os.pathsep}{os.environ['PATH']}"
    }
    done = subprocess.run(
        ["bash", "-euc", example], cwd=tmp_path, env=environment,
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    plan = pl.read_csv(tmp_path / "plan.csv")
    assert sorted(plan["item_id"]) == ["BLACK-250", "GREEN-100"]


def _columns(cell: str) -> set[str]:
    return {name for name in re.sub(r"\([^)]*\)", "", cell).replace(" ", "").split(",") if name}
