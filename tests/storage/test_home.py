"""A shop with all that machines share in object storage, beside the same shop in a folder."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import NamedTuple

import polars as pl
import pytest
import store_server
from polars.testing import assert_frame_equal

from forecast_platform.contracts import tables
from forecast_platform.graph import ISSUED
from forecast_platform.lake import Lake
from forecast_platform.storage import Storage
from tests import command_line as shop

sys.path.append(str(Path(__file__).parents[1] / "laws"))
import law_shop

URL = f"s3://{store_server.BUCKET}/home"
SAME = (
    "landing_files", "unreadable_rows", "raw_sales", "validated_sales", "validated_inventory",
    "clean_demand", "features", "lead_times", *ISSUED, "replenishment_plan", "accuracy",
)  # fmt: skip


def pointing(address: str, url: str = URL, **more: str) -> dict[str, str]:
    """The environment of a home whose storage answers at an address."""
    own = store_server.options(address) | {"max_retries": "2"} | more
    return {
        "FORECAST_PLATFORM_STORAGE_URL": url,
        "FORECAST_PLATFORM_STORAGE_OPTIONS": json.dumps(own),
        "FORECAST_PLATFORM_START_DATE": str(law_shop.FIRST),
        "FORECAST_PLATFORM_END_DATE": "2024-12-31",
    }


class Shops(NamedTuple):
    """The same shop twice, after a run each."""

    folder: Path
    stored: Storage
    refusals: list[str]


@pytest.fixture(scope="module")
def shops(server: str, tmp_path_factory: pytest.TempPathFactory) -> Shops:
    """One in a folder; one in a storage that went away during the first run and came back."""
    local, home = (tmp_path_factory.mktemp("homes") / name for name in ("local", "s3"))
    law_shop.put(local / "landing", law_shop.opening())
    shop.works(local, "run", FORECAST_PLATFORM_START_DATE=str(law_shop.FIRST),
               FORECAST_PLATFORM_END_DATE="2024-12-31")  # fmt: skip
    storage = Storage(URL, store_server.options(server))
    for name, content in law_shop.opening().items():
        (storage / f"landing/{name}").write_bytes(content)
    with store_server.failing(server, 150, "gone") as address:
        refusals = [shop.refusal(home, "run", **pointing(address))]
    with store_server.failing(server, 9, "before") as address:
        shop.works(home, "run", **pointing(address))
    return Shops(local, storage, refusals)


@pytest.mark.nightly
def test_a_run_that_loses_the_storage_ends_with_a_sentence(shops: Shops) -> None:
    (told,) = shops.refusals
    assert URL in told
    assert "run the same command" in told
    assert "shop-secret" not in told


@pytest.mark.nightly
@pytest.mark.parametrize("name", SAME)
def test_the_same_history_gives_the_same_tables(shops: Shops, name: str) -> None:
    ours, theirs = (
        Lake(root).scan(tables()[name]).collect()
        for root in (shops.stored / "lake", shops.folder / "lake")
    )
    assert_frame_equal(ours, theirs, check_row_order=False)


@pytest.mark.nightly
def test_another_machine_doctors_explains_and_goes_on(
    shops: Shops, server: str, tmp_path: Path
) -> None:
    where = pointing(server)
    assert "mend" not in shop.works(tmp_path, "doctor", **where)
    told = shop.works(tmp_path, "explain", "--item", "APPLE", "--location", law_shop.PLACE,
                      "--date", law_shop.LAST, **where)  # fmt: skip
    assert "reorder point" in told
    late = law_shop.sales([(law_shop.day(60), "APPLE", 40)])
    (shops.stored / "landing/sales/late.csv").write_bytes(late)
    law_shop.put(shops.folder / "landing", {"sales/late.csv": late})
    shop.works(tmp_path, "run", "--select", "features", **where)
    held = Lake(shops.stored / "lake").scan(tables()["validated_sales"])
    assert held.filter(pl.col("file") == "late.csv").collect().height == 1


@pytest.mark.parametrize(
    ("url", "how", "says"),
    [
        ("s3://nowhere/home", "", "make the bucket"),
        (URL, "denied", "check the keys"),
        (URL, "silent", "check that it runs"),
    ],
)
def test_a_storage_that_cannot_be_used_is_one_sentence(
    server: str, tmp_path: Path, url: str, how: str, says: str
) -> None:
    if how == "denied":
        with store_server.failing(server, 0, how) as address:
            told = shop.refusal(tmp_path, "run", **pointing(address, url))
    else:
        silent = f"http://127.0.0.1:{store_server.free_port()}"
        told = shop.refusal(tmp_path, "run", **pointing(silent if how else server, url))
    assert says in told
    assert "shop-secret" not in told
    assert "shop-key" not in told
