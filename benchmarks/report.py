"""The page of figures: the table, where the time goes, and the machine it was measured on."""

from __future__ import annotations

import datetime as dt
import os
import platform
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path

from benchmarks.cases import Line
from benchmarks.runs import Run

_PACKAGES = ("dagster", "polars", "deltalake", "duckdb", "great-expectations", "torch")
_HEAD = ("case", "what", "seconds", "processor s", "peak MB", "ratio", "target", "holds")


def page(lines: Sequence[Line], skipped: Mapping[str, str], profiles: Mapping[str, Run]) -> str:
    """The whole page as Markdown."""
    parts = [
        "# Benchmarks\n\nMade by `make bench`; every ratio compares runs of the same command on "
        "the same machine. A *holds* of `-` is a figure without a target.\n",
        machine(),
        table(lines),
    ]
    if skipped:
        parts.append("Not measured:\n\n" + "\n".join(f"- {k}: {v}" for k, v in skipped.items()))
    parts.append("## Where the time goes\n")
    parts += [profile(title, run) for title, run in profiles.items()]
    return "\n".join(parts).rstrip() + "\n"


def machine() -> str:
    """Date, processor, memory and versions."""
    today = dt.datetime.now(dt.UTC).date()
    cores = len(os.sched_getaffinity(0))
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    versions = ", ".join(f"{name} {version(name)}" for name in _PACKAGES)
    busy = os.getloadavg()[0]
    return (
        f"{today}; {_processor()}, {cores} cores, {memory:.0f} GB; load at the end {busy:.1f}; "
        f"Python {platform.python_version()}, {versions}.\n"
    )


def table(lines: Sequence[Line]) -> str:
    """One row per line."""
    return _markdown(_HEAD, [_cells(line) for line in lines])


def profile(title: str, run: Run) -> str:
    """Seconds by part, the largest first."""
    ordered = sorted(run.parts.items(), key=lambda part: -part[1])
    rows = [
        (name, f"{seconds:.2f}", f"{run.cpu_parts.get(name, 0):.2f}",
         f"{100 * seconds / run.seconds:.0f} %")
        for name, seconds in ordered if seconds >= 0.005
    ]  # fmt: skip
    rows.append(("all", f"{run.seconds:.2f}", f"{run.cpu_seconds:.2f}", "100 %"))
    return f"### {title}\n\n" + _markdown(("part", "seconds", "processor s", "share"), rows)


def _cells(line: Line) -> tuple[str, ...]:
    def number(value: float | None, digits: int = 2) -> str:
        return "" if value is None else f"{value:,.{digits}f}"

    def with_unit(value: float | None) -> str:
        return "" if value is None else f"{value:,.3g} {line.unit}"

    holds = "-"
    if line.ratio is not None and line.target is not None:
        holds = "yes" if line.ratio <= line.target else "NO"
    return (
        line.case, line.what, number(line.seconds), number(line.cpu_seconds),
        number(line.peak_mb, 0), with_unit(line.ratio), with_unit(line.target), holds,
    )  # fmt: skip


def _markdown(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines) + "\n"


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    if info.exists():
        for line in info.read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor() or platform.machine()
