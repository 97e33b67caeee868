"""Lines of log of a real run, as a program reads them."""

from __future__ import annotations

import io
import json
import logging
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from forecast_platform.logs import JsonFormatter, MaskFilter, secrets
from forecast_platform.settings import Settings
from tests import command_line as shop

TOKEN = "t0ken-of-the-hook"
JSON = {
    "FORECAST_PLATFORM_LOG_FORMAT": "json",
    "FORECAST_PLATFORM_WEBHOOK_URL": f"https://hooks.example/{TOKEN}",
}


def lines(done: shop.Done) -> list[dict[str, Any]]:
    """What a command wrote to stderr; every line has to be an object."""
    return [json.loads(line) for line in done.stderr.splitlines() if not line.startswith("error:")]


def test_lines_of_a_run_are_objects_that_name_run_job_asset_and_partition(
    tmp_path_factory: pytest.TempPathFactory, tmp_path: Path
) -> None:
    demo = shop.demo(tmp_path_factory.getbasetemp())[0]
    # The home has the name of a secret, so that what names its files has to be masked.
    home = shop.copy(demo, tmp_path / TOKEN)
    item = shop.old_items(home)[0]
    sale = f"{shop.LAST_DAY},{item},S01,9,2.5"
    shop.land(
        home, "sales", "late.csv", shop.csv("date,item_id,location_id,units,unit_price", sale)
    )
    for part in (home / "lake" / "clean_demand").glob("month=*/*.parquet"):
        part.unlink()
    done = shop.command(home, "run", **JSON)
    assert done.returncode == 1
    found = lines(done)
    assert all({"time", "level", "logger", "message"} <= {*line} for line in found)
    made = [line for line in found if line.get("asset") == "validated_sales"
            and line["message"].startswith("Materialized")]  # fmt: skip
    assert {line["partition"] for line in made} == {str(shop.LAST_DAY)}
    assert {line["step"] for line in made} == {"validated_sales"}
    assert all(line["run_id"] and line["job"] for line in made)
    failed = next(line for line in found if line["level"] == "error" and line.get("step"))
    assert failed["step"] == "sql_models"
    assert "Traceback" in failed["error"] or "Error" in failed["error"]
    assert "***" in failed["error"]
    logged = "\n".join(line for line in done.stderr.splitlines() if line.startswith("{"))
    assert TOKEN not in logged


def test_secrets_of_settings_and_sources_are_known(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "sources.yaml").write_text(
        "sources: {till: {kind: sql, address: {env: TILL}, tables: {sales: {table: sold}}},"
        " web: {kind: rest, address: 'https://web.example',"
        " auth: {kind: bearer, secret: {env: WEB}}, tables: {products: {path: items}}}}"
    )
    monkeypatch.setenv("TILL", "postgresql://reader:r3ader@till.example/shop")
    monkeypatch.setenv("WEB", "b3arer")
    chosen = Settings(
        home=tmp_path,
        smtp_url=SecretStr("smtps://shop:p%40ss@mail.example"),
        database_url=SecretStr("postgresql://shop:sesame@db.example/records"),
        webhook_url=SecretStr("https://hooks.example/services/t0ken"),
    )
    told = "r3ader b3arer p@ss p%40ss sesame /services/t0ken till.example"
    record = logging.LogRecord("x", logging.INFO, "f", 1, "%s", (told,), None)
    assert MaskFilter(secrets(chosen)).filter(record)
    assert record.getMessage() == "*** *** *** *** *** *** till.example"


@pytest.mark.parametrize(
    ("address", "password"),
    [
        ("postgresql://shop:s[same@db.example/records", "s[same"),
        ("postgresql://shop:s%40[me@db.example/records", "s@[me"),
        ("postgresql://shop:s/same@db.example/records", "s/same"),
        ("postgresql://shop:ses@me@db.example/records", "ses@me"),
        ("smtps://robot@shop.example:sesame@mail.example", "sesame"),
        ("https://hooks[.example/services/t0ken?x=1", "/services/t0ken"),
    ],
)
def test_an_address_that_is_none_is_masked_with_its_password(
    tmp_path: Path, address: str, password: str
) -> None:
    chosen = Settings(home=tmp_path)
    known = chosen.model_copy(update={"database_url": SecretStr(address)})
    mask = MaskFilter(secrets(known))
    assert mask.masked(f"{address} {password} db.example") == "*** *** db.example"


def test_a_traceback_is_part_of_the_object_and_masked() -> None:
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(JsonFormatter())
    handler.addFilter(MaskFilter(["sesame"]))
    log = logging.Logger("forecast_platform.test")
    log.addHandler(handler)
    try:
        raise ValueError("no sesame here")
    except ValueError:
        log.exception("look at\nsesame")
    (line,) = stream.getvalue().splitlines()
    told = json.loads(line)
    assert told["message"] == "look at\n***"
    assert told["error"].endswith("ValueError: no *** here")
