"""Order lines from Postgres to validated sales, against `COPY ... TO` of the same table.

    python -m benchmarks.sources [--lines 1000000]

A server of its own is started (pgserver, of the dev extras). The two ways alternate. The second is
what a person runs, in a process of its own, imports included: `sources pull`, then landing and
validation through Dagster. Told are its seconds by stage, its processor time and its peak memory.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from itertools import pairwise
from pathlib import Path

import psycopg2

FILL = """
create table lines (sold_at timestamptz, item text, shop text, pieces numeric, price numeric,
                    bill text, line integer, changed timestamptz);
insert into lines
select '2025-01-01 12:00Z'::timestamptz + (n % 365) * interval '1 day', 'ITEM-' || n % 5000,
       'S' || n % 20, 1 + n % 7, 1.99 + n % 90, 'B' || n / 3, n % 3,
       '2025-01-01 13:00Z'::timestamptz + (n % 365) * interval '1 day'
from generate_series(1, {lines}) n;
analyze lines;
"""
SOURCES = """
sources:
  till:
    kind: sql
    address: {env: SHOP_DATABASE_URL}
    tables:
      sales:
        table: public.lines
        columns: {sold_at: date, item: item_id, shop: location_id, pieces: units,
                  price: unit_price, bill: order_id, line: order_line}
        watermark: changed
"""


def copied(address: str, folder: Path) -> float:
    """Seconds of COPY into one csv file."""
    connection = psycopg2.connect(address)
    begun = time.perf_counter()
    with connection.cursor() as cursor, (folder / "copy.csv").open("wb") as file:
        cursor.copy_expert(
            "copy (select sold_at, item, shop, pieces, price, bill, line from lines) "
            "to stdout with (format csv)",
            file,
        )
    connection.close()
    return time.perf_counter() - begun


def validated(folder: Path, lines: int) -> dict[str, float]:
    """Seconds of each stage from an empty home folder on, processor seconds, and peak MiB."""
    home = Path(tempfile.mkdtemp(dir=folder))
    (home / "sources.yaml").write_text(SOURCES)
    environment = {
        "FORECAST_PLATFORM_HOME": str(home),
        "FORECAST_PLATFORM_START_DATE": "2025-01-01",
        "FORECAST_PLATFORM_END_DATE": "2025-12-31",
        "FORECAST_PLATFORM_SETTLE_SECONDS": "0",
    }
    begun = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-m", "benchmarks.sources", "--stages"],
        env=os.environ | environment, check=True, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    seconds = time.perf_counter() - begun
    told: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    assert told.pop("rows") == lines
    return {"all": seconds, **told}


def stages() -> None:
    """Pull, land and validate in this process, and print what each took as JSON."""
    marks = [time.perf_counter()]
    from forecast_platform.connect.pull import pull
    from forecast_platform.settings import settings

    (done,) = pull(settings(), "till")
    marks.append(time.perf_counter())
    from forecast_platform.defs.operate import operator

    with operator(settings()) as op:
        op.land()
        marks.append(time.perf_counter())
        op.follow(until="validated_sales")
        marks.append(time.perf_counter())
        ledger = op.home.lake.ledger.current()
        rows = ledger.filter(table="validated_sales")["rows"].sum()
    assert done.rows == rows
    took = [after - before for before, after in pairwise(marks)]
    used = resource.getrusage(resource.RUSAGE_SELF)
    told = dict(zip(("pull", "land", "validate"), took, strict=True))
    told |= {"processor": used.ru_utime + used.ru_stime, "MiB": used.ru_maxrss / 1024, "rows": rows}
    print(json.dumps(told))


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--lines", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--stages", action="store_true", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.stages:
        stages()
        return
    import pgserver  # Not at the top: the process that is measured has no use for it.

    lines = given.lines
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        server = pgserver.get_server(folder / "pg", cleanup_mode="delete")
        address = os.environ["SHOP_DATABASE_URL"] = server.get_uri()
        server.psql(FILL.format(lines=lines))
        for _ in range(given.rounds):
            copy = copied(address, folder)
            print(f"COPY TO   {copy:8.1f} s {lines / copy:12,.0f} rows/s")
            found = validated(folder, lines)
            print(f"validated {found['all']:8.1f} s {lines / found['all']:12,.0f} rows/s, "
                  f"1/{found['all'] / copy:.1f}; "
                  + ", ".join(f"{name} {value:,.1f}" for name, value in found.items()))  # fmt: skip
        server.cleanup()


if __name__ == "__main__":
    main()
