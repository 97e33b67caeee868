"""Places in object storage: leases, etags, copies of models, pages, and one way to name them."""

from __future__ import annotations

import dataclasses
import json
import subprocess
import sys
import time
from pathlib import Path

import polars as pl
import pytest
import store_server
from pydantic import ValidationError

from forecast_platform import contracts
from forecast_platform.contracts import landed_table
from forecast_platform.errors import StorageError
from forecast_platform.lake import Lake
from forecast_platform.lake.schema import polars_schema
from forecast_platform.quality import check, table_page, write_data_docs
from forecast_platform.settings import Settings, settings
from forecast_platform.sources import land
from forecast_platform.storage import Lease, Storage, fetched, locks, published, storage_failure

_HOLD = """
import json, sys, time
from forecast_platform.storage import Lease, Storage
with Lease(Storage(sys.argv[1], json.loads(sys.argv[2])) / "one.lock"):
    print("held", flush=True)
    time.sleep(600)
"""


def test_a_lease_keeps_others_out_until_it_is_given_back(storage: Storage) -> None:
    lease, path = Lease(storage / "one.lock"), storage / "one.lock"
    with lease, lease:
        assert path.put_if(b"other", None) is None
        lease.confirm()
    assert path.put_if(b"other", None) is not None


def test_a_lease_of_a_killed_process_is_taken_over_at_once(storage: Storage) -> None:
    words = [sys.executable, "-c", _HOLD, storage.url, json.dumps(dict(storage.options))]
    holder = subprocess.Popen(words, stdout=subprocess.PIPE, text=True)
    assert holder.stdout is not None
    assert holder.stdout.readline() == "held\n"
    holder.kill()
    holder.wait()
    begun = time.monotonic()
    with Lease(storage / "one.lock"):
        assert time.monotonic() - begun < locks.LEASE_SECONDS


def test_a_lease_that_was_taken_over_is_not_confirmed(
    storage: Storage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(locks, "LEASE_SECONDS", 0.3)
    path = storage / "one.lock"
    path.write_bytes(b'{"host": "elsewhere", "kernel": "another", "process": "1"}')
    with Lease(path) as lease:
        path.write_bytes(b"{}")
        time.sleep(0.3)
        with pytest.raises(StorageError, match="was lost"):
            lease.confirm()


def test_what_did_not_change_is_not_read_again(storage: Storage, tmp_path: Path) -> None:
    options = {name: str(value) for name, value in storage.options.items()}
    chosen = Settings(
        home=tmp_path, storage_url=storage.url, storage_options=options, settle_seconds=0
    )
    lake, file = Lake(chosen.lake), chosen.landing / "locations/all.csv"
    file.write_bytes(b"location_id\nS1\nS2\n")
    assert land(lake, chosen, ["locations"]).tables["locations"].rows == 2
    assert land(lake, chosen, ["locations"]).tables["locations"].unchanged == ["all.csv"]
    known = json.loads((chosen.landing / ".checksums.json").read_text())
    assert [name.split()[0] for name in known] == [str(file)]

    file.write_bytes(b"location_id\nS1\nS3\n")
    assert land(lake, chosen, ["locations"]).tables["locations"].landed == ["all.csv"]
    held = lake.scan(contracts.raw(landed_table("locations"))).collect()
    assert sorted(held["location_id"]) == ["S1", "S3"]


def test_a_model_is_fetched_where_it_is_not_or_is_older(storage: Storage, tmp_path: Path) -> None:
    made, other = tmp_path / "a" / "2024-01-07", tmp_path / "b" / "2024-01-07"
    stored = storage / "models/theta/2024-01-07"
    assert not fetched(other, stored).exists()
    for content in ("first", "second"):
        made.mkdir(parents=True, exist_ok=True)
        (made / "weights").write_text(content)
        published(made, stored)
        assert (fetched(other, stored) / "weights").read_text() == content
    (other / "weights").write_text("ours")
    assert (fetched(other, stored) / "weights").read_text() == "ours"


def test_data_docs_lie_in_the_storage(storage: Storage) -> None:
    table = contracts.validated(landed_table("locations"))
    good = check(pl.DataFrame(schema=polars_schema(table)), table)
    other = dataclasses.replace(good, table="validated_prices")
    overview = write_data_docs([good, other], storage / "data_docs")
    assert "validated_prices" in overview.read_text()
    assert "Succeeded" in table_page(table.name, storage / "data_docs").read_text()


@pytest.mark.parametrize("url", ["http://bucket/x", "s3://", "s3://bucket/a b", "bucket"])
def test_other_addresses_are_refused(tmp_path: Path, url: str) -> None:
    with pytest.raises(ValidationError, match="should be s3://"):
        Settings(home=tmp_path, storage_url=url)


def test_options_are_never_shown(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("FORECAST_PLATFORM_HOME", str(tmp_path))
    secrets = tmp_path / "secrets"
    secrets.mkdir()
    (secrets / "forecast_platform_storage_url").write_text("s3://shop")
    monkeypatch.setenv("FORECAST_PLATFORM_SECRETS_DIR", str(secrets))
    options = store_server.options("http://127.0.0.1:1")
    (secrets / "forecast_platform_storage_options").write_text(json.dumps(options))
    chosen = Settings()
    assert chosen.storage == Storage("s3://shop", options)
    assert "shop-secret" not in f"{chosen!r} {chosen.storage!r} {chosen.lake!r}"

    (secrets / "forecast_platform_storage_options").write_text('{"aws_region": ["shop-secret"]}')
    settings.cache_clear()
    with pytest.raises(Exception, match="storage_options") as refused:
        settings()
    assert "shop-secret" not in str(refused.value)
    settings.cache_clear()


def test_unknown_options_are_refused_in_a_sentence(storage: Storage) -> None:
    strange = Storage(storage.url, {"aws_colour": "blue"})
    with pytest.raises(StorageError, match="do not fit"):
        (strange / "x").exists()


def test_errors_of_other_libraries_become_the_same_sentence(storage: Storage) -> None:
    silent = store_server.options(f"http://127.0.0.1:{store_server.free_port()}")
    lost = Storage(storage.url, silent | {"max_retries": "0"})
    with pytest.raises(Exception, match="S3") as raised:
        pl.scan_parquet(f"{lost.url}/x.parquet", storage_options=lost.polars_options).collect()
    told = storage_failure(lost, raised.value)
    assert told is not None
    assert str(told).startswith(f"The object storage {lost.url} failed")
    assert "shop-secret" not in str(told)
    assert storage_failure(lost, ValueError("units are negative")) is None
    assert storage_failure(None, raised.value) is None
