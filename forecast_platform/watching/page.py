"""What was seen, as one page for people."""

from __future__ import annotations

import datetime as dt
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from forecast_platform.contracts import tables
from forecast_platform.watching.sight import Sight

if TYPE_CHECKING:
    from jinja2 import Template

_RUNS = 12


def page(seen: Sight) -> str:
    """The page, in HTML that needs nothing else."""
    since = {alert.what: alert.since for alert in seen.activity.alerts}
    groups = [
        (group, [(name, seen.rows[name], seen.newest.get(name), seen.stale.get(name, 0))
                 for name in names if name in seen.rows])
        for group, names in _groups().items()
    ]  # fmt: skip
    return _template().render(
        seen=seen,
        wrong=[(finding, since.get(finding.what)) for finding in seen.wrong],
        fine=[finding for finding in seen.findings if finding.ok],
        groups=[(group, rows) for group, rows in groups if rows],
        runs=seen.activity.runs[:_RUNS],
        now=seen.taken,
    )


def _groups() -> dict[str, list[str]]:
    """Tables by stage, in the order of the graph."""
    stages: dict[str, list[str]] = {}
    for name, table in tables().items():
        stages.setdefault(table.group, []).append(name)
    return stages


@cache
def _template() -> Template:
    from jinja2 import Environment

    environment = Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True)
    environment.filters |= {"moment": _moment, "took": _took, "ago": _ago, "size": _size}
    return environment.from_string(Path(__file__).with_name("page.html").read_text("utf-8"))


def _moment(moment: dt.datetime | str) -> str:
    if isinstance(moment, str):
        moment = dt.datetime.fromisoformat(moment)
    return moment.astimezone(dt.UTC).strftime("%Y-%m-%d %H:%M UTC")


def _took(seconds: float | None) -> str:
    if seconds is None:
        return ""
    return f"{seconds:.1f} s" if seconds < 90 else f"{seconds / 60:.0f} min"


def _ago(moment: dt.datetime, now: dt.datetime) -> str:
    seconds = (now - moment).total_seconds()
    for length, name in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= 2 * length:
            return f"{seconds / length:.0f} {name} ago"
    return f"{seconds:.0f} s ago"


def _size(count: float) -> str:
    for unit in ("B", "kB", "MB"):
        if count < 1000:
            return f"{count:.0f} {unit}"
        count /= 1000
    return f"{count:.1f} GB"
