"""The database of records is gone: what the watching process tells then."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families
from pydantic import SecretStr
from sqlalchemy.exc import OperationalError

from forecast_platform.defs.activity import records
from forecast_platform.home import Home
from forecast_platform.settings import Settings
from forecast_platform.watching.findings import look
from forecast_platform.watching.metrics import Metrics, exposition
from forecast_platform.watching.page import page
from forecast_platform.watching.server import health
from forecast_platform.watching.sight import Sight, Watch
from tests.database import postgres
from tests.database import records as folder_of_records

RULES = Path(__file__).resolve().parents[2] / "docker" / "watching" / "rules.yaml"


def exported(seen: Sight) -> dict[str, dict[str, float]]:
    """Values of the metrics without labels or with one, by its value."""
    text = exposition(Metrics(lambda: seen, lambda: dt.date(2026, 1, 1))).decode()
    return {
        family.name.removeprefix("forecast_platform_"): {
            next(iter(s.labels.values()), ""): s.value for s in family.samples
        }
        for family in text_string_to_metric_families(text)
    }


def test_a_database_that_is_gone_is_told_and_nothing_unknown_is_exported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("DAGSTER_HOME", "DAGSTER_DATABASE_URL", "DAGSTER_EVENT_BATCH_SIZE"):
        monkeypatch.setenv(name, "")
    monkeypatch.setenv("FORECAST_PLATFORM_HOME", str(tmp_path))
    with folder_of_records() as folder:
        with postgres(folder) as server:
            settings = Settings(home=tmp_path, database_url=SecretStr(server.get_uri()))
            opened = records(settings)
            watch = Watch(Home(settings), opened.__enter__(), kept_seconds=0)
            well = watch.sight()
        gone = watch.sight()
        opened.__exit__(None, None, None)
    assert well.wrong == []
    assert exported(well)["records_bytes"][""] > 0
    (wrong,) = gone.wrong
    assert (wrong.what, wrong.unseen) == ("databases", True)
    assert "mend the setting database_url" in wrong.told
    assert health(gone)[0] == 503
    assert "mend the setting database_url" in page(gone)
    told = exported(gone)
    assert told["problems"]["databases"] == 1
    assert told["records_bytes"] == {}
    assert told["disk_free_bytes"][""] > 0


def test_a_disk_that_cannot_be_asked_exports_nothing() -> None:
    nothing = Sight(dt.datetime.now(dt.UTC), 0.0, [])
    assert exported(nothing)["disk_free_bytes"] == exported(nothing)["records_bytes"] == {}


def test_a_refusal_that_a_library_wrapped_is_a_finding_and_a_fault_of_ours_is_none() -> None:
    def wrapped() -> list[object]:
        try:
            raise OperationalError("select 1", {}, Exception("server closed the connection"))
        except OperationalError as error:
            raise RuntimeError("too many retries") from error

    (found,) = look({"runs": wrapped})  # type: ignore[dict-item]
    assert (found.told, found.unseen) == ("server closed the connection", True)
    with pytest.raises(ZeroDivisionError):
        look({"runs": lambda: [1 // 0]})  # type: ignore[list-item]


def test_a_rule_tells_of_databases_at_once() -> None:
    (group,) = yaml.safe_load(RULES.read_text())["groups"]
    (rule,) = [rule for rule in group["rules"] if 'group="databases"' in rule["expr"]]
    assert rule["labels"] == {"severity": "critical"}
    assert "postgres" in rule["annotations"]["mend"]
