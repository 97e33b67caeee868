"""The library side of `benchmarks.smoothing`, run by the interpreter that has statsforecast.

    python benchmarks/smoothing_library.py DEMAND.npy ROUNDS OUT.npz

Writes the 28-day forecasts of each method to OUT.npz and prints, one line per method, its name and
the CPU seconds of the quickest of ROUNDS rounds over all series.
"""

from __future__ import annotations

import sys
import time

import numpy as np
from statsforecast.models import (
    ADIDA,
    IMAPA,
    AutoETS,
    CrostonOptimized,
    CrostonSBA,
    SimpleExponentialSmoothingOptimized,
    Theta,
)

METHODS = {
    "ses": SimpleExponentialSmoothingOptimized(),
    "ets": AutoETS(season_length=7),
    "theta": Theta(season_length=7),
    "croston": CrostonOptimized(),
    "sba": CrostonSBA(),
    "adida": ADIDA(),
    "imapa": IMAPA(),
}


def main(path: str, rounds: int, out: str) -> None:
    demand = np.load(path)
    series = [values[~np.isnan(values)] for values in demand]
    means = {}
    for name, method in METHODS.items():
        method.forecast(y=series[0], h=28)
        quickest = float("inf")
        for _ in range(1 if name == "ets" else rounds):
            start = time.process_time()
            means[name] = np.stack([method.forecast(y=y, h=28)["mean"] for y in series])
            quickest = min(quickest, time.process_time() - start)
        print(name, quickest, flush=True)
    np.savez(out, **means)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), sys.argv[3])
