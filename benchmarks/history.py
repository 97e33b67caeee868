"""What a long history costs: a day's run, its messages, a tick. `python -m benchmarks.history`.

Two homes of the same tiny shop, one with a month beyond the longest window (734 days), one with
five years and a half, every day of every table recorded by Dagster. Each is given new days in turn;
the least of each figure counts, in processor seconds, because other programs may run beside.
"""

from __future__ import annotations

import argparse
import datetime as dt
import json
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from benchmarks.runs import Run, platform
from benchmarks.runs import _python as python
from forecast_platform.contracts import tables
from forecast_platform.databases import postgres_address
from forecast_platform.lake import Lake
from forecast_platform.settings import Settings, save_settings
from forecast_platform.sources.demo import make_demo

SHORT, LONG = 770, 2000
_UNISSUED = 21
"""Days before the first origin: the first training needs a Sunday."""
_SPARE = 10
"""Days left for those that arrive."""
_SENSORS = ("landing_sensor", "follow_sensor", "alert_sensor")
_TICKS = """
import json, resource, time
import dagster as dg
from forecast_platform.definitions import defs
from forecast_platform.defs.instance import open_instance
from forecast_platform.defs.resources import HomeResource
from forecast_platform.settings import settings

def used():
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime

repository = defs.get_repository_def()
seconds = {}
with open_instance(settings()) as opened:
    for name in %s:
        sensor, cursor, taken = repository.get_sensor_def(name), None, []
        for _ in range(6):
            began = used()
            with dg.build_sensor_context(
                instance=opened, repository_def=repository, cursor=cursor, sensor_name=name,
                resources={"home": HomeResource()},
            ) as context:
                cursor = sensor.evaluate_tick(context).cursor
            taken.append(used() - began)
        # The first also imports what it needs.
        seconds[name] = [taken[0], min(taken[1:])]
print(json.dumps(seconds))
"""


@dataclass(frozen=True)
class Messages:
    """Rows and bytes of Dagster's event log."""

    rows: int
    size: int


def shop(home: Path, days: int, issued: int | None) -> None:
    """The home of a shop with three items, all days recorded, the newest origins issued."""
    if (home / "landing").exists():
        return
    # All its days have gone by: a day to come is no partition yet.
    first = dt.date.today() - dt.timedelta(days + _SPARE)
    report = make_demo(home / "landing", items=3, locations=1, days=days, first_day=first)
    quick = {"models": ["seasonal_naive"], "sample_paths": 20, "backtest_origins": 1}
    settings = {name: report.settings[name] for name in report.settings if name != "end_date"}
    save_settings(home, {**settings, **quick})
    origins = min(days - _UNISSUED, issued or days)
    origin = report.last_day - dt.timedelta(origins - 1)
    platform(home, "land", "follow:features", f"issue:{origin}:{report.last_day}", "follow")


def arrive(home: Path, day: dt.date) -> None:
    """Sales and stock of a new day, for every item sold in the last month."""
    sold = Lake(home / "lake").scan(tables()["clean_demand"], day - dt.timedelta(28)).collect()
    items = sold.select("item_id", "location_id").unique().sort("item_id")
    rows = items.with_columns(date=pl.lit(day), units=pl.lit(3), unit_price=pl.lit(2.5))
    stock = items.with_columns(date=pl.lit(day), on_hand=pl.lit(20))
    for table, frame in (("sales", rows), ("inventory", stock)):
        frame.write_csv(home / "landing" / table / f"new-{day}.csv")


def messages(home: Path) -> Messages:
    """The event log as it is now, in SQLite or Postgres."""
    from sqlalchemy import create_engine, text

    settings = Settings(home=home)
    if address := postgres_address(settings, "dagster"):
        size = "select pg_total_relation_size('event_logs')"
        with create_engine(address).connect() as connection:
            rows = connection.execute(text("select count(*) from event_logs")).scalar_one()
            return Messages(rows, connection.execute(text(size)).scalar_one())
    files = [*(home / "dagster" / "history" / "runs").glob("*.db")]
    count = "select count(*) from event_logs"
    rows = 0
    for file in files:
        with create_engine(f"sqlite:///{file}").connect() as connection:
            rows += connection.execute(text(count)).scalar_one()
            connection.execute(text("pragma wal_checkpoint(truncate)"))
    return Messages(rows, sum(file.stat().st_size for file in files))


def days_runs(homes: list[Path], repeats: int) -> dict[Path, tuple[Run, Messages]]:
    """The cheapest of some days' runs of each home, taking turns; and what a day records."""
    runs: dict[Path, list[Run]] = {home: [] for home in homes}
    kept: dict[Path, Messages] = {}
    for turn in range(repeats + 1):
        for home in homes:
            newest = Lake(home / "lake").scan(tables()["clean_demand"]).select(pl.col("date").max())
            arrive(home, newest.collect().item() + dt.timedelta(1))
            before = messages(home)
            run = platform(home, "land", "follow")
            after = messages(home)
            # The first day also takes over settings and whatever was left to do.
            if turn:
                runs[home].append(run)
                kept[home] = Messages(after.rows - before.rows, after.size - before.size)
    return {home: (min(r, key=lambda run: run.cpu_seconds), kept[home]) for home, r in runs.items()}


def ticks(home: Path) -> dict[str, list[float]]:
    """Processor seconds of a sensor's first tick in a process and of the next ones."""
    found: dict[str, list[float]] = json.loads(
        python(["-c", _TICKS % (_SENSORS,)], home).splitlines()[-1]
    )
    return found


def main() -> None:
    """Measure and print a table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--short", type=int, default=SHORT)
    parser.add_argument("--long", type=int, default=LONG)
    parser.add_argument("--issued", type=int, help="newest origins to issue; all if not given")
    parser.add_argument("--repeats", type=int, default=3)
    asked = parser.parse_args()
    homes = {asked.work / "short": asked.short, asked.work / "long": asked.long}
    for home, days in homes.items():
        shop(home, days, asked.issued)
    measured = days_runs([*homes], asked.repeats)
    for home, (run, made) in measured.items():
        now = messages(home)
        print(f"\n{homes[home]} days: {now.rows:,} messages, {now.size / 1e6:.1f} MB")
        print(f"a day's run: {run.cpu_seconds:.2f} processor s, work {run.work:.2f} s, "
              f"{made.rows:,} messages, {made.size / 1e3:.0f} kB")  # fmt: skip
        for part, seconds in sorted(run.cpu_parts.items(), key=lambda one: -one[1])[:8]:
            print(f"    {part:<32}{seconds:.2f}")
        for sensor, (first, next_) in ticks(home).items():
            print(f"    tick of {sensor:<24}{first:.3f} first, {next_:.3f} then")
    few, many = (measured[home][0] for home in homes)
    print(f"\na day's run, {asked.long} days by {asked.short}: "
          f"{many.cpu_seconds / few.cpu_seconds:.3f} in processor time")  # fmt: skip


if __name__ == "__main__":
    main()
