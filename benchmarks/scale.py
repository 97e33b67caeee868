"""What a shop costs by its size: processor seconds, memory and bytes of each stage.

    python -m benchmarks.scale [--shops 300x120,3000x120,30000x120,3000x1200] [--picture FILE]

Each demo shop (series x days, ten locations) is landed and made up to its features, then a cheap
family is trained and the newest day but one planned, and the newest day arrives and goes all the
way to its plan. Every run is a process of its own.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from benchmarks import runs, shops
from benchmarks.clock import APART
from benchmarks.runs import Run

_LOCATIONS = 10
_SHOPS = "300x120,3000x120,30000x120,3000x1200"
_FIXED = {*APART, "what is stale", "column lineage", "pictures"}
"""Parts that hardly know how large a shop is."""
_TABLES = ("landing", "raw_sales", "raw_inventory", "validated_sales", "validated_inventory",
           "clean_demand", "features", "forecasts", "forecast_levels",
           "replenishment_plan")  # fmt: skip


@dataclass(frozen=True)
class Cost:
    """What one shop cost.

    Attributes:
        series: Number of series.
        days: Days of history.
        rows: Rows landed, of all tables.
        history: Processor seconds by stage, from landing to the features of all days.
        history_mb: Peak memory of that.
        day: Processor seconds by stage, one new day to its plan.
        day_mb: Peak memory of that.
        megabytes: On disk by table, of all days; forecasts and plan of one day.
    """

    series: int
    days: int
    rows: int
    history: Mapping[str, float]
    history_mb: float
    day: Mapping[str, float]
    day_mb: float
    megabytes: Mapping[str, float]


def measure(work: Path, series: int, days: int, models: tuple[str, ...]) -> Cost:
    """Make a shop and measure it."""
    home = work / f"{series}x{days}"
    shop = shops.demo_shop(home, max(1, series // _LOCATIONS), _LOCATIONS, days)
    history = runs.platform(home, "land", "follow:features", models=models)
    runs.platform(home, "follow", models=models)
    size = {table: megabytes(home, table) for table in _TABLES}
    shop.arrive(shop.last_day)
    day = runs.platform(home, "land", "follow", models=models)
    return Cost(
        series, days, shops.landed_rows(home), stages(history), history.peak_mb, stages(day),
        day.peak_mb, size,
    )  # fmt: skip


def stages(run: Run) -> dict[str, float]:
    """Processor seconds of the stages that grow with a shop, and of the rest together."""
    found = {part: spent for part, spent in run.cpu_parts.items() if part not in _FIXED}
    fixed = sum(spent for part, spent in run.cpu_parts.items() if part in _FIXED)
    return {**dict(sorted(found.items())), "fixed": fixed}


def megabytes(home: Path, table: str) -> float:
    """Size of a table of the lake, or of the landing folder."""
    folder = home / "landing" if table == "landing" else home / "lake" / table
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file()) / 1e6


def tables(costs: list[Cost]) -> list[str]:
    """Markdown: history, new day, bytes, per shop and per 1,000 series."""
    heads = [f"{cost.series:,} x {cost.days:,}" for cost in costs]
    lines = []
    for title, field in (("all days, processor s", "history"), ("a new day, processor s", "day"),
                         ("on disk, MB", "megabytes")):  # fmt: skip
        by_shop = [getattr(cost, field) for cost in costs]
        names = list(dict.fromkeys(name for found in by_shop for name in found))
        lines += ["", f"| {title} | " + " | ".join(heads) + " |", "|---" * (len(heads) + 1) + "|"]
        for name in names:
            cells = " | ".join(f"{found.get(name, 0):,.2f}" for found in by_shop)
            lines.append(f"| {name} | {cells} |")
    for name, field in (("peak GB, all days", "history_mb"), ("peak GB, a new day", "day_mb")):
        cells = " | ".join(f"{getattr(cost, field) / 1024:.2f}" for cost in costs)
        lines.append(f"| {name} | {cells} |")
    return [*lines, f"| rows landed | {' | '.join(f'{cost.rows:,}' for cost in costs)} |"]


def picture(costs: list[Cost], file: Path) -> None:
    """Processor seconds of the stages by rows landed, both on logarithmic scales."""
    from matplotlib.figure import Figure

    ranked = sorted(costs, key=lambda cost: cost.rows)
    figure = Figure(figsize=(9, 4), layout="constrained")
    for axes, field, title in zip(
        figure.subplots(1, 2), ("history", "day"), ("all days", "a new day"), strict=True
    ):
        shown = [c for c in ranked if field == "history" or c.days == ranked[0].days]
        for name in getattr(shown[-1], field):
            spent = [getattr(cost, field).get(name, 0.0) for cost in shown]
            rows = [cost.rows if field == "history" else cost.series for cost in shown]
            axes.loglog(rows, spent, marker="o", label=name)
        axes.set(title=title, xlabel="rows landed" if field == "history" else "series",
                 ylabel="processor seconds")  # fmt: skip
        axes.legend(fontsize=7)
    figure.savefig(file, dpi=110)


def main(words: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    add = parser.add_argument
    add("--shops", default=_SHOPS, help="series x days, joined by commas")
    add("--models", default="seasonal_naive,theta", help="families, joined by commas")
    add("--picture", type=Path, help="file to draw the costs into")
    add("--work", type=Path, help="folder for scratch files; default the system's")
    chosen = parser.parse_args(words)
    costs: list[Cost] = []
    with tempfile.TemporaryDirectory(prefix="scale-", dir=chosen.work) as work:
        for shop in chosen.shops.split(","):
            series, days = map(int, shop.split("x"))
            costs.append(measure(Path(work), series, days, tuple(chosen.models.split(","))))
            print(json.dumps(asdict(costs[-1])), flush=True)
    print("\n".join(tables(costs)))
    if chosen.picture:
        picture(costs, chosen.picture)


if __name__ == "__main__":
    main()
