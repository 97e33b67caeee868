"""Where the seconds of a run go: named parts of the platform, timed without a line in the platform.

The functions named in `PARTS` are wrapped in the benchmark's own process. A part's seconds leave
out the parts inside it, so the parts and the rest add up to the whole.
"""

from __future__ import annotations

import functools
import importlib
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

_PACKAGE = "forecast_platform"
IMPORTS, DAGSTER = "python imports", "Dagster's own"
CHECKS = "Great Expectations"
CHECK_IMPORTS = f"python imports of {CHECKS}"
APART = (IMPORTS, CHECK_IMPORTS, DAGSTER)
"""Parts that are not work on the tables."""

PARTS = {
    "landing": ("sources.landing:land",),
    "validation": ("quality:validate", "defs.verdicts:Tally.accounting"),
    CHECKS: ("defs.verdicts:Tally.expectations",),
    "SQL models": ("sql.run:run",),
    "column lineage": ("sql.lineage:column_lineage",),
    "features": ("features:compute",),
    "training": ("training:train_family", "training:train_ensemble", "training:crown"),
    "forecasts": ("issuing:publish_issued",),
    "plan": ("replenishment:make_plans",),
    "accuracy": ("forecasting:score_issued",),
    "pictures": ("defs.pictures:forecast_against_actuals",),
    "lake writes": (
        "lake:Lake.replace_days",
        "lake:Lake.replace_all",
        "lake:Lake.replace_files",
        "home:Making.publish",
    ),
    "lake reads": ("home:Home.read",),
    "what is stale": (
        "home:Home.next_launches",
        "home:Home.begin",
        "home:Home.state",
        "home:Home.writable",
    ),
    DAGSTER: ("defs.instance:materialise",),
}
"""Part of the platform -> functions that do it, as module:name below the package."""


@dataclass
class Clock:
    """Seconds and processor seconds by part, each without the parts inside it."""

    wall: dict[str, float] = field(default_factory=dict)
    cpu: dict[str, float] = field(default_factory=dict)
    _open: list[tuple[str, list[float]]] = field(default_factory=list)
    _waiting: list[tuple[str, str]] = field(
        default_factory=lambda: [(name, target) for name, all_ in PARTS.items() for target in all_]
    )

    @contextmanager
    def part(self, name: str) -> Iterator[None]:
        """Count the time inside as `name`."""
        inner = [0.0, 0.0]
        self._open.append((name, inner))
        wall, cpu = time.perf_counter(), time.process_time()
        try:
            yield
        finally:
            spent = [time.perf_counter() - wall, time.process_time() - cpu]
            self._open.pop()
            for known, whole, inside in zip((self.wall, self.cpu), spent, inner, strict=True):
                known[name] = known.get(name, 0.0) + whole - inside
            if self._open:
                around = self._open[-1][1]
                around[0] += spent[0]
                around[1] += spent[1]

    def watch(self) -> None:
        """Wrap imports from now on, and the functions of `PARTS` once they are loaded."""
        self._wrap_loaded()
        # Called for modules that are not loaded yet. `__import__` runs at every import statement,
        # hundreds of thousands of times: timing each would measure the clock.
        loader: Any = importlib._bootstrap  # type: ignore[attr-defined]
        loader._find_and_load = self._import(loader._find_and_load)

    def _wrap_loaded(self) -> None:
        for name, target in list(self._waiting):
            module, _, path = target.partition(":")
            holder = sys.modules.get(f"{_PACKAGE}.{module}")
            if holder:
                self._waiting.remove((name, target))
                self._wrap(name, holder, path)

    def _wrap(self, name: str, holder: Any, path: str) -> None:
        *outer, last = path.split(".")
        for part in outer:
            holder = getattr(holder, part)
        function = getattr(holder, last)

        @functools.wraps(function)
        def timed(*args: Any, **kwargs: Any) -> Any:
            with self.part(name):
                return function(*args, **kwargs)

        setattr(holder, last, timed)
        # Modules that imported the function by name hold it themselves.
        for known, loaded in list(sys.modules.items()):
            if known.startswith(_PACKAGE):
                for held, value in list(vars(loaded).items()):
                    if value is function:
                        setattr(loaded, held, timed)

    def _import(self, original: Callable[..., Any]) -> Callable[..., Any]:
        depth = 0

        def timed(*args: Any, **kwargs: Any) -> Any:
            nonlocal depth
            if depth:
                return original(*args, **kwargs)
            depth += 1
            checking = bool(self._open) and self._open[-1][0] == CHECKS
            try:
                with self.part(CHECK_IMPORTS if checking else IMPORTS):
                    loaded = original(*args, **kwargs)
                self._wrap_loaded()
                return loaded
            finally:
                depth -= 1

        return timed
