"""What is measured, against which target."""

from __future__ import annotations

import datetime as dt
import shutil
import statistics
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from benchmarks import runs, shops
from benchmarks.clock import CHECK_IMPORTS, CHECKS
from benchmarks.runs import Run

_EMPTY = "import dagster as dg; dg.Definitions().get_repository_def()"
_OURS = "from forecast_platform.definitions import defs; defs.get_repository_def()"
_GB = 1024


@dataclass(frozen=True)
class Line:
    """One line of the table.

    Attributes:
        case: Name of the case.
        what: What was measured.
        seconds: Seconds.
        cpu_seconds: Processor seconds, where known.
        peak_mb: Peak resident memory, where known.
        ratio: What the target is about, where there is one.
        target: Largest ratio that will do.
        unit: What the ratio is in.
    """

    case: str
    what: str
    seconds: float | None = None
    cpu_seconds: float | None = None
    peak_mb: float | None = None
    ratio: float | None = None
    target: float | None = None
    unit: str = "x"


@dataclass
class Bench:
    """The cases, and what they share.

    Attributes:
        work: Scratch folder.
        data: Folder of the public data sets, or None where there is none.
        shop: 'demo' or 'm5': where days arrive.
        models: Families trained; None for the default.
        items: Items of the demo shop.
        locations: Its locations.
        days: Its days.
        issued: Origins that the demo issues.
        backfill_days: Days of the backfill.
        repeats: How often short runs are repeated; the quickest counts.
        profiles: Runs whose parts the report shows, by title.
    """

    work: Path
    data: Path | None = None
    shop: str = "demo"
    models: tuple[str, ...] | None = None
    items: int = 200
    locations: int = 3
    days: int = 730
    issued: int = 28
    backfill_days: int = 365
    repeats: int = 3
    profiles: dict[str, Run] = field(default_factory=dict)

    def m5(self) -> Iterator[Line]:
        """Landing to features of all days, against the bare script on the same files."""
        case = "m5"
        bare, ours = self._bare, self._m5
        whole = self.profiles["M5, landing to features"] = ours
        yield Line(case, "bare polars script", bare.seconds, bare.cpu_seconds, bare.peak_mb)
        yield Line(case, "landing to features", whole.seconds, whole.cpu_seconds, whole.peak_mb,
                   whole.seconds / bare.seconds, 3)  # fmt: skip
        yield Line(case, "its work, without imports and Dagster's own", whole.work,
                   ratio=whole.work / bare.seconds)  # fmt: skip
        yield Line(case, "memory", ratio=whole.peak_mb / _GB, target=4, unit="GB")

    def expectations(self) -> Iterator[Line]:
        """Great Expectations' share of the time of the tables that it checks."""
        home = self._fresh("expectations")
        shops.imported(home, self._data, "m5")
        runs.platform(home, "land")
        tables = self.profiles["M5, validated tables"] = runs.platform(home, "follow:validated")
        yield Line("expectations", "validated tables, work", tables.work, peak_mb=tables.peak_mb)
        checks = tables.parts[CHECKS]
        yield Line("expectations", "of which Great Expectations", checks,
                   ratio=100 * checks / tables.work, target=15, unit="%")  # fmt: skip
        whole = tables.seconds - tables.parts[CHECK_IMPORTS]
        yield Line("expectations", "of the tables' runs, Dagster's own included", checks,
                   ratio=100 * checks / whole, unit="%")  # fmt: skip
        yield Line("expectations", "importing it, once a process", tables.parts[CHECK_IMPORTS])

    def demo(self) -> Iterator[Line]:
        """`forecast-platform demo` from an empty folder to its summary."""
        sizes = {"items": self.items, "locations": self.locations, "days": self.days,
                 "issued": self.issued}  # fmt: skip
        program = "from forecast_platform.cli import main; main()"
        options = [word for name, n in sizes.items() for word in (f"--{name}", str(n))]
        run = runs.timed(["-c", program, "demo", *options], self._fresh("demo"), self.models)
        yield Line("demo", f"{self.items} items x {self.locations} locations x {self.days} days",
                   run.seconds, run.cpu_seconds, run.peak_mb, run.seconds, 180, "s")  # fmt: skip

    def new_day(self) -> Iterator[Line]:
        """One new day through the whole graph, against the full rebuild."""
        data, rest, day = self._arrivals[:3]
        case = f"new day ({self._shop.name})"
        full = data.work + rest.work
        yield _whole(case, "full rebuild: data tables", data)
        yield _whole(case, "full rebuild: training, forecasts, plan", rest)
        yield _whole(case, "one new day, whole process", day)
        yield Line(case, "its imports", day.imports)
        yield Line(case, "Dagster's own steps", day.dagster)
        yield Line(case, "its work, of the full rebuild's", day.work, ratio=100 * day.work / full,
                   target=2, unit="%")  # fmt: skip
        yield Line(case, "its work, of the data tables' rebuild", day.work,
                   ratio=100 * day.work / data.work, unit="%")  # fmt: skip

    def late_day(self) -> Iterator[Line]:
        """The sales of a day that arrive 30 days late, against one new day."""
        day, late = self._arrivals[2:]
        case = f"late day ({self._shop.name})"
        yield Line(case, "one late day, work", late.work, ratio=late.work / day.work, target=3)
        yield Line(case, "whole process", late.seconds, late.cpu_seconds, late.peak_mb,
                   late.seconds / day.seconds)  # fmt: skip

    def backfill(self) -> Iterator[Line]:
        """Features, forecasts by a fixed model and plan of a year, against one day."""
        shop = self._shop
        assert self._arrivals, "the shop's tables are there"
        first = shop.last_day - dt.timedelta(days=self.backfill_days - 1)
        runs.platform(shop.home, f"train:{_sunday(first)}", models=self.models)
        one, year = (
            runs.platform(shop.home, f"make:features:{begin}:{shop.last_day}",
                          f"issue:{begin}:{shop.last_day}", models=self.models)
            for begin in (shop.last_day, first)
        )  # fmt: skip
        self.profiles[f"One day again, {shop.name}"] = one
        self.profiles[f"{self.backfill_days} days again, {shop.name}"] = year
        case = f"backfill ({shop.name})"
        yield _whole(case, "one day", one)
        yield Line(case, f"{self.backfill_days} days", year.seconds, year.cpu_seconds,
                   year.peak_mb, year.seconds / one.seconds, 15)  # fmt: skip
        yield Line(case, "without imports and Dagster's own", year.work, ratio=year.work / one.work)

    def freshretailnet(self) -> Iterator[Line]:
        """50,000 series, landing to features, per row against M5."""
        home = self._fresh("freshretailnet")
        shops.imported(home, self._data, "freshretailnet")
        run = self.profiles["FreshRetailNet"] = runs.platform(home, "land", "follow:features")
        rows = shops.rows_of(home, "features")
        m5 = self._m5
        m5_rows = shops.rows_of(self.work / "m5", "features")
        case = "freshretailnet"
        yield _whole(case, f"landing to features, {rows:,} rows", run)
        yield Line(case, "work per row, of M5's", run.work, target=1,
                   ratio=(run.work / rows) / (m5.work / m5_rows))  # fmt: skip
        handled, m5_handled = (
            shops.landed_rows(place) + n for place, n in ((home, rows), (self.work / "m5", m5_rows))
        )
        yield Line(case, "work per row landed or made, of M5's", run.work,
                   ratio=(run.work / handled) / (m5.work / m5_handled))  # fmt: skip
        yield Line(case, "whole process per row, of M5's", run.seconds,
                   ratio=(run.seconds / rows) / (m5.seconds / m5_rows))  # fmt: skip
        yield Line(case, "memory", ratio=run.peak_mb / _GB, target=8, unit="GB")

    def definitions(self) -> Iterator[Line]:
        """Loading the definitions, against a Dagster project with nothing in it."""
        home = self._fresh("definitions")
        pairs = [[runs.timed(["-c", code], home) for code in (_EMPTY, _OURS)]
                 for _ in range(2 * self.repeats)]  # fmt: skip
        empty, ours = ([pair[k].seconds for pair in pairs] for k in (0, 1))
        cpu = [min(pair[k].cpu_seconds for pair in pairs) for k in (0, 1)]
        case = "definitions"
        yield Line(case, "an empty Dagster project", min(empty), cpu[0])
        yield Line(case, "the platform's definitions", min(ours), cpu[1],
                   ratio=min(ours) / min(empty), target=1.5)  # fmt: skip
        medians = [statistics.median(times) for times in (empty, ours)]
        yield Line(case, "median instead of quickest", medians[1], ratio=medians[1] / medians[0])

    @property
    def _data(self) -> Path:
        if self.data is None:
            raise SkippedError(
                "no public data sets: set FORECAST_PLATFORM_REAL_DATA or give --data"
            )
        return self.data

    def _fresh(self, name: str) -> Path:
        shutil.rmtree(self.work / name, ignore_errors=True)
        (self.work / name).mkdir(parents=True)
        return self.work / name

    @cached_property
    def _m5_landing(self) -> Path:
        return shops.imported(self._fresh("m5"), self._data, "m5")

    @cached_property
    def _bare(self) -> Run:
        return _quickest([runs.bare(self._m5_landing) for _ in range(self.repeats)])

    @cached_property
    def _m5(self) -> Run:
        def once() -> Run:
            for made in ("lake", "dagster", "data_docs"):
                shutil.rmtree(self._m5_landing.parent / made, ignore_errors=True)
            return runs.platform(self._m5_landing.parent, "land", "follow:features")

        return _quickest([once() for _ in range(self.repeats)])

    @cached_property
    def _shop(self) -> shops.Shop:
        home = self._fresh("shop")
        if self.shop == "m5":
            return shops.m5_shop(home, self._data)
        return shops.demo_shop(home, self.items, self.locations, self.days)

    @cached_property
    def _arrivals(self) -> tuple[Run, Run, Run, Run]:
        """Full rebuild of the data tables, then of the rest; one new day; one late day."""
        shop = self._shop
        data = runs.platform(shop.home, "land", "follow:features", models=self.models)
        rest = runs.platform(shop.home, "follow", models=self.models)
        shop.arrive(shop.last_day)
        new = runs.platform(shop.home, "land", "follow", models=self.models)
        shop.arrive(shop.late_day)
        late = runs.platform(shop.home, "land", "follow", models=self.models)
        for title, run in (("Full rebuild, data tables", data), ("Training to plan", rest),
                           ("One new day", new), ("One late day", late)):  # fmt: skip
            self.profiles[f"{title}, {shop.name}"] = run
        return data, rest, new, late


class SkippedError(Exception):
    """A case that cannot be measured here; says why."""


CASES: dict[str, Callable[[Bench], Iterator[Line]]] = {
    "definitions": Bench.definitions,
    "m5": Bench.m5,
    "expectations": Bench.expectations,
    "freshretailnet": Bench.freshretailnet,
    "demo": Bench.demo,
    "new-day": Bench.new_day,
    "late-day": Bench.late_day,
    "backfill": Bench.backfill,
}


def _whole(case: str, what: str, run: Run) -> Line:
    return Line(case, what, run.seconds, run.cpu_seconds, run.peak_mb)


def _quickest(measured: list[Run]) -> Run:
    return min(measured, key=lambda run: run.seconds)


def _sunday(day: dt.date) -> dt.date:
    from forecast_platform.graph import last_cutoff

    return last_cutoff(day)
