"""Where the seconds of a run go: named parts of the platform, timed without a line in the platform.

The functions named in `PARTS` are wrapped in the benchmark's own process. A part's seconds leave
out the parts inside it, so the parts and the rest add up to the whole.
"""

from __future__ import annotations

import builtins
import functools
import importlib
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

IMPORTS, DAGSTER = "python imports", "Dagster's own"
CHECKS = "Great Expectations"
CHECK_IMPORTS = f"python imports of {CHECKS}"
APART = (IMPORTS, CHECK_IMPORTS, DAGSTER)
"""Parts that are not work on the tables."""

_ASSETS = "forecast_platform.defs.assets"
PARTS = {
    "landing": (f"{_ASSETS}.landing:land",),
    "validation": (f"{_ASSETS}.validated:validate", f"{_ASSETS}.validated:accounting"),
    CHECKS: (f"{_ASSETS}.validated:expectations",),
    "SQL models": (f"{_ASSETS}.cleaned:run",),
    "column lineage": (f"{_ASSETS}.cleaned:model_lineage",),
    "features": (f"{_ASSETS}.features:compute",),
    "training": (f"{_ASSETS}.models:train_family", f"{_ASSETS}.models:crown"),
    "forecasts": (f"{_ASSETS}.forecasts:gathered",),
    "plan": (f"{_ASSETS}.plan:make_plans",),
    "accuracy": (f"{_ASSETS}.feedback:score_issued",),
    "pictures": (f"{_ASSETS}.forecasts:forecast_against_actuals",),
    "lake writes": (
        "forecast_platform.lake:Lake.replace_days",
        "forecast_platform.lake:Lake.replace_all",
        "forecast_platform.lake:Lake.replace_files",
    ),
    "lake reads": ("forecast_platform.home:Home.read",),
    "what is stale": (
        "forecast_platform.home:Home.next_launches",
        "forecast_platform.home:Home.begin",
        "forecast_platform.home:Home.state",
        "forecast_platform.home:Home.writable",
    ),
    DAGSTER: ("forecast_platform.defs.operate:materialise",),
}
"""Part of the platform -> functions that do it, as module:name."""


@dataclass
class Clock:
    """Seconds and processor seconds by part, each without the parts inside it."""

    wall: dict[str, float] = field(default_factory=dict)
    cpu: dict[str, float] = field(default_factory=dict)
    _open: list[tuple[str, list[float]]] = field(default_factory=list)

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
        """Wrap the functions of `PARTS`, and imports from now on."""
        for name, targets in PARTS.items():
            for target in targets:
                self._wrap(name, target)
        builtins.__import__ = self._import(builtins.__import__)

    def _wrap(self, name: str, target: str) -> None:
        module, _, path = target.partition(":")
        holder: Any = importlib.import_module(module)
        *outer, last = path.split(".")
        for part in outer:
            holder = getattr(holder, part)
        function = getattr(holder, last)

        @functools.wraps(function)
        def timed(*args: Any, **kwargs: Any) -> Any:
            with self.part(name):
                return function(*args, **kwargs)

        setattr(holder, last, timed)

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
                    return original(*args, **kwargs)
            finally:
                depth -= 1

        return timed
