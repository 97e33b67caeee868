"""Ids of people are pseudonyms before anything of a landed row is stored."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from forecast_platform import settings as settings_module
from forecast_platform.contracts import landed_table, raw
from forecast_platform.contracts.derived import UNREADABLE_ROWS
from forecast_platform.errors import ConfigurationError
from forecast_platform.lake import Lake
from forecast_platform.quality import validate
from forecast_platform.settings import Settings
from forecast_platform.sources import LandingReport, land
from forecast_platform.sources.pseudonyms import pseudonyms

TABLE = landed_table("user_events")
KEY = "0123456789abcdef0123456789abcdef"
SECRETS = ("alice@example.org", "BOB-77", "carol 3")
HEADER = "date,user_id,item_id,location_id,event,rating,event_id"
GOOD = [
    "2026-03-01,alice@example.org,A,N,view,,alice@example.org-1",
    "2026-03-01,alice@example.org,A,N,view,,alice@example.org-2",
    "2026-03-02, BOB-77 ,A,N,rating,4,",
]
BAD = [
    "alice@example.org,view,A,N,2026-03-01,,",
    "2026-03-01,A,BOB-77,view,,,",
    "2026-03-01,BOB-77,A,N,view,BOB-77,",
    "2026-03-01 12:00 BOB-77,x,A,N,view,,",
    "1999-01-01,BOB-77,A,N,view,,",
    "2026-03-01,BOB-77,A,N,view,,,,,carol 3,",
    '2026-03-01,"BOB-77,A,N,view,,',
    ",carol 3,A,N,view,,",
]
FILES = {
    "good.csv": "\n".join([HEADER, *GOOD]),
    "bad.csv": "\n".join([HEADER, *BAD]),
    "headless.csv": "\n".join(GOOD),
    "extra.csv": f"{HEADER},email\n2026-03-01,,A,N,view,,,carol 3",
    "twice.csv": f"{HEADER},BOB-77,BOB-77\n{GOOD[0]},1,2",
    "lines.jsonl": '{"date": "2026-03-01", "user_id": "carol 3", "item_id": "A", "location_id": '
    '"N", "event": "cart", "who": {"mail": "alice@example.org"}}\n{"user_id": "carol 3", broken',
    "other.csv": f"{HEADER}\n2026-03-03,carol 3,A,N,purchase,,e1",
}


def settings(home: Path, key: str | None = KEY) -> Settings:
    return Settings(home=home, start_date="2026-03-01", end_date="2026-03-10", settle_seconds=0,
                    pseudonym_key=key)  # type: ignore[arg-type]  # fmt: skip


def put(home: Path, files: dict[str, str] = FILES) -> None:
    folder = home / "landing" / "user_events"
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (folder / name).write_text(text)


def landed(home: Path, key: str | None = KEY) -> tuple[LandingReport, pl.DataFrame]:
    lake = Lake(home / "lake")
    report = land(lake, settings(home, key))
    return report, lake.scan(raw(TABLE)).sort("file", "row_number").collect()


def test_no_id_is_in_any_byte_of_the_home_nor_in_any_message(tmp_path: Path) -> None:
    put(tmp_path)
    report, rows = landed(tmp_path)
    lake = Lake(tmp_path / "lake")
    verdict = validate(rows.filter(pl.col("business_day").is_not_null()), TABLE, {})
    assert {*report.tables["user_events"].refused} == {"headless.csv", "twice.csv"}
    assert rows.filter(file="good.csv").height == len(GOOD)
    assert verdict.accepted.height >= len(GOOD) + 3
    told = [str(report), str(verdict.rejected.rows()), str(verdict.accepted.rows())]
    kept = [path for path in tmp_path.rglob("*")
            if path.is_file() and "landing" not in path.parent.parts]  # fmt: skip
    frames = [lake.scan(raw(TABLE)).collect()]
    plain = b"".join(path.read_bytes() for path in kept) + "".join(told).encode()
    texts = pl.concat([f.select(pl.concat_str(pl.all().cast(pl.String), ignore_nulls=True))
                       for f in frames]).to_series().str.join("")[0]  # fmt: skip
    unpacked = [str(pl.read_parquet(path).rows()) for path in kept if path.suffix == ".parquet"]
    assert len(unpacked) > 2
    assert any("p_" in text for text in unpacked)
    for secret in SECRETS:
        for part in (secret, secret.strip()):
            assert part.encode() not in plain
            assert part not in texts
            assert not any(part in text for text in unpacked)


def test_nothing_is_lost_and_moved_cells_are_withheld(tmp_path: Path) -> None:
    put(tmp_path, {"bad.csv": FILES["bad.csv"]})
    report, rows = landed(tmp_path)
    assert report.tables["user_events"].rows == rows.height
    undated = Lake(tmp_path / "lake").scan(UNREADABLE_ROWS).collect()
    assert undated.filter(pl.col("reasons").str.contains("withheld")).height
    assert rows["item_id"].to_list().count("withheld") == 3


def test_the_same_person_is_the_same_pseudonym_under_one_key_only(tmp_path: Path) -> None:
    ids = pl.Series(["alice", " alice ", "bob", None, ""])
    one, other = (pseudonyms(ids, key.encode()).to_list() for key in (KEY, KEY[::-1]))
    assert one[0] == one[1]
    assert one[3] is one[4] is None
    assert len({*one[:3], *other[:3]}) == 4
    assert pseudonyms(pl.Series(one), b"another").to_list() == one


def test_without_a_key_the_file_is_refused_and_read_once_there_is_one(tmp_path: Path) -> None:
    put(tmp_path, {"good.csv": FILES["good.csv"]})
    report, rows = landed(tmp_path, key=None)
    (reason,) = report.tables["user_events"].refused.values()
    assert "set pseudonym_key" in reason
    assert rows.is_empty()
    _, rows = landed(tmp_path)
    assert rows["user_id"].str.contains("^p_[0-9a-f]{32}$").all()
    again, _ = landed(tmp_path)
    assert again.tables["user_events"].unchanged == ["good.csv"]
    _, other = landed(tmp_path, key=KEY[::-1])
    assert not {*other["user_id"]} & {*rows["user_id"]}


def test_a_short_key_is_refused_without_being_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FORECAST_PLATFORM_PSEUDONYM_KEY", "too-short-a-key")
    monkeypatch.setenv("FORECAST_PLATFORM_HOME", str(tmp_path))
    settings_module.settings.cache_clear()
    with pytest.raises(ConfigurationError, match="at least 32 characters") as refused:
        settings_module.settings()
    assert "too-short" not in str(refused.value)
