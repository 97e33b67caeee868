"""The library side of `benchmarks.wql`, run by the interpreter that has statsforecast.

    python benchmarks/wql_library.py TASK.npz OUT.npz [METHOD...]

TASK holds `demand` (N, T), NaN before a series begins, and `levels` (Q,) with the median among
them, `horizon` H. OUT gets (N, H, Q) quantiles by method; a series that a method raises on is
answered by its mean of 28 days and counted.
"""

from __future__ import annotations

import sys
import time

import numpy as np
from statsforecast.models import AutoARIMA, AutoETS

SEASON = 7
METHODS = {"AutoARIMA": AutoARIMA, "AutoETS": AutoETS}


def quantiles(method: object, y: np.ndarray, levels: np.ndarray, horizon: int) -> np.ndarray:
    """(H, Q) quantiles, the ends of the library's central intervals."""
    widths = sorted({round(100 * abs(2 * level - 1), 6) for level in levels} - {0.0})
    said = method.forecast(y=y, h=horizon, level=widths)  # type: ignore[attr-defined]
    columns = []
    for level in levels:
        width = round(100 * abs(2 * level - 1), 6)
        name = "mean" if width == 0 else f"{'lo' if level < 0.5 else 'hi'}-{width}"
        columns.append(np.asarray(said[name]))
    return np.stack(columns, axis=1)


def main(task: str, out: str, *methods: str) -> None:
    with np.load(task) as arrays:
        demand, levels, horizon = arrays["demand"], arrays["levels"], int(arrays["horizon"])
    answers = {}
    for name in methods or METHODS:
        start, failed = time.process_time(), 0
        answers[name] = np.empty((len(demand), horizon, len(levels)))
        for row, values in enumerate(demand):
            y = values[~np.isnan(values)].astype(np.float64)
            try:
                answers[name][row] = quantiles(
                    METHODS[name](season_length=SEASON), y, levels, horizon
                )
            except Exception:  # the library raises what its optimiser raises
                failed += 1
                answers[name][row] = y[-28:].mean()
        seconds = time.process_time() - start
        print(f"{name}: {seconds / len(demand):.2f} s a series, {failed} without an answer")
    np.savez(out, **answers)


if __name__ == "__main__":
    main(*sys.argv[1:])
