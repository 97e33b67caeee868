"""One measured run of the platform, in a process of its own: `python -m benchmarks.worker STEP...`.

Each step is a word with its arguments joined by colons; the last line of the output is JSON with
seconds by part, seconds in all, processor seconds and peak megabytes.

    land                        bring in what lies in the landing folder
    follow[:TABLE]              make what is stale, up to a table; `validated` for all of these
    train:CUTOFF                train every family
    make:TABLE:FIRST:LAST       make the days of a table, stale or not
    issue:FIRST:LAST            forecasts and plans of these origins, issued anew
"""

from __future__ import annotations

import datetime as dt
import json
import logging
import resource
import sys
import time
import warnings
from typing import TYPE_CHECKING

from benchmarks.clock import DAGSTER, IMPORTS, Clock

if TYPE_CHECKING:
    from forecast_platform.defs.operate import Operator


def measure(steps: list[str]) -> dict[str, object]:
    """Run the steps and say where the time went."""
    warnings.filterwarnings("ignore")
    logging.getLogger("dagster").setLevel(logging.CRITICAL)
    clock = Clock()
    began = time.perf_counter()
    with clock.part(DAGSTER):
        with clock.part(IMPORTS):
            import forecast_platform.definitions  # noqa: F401
            from forecast_platform.defs.operate import operator
            from forecast_platform.settings import settings

            clock.watch()
        with operator(settings()) as opened:
            for step in steps:
                _do(opened, *step.split(":"))
    own, children = (resource.getrusage(who) for who in
                     (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))  # fmt: skip
    return {
        "seconds": time.perf_counter() - began,
        "cpu_seconds": sum(u.ru_utime + u.ru_stime for u in (own, children)),
        "peak_mb": max(own.ru_maxrss, children.ru_maxrss) / 1024,
        "parts": clock.wall,
        "cpu_parts": clock.cpu,
    }


def _do(opened: Operator, verb: str, *words: str) -> None:
    if verb == "land":
        opened.land()
    elif verb == "follow":
        opened.follow(*(_last_table(opened, word) for word in words))
    elif verb == "train":
        opened.train(dt.date.fromisoformat(words[0]))
    elif verb == "make":
        first, last = map(dt.date.fromisoformat, words[1:])
        opened._run([words[0]], first, last)
    elif verb == "issue":
        first, last = map(dt.date.fromisoformat, words)
        opened.issue(first, last, restate=True)
    else:
        raise SystemExit(f"unknown step {verb}")


def _last_table(opened: Operator, name: str) -> str:
    """The last table of the graph whose name begins with `name`."""
    return [node.table for node in opened.home.nodes if node.table.startswith(name)][-1]


if __name__ == "__main__":
    print(json.dumps(measure(sys.argv[1:])))
