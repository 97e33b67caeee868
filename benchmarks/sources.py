"""Order lines from Postgres to landing files, against `COPY ... TO` of the same query.

    python -m benchmarks.sources [--lines 1000000]

A server of its own is started (pgserver, of the dev extras). Told are the wall time of each way,
alternating, and the largest memory of this process; the first pull also imports its libraries.
"""

from __future__ import annotations

import argparse
import os
import resource
import tempfile
import time
from pathlib import Path

import pgserver
import psycopg2

from forecast_platform.connect.pull import pull
from forecast_platform.settings import Settings

ROUNDS = 2
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


def pulled(folder: Path, lines: int) -> float:
    """Seconds of a first pull into an empty home folder."""
    home = Path(tempfile.mkdtemp(dir=folder))
    (home / "sources.yaml").write_text(SOURCES)
    chosen = Settings(home=home, start_date="2025-01-01", end_date="2025-12-31")  # type: ignore[arg-type]
    begun = time.perf_counter()
    (done,) = pull(chosen, "till")
    assert (done.rows, done.days) == (lines, 365)
    return time.perf_counter() - begun


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--lines", type=int, default=1_000_000)
    lines = parser.parse_args().lines
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        server = pgserver.get_server(folder / "pg", cleanup_mode="delete")
        address = os.environ["SHOP_DATABASE_URL"] = server.get_uri()
        server.psql(FILL.format(lines=lines))
        for _ in range(ROUNDS):
            for what, seconds in (
                ("COPY TO", copied(address, folder)),
                ("pull", pulled(folder, lines)),
            ):
                print(f"{what:<8}{seconds:>8.1f} s{lines / seconds:>12,.0f} rows/s")
        server.cleanup()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"largest memory {peak:,.0f} MiB")


if __name__ == "__main__":
    main()
