"""Processes that are measured: the platform, the yardstick, anything else."""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.clock import APART, CHECK_IMPORTS, DAGSTER, IMPORTS

ROOT = Path(__file__).resolve().parents[1]


@dataclass(frozen=True)
class Run:
    """What one process took.

    Attributes:
        seconds: From the first import to the end.
        cpu_seconds: Processor seconds, those of child processes included.
        peak_mb: Largest resident memory of one process.
        parts: Seconds by part, which add up to `seconds`.
        cpu_parts: Processor seconds of the process itself, by part.
    """

    seconds: float
    cpu_seconds: float
    peak_mb: float
    parts: Mapping[str, float] = field(default_factory=dict)
    cpu_parts: Mapping[str, float] = field(default_factory=dict)

    @property
    def work(self) -> float:
        """Seconds without imports and Dagster's own steps."""
        return sum(seconds for part, seconds in self.parts.items() if part not in APART)

    @property
    def imports(self) -> float:
        """Seconds of Python imports."""
        return self.parts.get(IMPORTS, 0) + self.parts.get(CHECK_IMPORTS, 0)

    @property
    def dagster(self) -> float:
        """Seconds of Dagster's own steps."""
        return self.parts.get(DAGSTER, 0)


def platform(home: Path, *steps: str, models: Sequence[str] | None = None) -> Run:
    """Run steps of `benchmarks.worker` on a home folder in a fresh process."""
    out = _python(["-m", "benchmarks.worker", *steps], home, models)
    return Run(**json.loads(out.splitlines()[-1]))


def bare(landing: Path) -> Run:
    """Run the yardstick on a landing folder in a fresh process."""
    words = _python([str(ROOT / "benchmarks" / "bare_polars.py"), str(landing)]).split()
    told = dict(zip(words[::2], map(float, words[1::2]), strict=True))
    return Run(told["seconds"], told["cpu_seconds"], told["peak_mb"])


def timed(arguments: Sequence[str], home: Path, models: Sequence[str] | None = None) -> Run:
    """Run Python with these arguments and measure the process from outside."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    began = time.perf_counter()
    _python(arguments, home, models)
    seconds = time.perf_counter() - began
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Run(seconds, cpu, after.ru_maxrss / 1024)


def _python(
    arguments: Sequence[str], home: Path | None = None, models: Sequence[str] | None = None
) -> str:
    inherited = {k: v for k, v in os.environ.items() if not k.startswith("FORECAST_PLATFORM_")}
    chosen = {"FORECAST_PLATFORM_SETTLE_SECONDS": "0"}
    if home:
        chosen["FORECAST_PLATFORM_HOME"] = str(home)
    if models:
        chosen["FORECAST_PLATFORM_MODELS"] = json.dumps(list(models))
    done = subprocess.run(
        [sys.executable, "-W", "ignore", *arguments],
        cwd=ROOT, env=inherited | chosen, capture_output=True, text=True, check=False,
    )  # fmt: skip
    if done.returncode:
        raise SystemExit(f"{' '.join(arguments)} failed:\n{done.stdout}\n{done.stderr}")
    return done.stdout
