"""Compiles the kernels of the families once, so that the first run does not wait for it.

`python -m forecast_platform.models.warm_up`, part of the set-up. The machine code is kept beside
the sources.
"""

from __future__ import annotations

import datetime as dt

import numpy as np

from forecast_platform.models.registry import create
from forecast_platform.panel import Panel

COMPILED = ("theta", "ets", "tsb", "imapa", "arima", "ridge", "lightgbm")
"""Families that between them use every kernel of forecasting."""

_SERIES, _DAYS = 4, 200


def main() -> None:
    """Fit each family to a few series of made-up demand."""
    rng = np.random.default_rng(1)
    demand = rng.poisson(3, (_SERIES, _DAYS)).astype(np.float32)
    gaps = demand.copy()
    gaps[:, 50:60] = np.nan
    names = np.array([f"item{at}" for at in range(_SERIES)], dtype=object)
    for family in COMPILED:
        print(f"compiling {family}", flush=True)
        for values in (demand, gaps):
            panel = Panel(names, names, dt.date(2024, 1, 1), values, ~np.isnan(values))
            model = create(family)
            model.fit(panel, seed=1)
            model.predict(panel)


if __name__ == "__main__":
    main()
