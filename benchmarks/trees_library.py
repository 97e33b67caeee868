"""The library side of `benchmarks.trees`, run by the interpreter that has mlforecast.

    python benchmarks/trees_library.py DEMAND.npy ROUNDS

Prints the CPU seconds of the quickest of ROUNDS rounds, the rows and the columns made.
"""

from __future__ import annotations

import sys
import time

import numpy as np
import pandas as pd
from mlforecast import MLForecast
from mlforecast.lag_transforms import RollingMean, RollingStd, SeasonalRollingMean

WINDOWS = (7, 14, 28, 56, 91, 182)


def main(path: str, rounds: int) -> None:
    demand = np.load(path)
    series, day = np.nonzero(~np.isnan(demand))
    frame = pd.DataFrame(
        {
            "unique_id": np.char.add("series", np.char.zfill(series.astype(str), 5)),
            "ds": pd.Timestamp("2011-01-29") + pd.to_timedelta(day, unit="D"),
            "y": demand[series, day],
        }
    )
    means = [RollingMean(window, min_samples=1) for window in WINDOWS]
    others = [RollingStd(28, min_samples=2)] + [
        SeasonalRollingMean(7, weeks, min_samples=1) for weeks in (4, 8)
    ]
    # mlforecast's lag 1 is the day of the origin, our lag 0.
    maker = MLForecast(
        models=[], freq="D", lags=[1, 2, 8], lag_transforms={1: means + others}, num_threads=1
    )
    quickest = float("inf")
    for _ in range(rounds):
        start = time.process_time()
        made = maker.preprocess(frame, static_features=[], dropna=False)
        quickest = min(quickest, time.process_time() - start)
    print(quickest, len(made), made.shape[1] - 3)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
