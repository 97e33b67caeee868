"""ARIMA per series: our exact likelihood against statsmodels and statsforecast.

    python -m benchmarks.arima DATA [--series 300] [--slow 60] [--searched 12] [--libraries PYTHON]

DATA is the folder of the M5 data with `sales_train_evaluation.csv`. Times are CPU milliseconds per
series on one thread without compilation; 730 days, 28 ahead. Ours are means over all series in one
call, the least of several calls; the libraries' are medians over their series, whose mean is higher
(a median of ours, series by series, would be lower). statsforecast runs in the interpreter PYTHON,
so that it need not live beside the platform.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

DAYS, AHEAD = 730, 28
ORDER, SEASON = (1, 1, 1), (1, 0, 1)


def cpu_ms(work: Callable[[], object], series: int, repeats: int = 1) -> float:
    best = np.inf
    for _ in range(repeats):
        started = time.process_time()
        work()
        best = min(best, time.process_time() - started)
    return 1000 * best / series


def median_ms(work: Callable[[int], object], series: int) -> float:
    """Median over series of the time that `work` takes for the series of that number."""
    times = []
    for row in range(series):
        started = time.process_time()
        work(row)
        times.append(1000 * (time.process_time() - started))
    return float(np.median(times))


def scaled_error(forecast: np.ndarray, truth: np.ndarray, known: np.ndarray) -> float:
    """Root of the mean over series of squared errors in units of the series' variance."""
    return float(np.sqrt(((forecast - truth) ** 2 / known.var(axis=1, keepdims=True)).mean()))


def real_series(folder: Path, wanted: int, origins: int) -> np.ndarray:
    """(wanted, 730 + 28 origins) days of series sold on at least 100 of the first 730."""
    import polars as pl

    frame = pl.read_csv(folder / "sales_train_evaluation.csv").select(pl.col("^d_.*$"))
    values = frame.to_numpy()[:, -(DAYS + AHEAD * origins) :].astype(float)
    values = values[(values[:, :DAYS] > 0).sum(axis=1) > 100]
    return values[np.linspace(0, len(values) - 1, min(wanted, len(values))).astype(int)]


def ours(values: np.ndarray, few: np.ndarray, origins: int) -> dict[str, float]:
    from forecast_platform.models.sarima.model import Order, estimate, predict
    from forecast_platform.models.sarima.select import choose

    order, known = Order(*ORDER, *SEASON, 7), values[:, :DAYS]

    def fit() -> np.ndarray:
        found = estimate(known, order)
        return predict(known, order, found.coefficients, found.slopes, AHEAD)[0][:, DAYS:]

    def select(window: np.ndarray) -> np.ndarray:
        orders, out = choose(window), np.empty((len(window), AHEAD))
        for one in set(orders):
            rows = np.array([row for row, other in enumerate(orders) if other == one])
            found = estimate(window[rows], one)
            ahead = predict(window[rows], one, found.coefficients, found.slopes, AHEAD)[0]
            out[rows] = ahead[:, DAYS:]
        return out

    failed = float(np.isnan(fit()).any(axis=1).sum())
    select(few[:2, :DAYS])
    found = estimate(known, order)
    return {
        "fit": cpu_ms(fit, len(known), 3),
        "update": cpu_ms(
            lambda: predict(known, order, found.coefficients, found.slopes, AHEAD), len(known), 5
        ),
        "select": cpu_ms(lambda: select(few[:, :DAYS]), len(few), 2),
        "select_error": rolling(select, few, origins),
        "fit_error": scaled_error(fit(), values[:, DAYS : DAYS + AHEAD], known),
        "failed": failed,
    }


def rolling(answer: Callable[[np.ndarray], np.ndarray], values: np.ndarray, origins: int) -> float:
    """Error over so many origins 28 days apart."""
    squares = []
    for at in range(0, AHEAD * origins, AHEAD):
        known, truth = values[:, at : at + DAYS], values[:, at + DAYS : at + DAYS + AHEAD]
        squares.append(scaled_error(answer(known), truth, known) ** 2)
    return float(np.sqrt(np.mean(squares)))


def statsmodels_side(values: np.ndarray) -> dict[str, float]:
    import warnings

    from statsmodels.tsa.statespace.sarimax import SARIMAX

    from forecast_platform.models.base import one_blas_thread

    warnings.simplefilter("ignore")
    results, converged = [], 0

    def fit(row: int) -> None:
        nonlocal converged
        model = SARIMAX(values[row, :DAYS], order=ORDER, seasonal_order=(*SEASON, 7))
        result = model.fit(disp=0)
        result.forecast(AHEAD)
        converged += bool(result.mle_retvals["converged"])
        results.append(result.params)

    def update(row: int) -> None:
        model = SARIMAX(values[row, :DAYS], order=ORDER, seasonal_order=(*SEASON, 7))
        model.filter(results[row]).forecast(AHEAD)

    with one_blas_thread():
        return {
            "fit": median_ms(fit, len(values)),
            "update": median_ms(update, len(values)),
            "failed": len(values) - converged,
        }


def library_side(values: np.ndarray, few: np.ndarray, origins: int) -> dict[str, float]:
    """What runs in the other interpreter: statsforecast."""
    from statsforecast.models import ARIMA, AutoARIMA

    failed = 0

    def answer(make: Callable[[], object], line: np.ndarray) -> np.ndarray:
        nonlocal failed
        try:
            return make().forecast(y=line, h=AHEAD)["mean"]
        except Exception:  # the library raises what its optimiser raises
            failed += 1
            return np.full(AHEAD, line[-AHEAD:].mean())

    def fixed() -> object:
        return ARIMA(order=ORDER, season_length=7, seasonal_order=SEASON, method="CSS-ML")

    def auto() -> object:
        return AutoARIMA(season_length=7)

    answer(fixed, values[0, :DAYS])
    answer(auto, few[0, :DAYS])
    failed = 0
    fit = median_ms(lambda row: answer(fixed, values[row, :DAYS]), len(values))
    failed_fit = failed
    select = median_ms(lambda row: answer(auto, few[row, :DAYS]), len(few))
    error = rolling(lambda known: np.stack([answer(auto, line) for line in known]), few, origins)
    return {"fit": fit, "failed": failed_fit, "select": select, "select_error": error}


def elsewhere(python: str, values: np.ndarray, few: np.ndarray, origins: int) -> dict[str, float]:
    """Run `library_side` in another interpreter; empty, with a sentence, where it cannot."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "series.npz"
        np.savez(file, values=values, few=few)
        command = [python, __file__, str(file), "--library-side", "--origins", str(origins)]
        done = subprocess.run(command, capture_output=True, text=True, env=one_thread())
    if done.returncode:
        last = done.stderr.strip().splitlines()[-1:] or ["no message"]
        print(f"statsforecast is left out: {python} says {last[0]}")
        return {}
    return dict(json.loads(done.stdout.strip().splitlines()[-1]))


def one_thread() -> dict[str, str]:
    return {**os.environ, "OMP_NUM_THREADS": "1", "NUMBA_NUM_THREADS": "1"}


def report(
    mine: dict[str, float], theirs: dict[str, dict[str, float]], sizes: dict[str, int]
) -> None:
    print(f"{'':24}{'ours':>10}", *(f"{name:>24}" for name in theirs))
    lines = {"fit": "fit + 28 ahead, ms", "update": "filter + 28 ahead, ms",
             "select": "order selection, ms"}  # fmt: skip
    for key, title in lines.items():
        cells = [
            f"{side[key]:>12.2f} ({side[key] / mine[key]:>6.0f} x)" if key in side else f"{'-':>23}"
            for side in theirs.values()
        ]
        print(f"{title:24}{mine[key]:>10.3f}", *(f"{cell:>24}" for cell in cells))
    errors = [side.get("select_error", np.nan) for side in theirs.values()]
    print(
        f"{'its rolling error':24}{mine['select_error']:>10.4f}", *(f"{e:>24.4f}" for e in errors)
    )
    print(f"{'failed or unconverged':24}{mine['failed']:>10.0f}",
          *(f"{side.get('failed', np.nan):>24.0f}" for side in theirs.values()))  # fmt: skip
    print(", ".join(f"{count} series {name}" for name, count in sizes.items()))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path, nargs="?", default=os.environ.get(
        "FORECAST_PLATFORM_REAL_DATA"))  # fmt: skip
    parser.add_argument("--series", type=int, default=300)
    parser.add_argument("--slow", type=int, default=60)
    parser.add_argument("--searched", type=int, default=12)
    parser.add_argument("--origins", type=int, default=2)
    parser.add_argument("--libraries", default=sys.executable)
    parser.add_argument("--library-side", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.library_side:
        with np.load(arguments.data) as file:
            print(json.dumps(library_side(file["values"], file["few"], arguments.origins)))
        return
    folder = Path(arguments.data or ".")
    folder = folder / "m5_tx3_foods3" if (folder / "m5_tx3_foods3").is_dir() else folder
    if not (folder / "sales_train_evaluation.csv").is_file():
        sys.exit(f"There is no sales_train_evaluation.csv in {folder}: give the folder of M5.")
    values = real_series(folder, arguments.series, arguments.origins)
    slow, few = (
        values[np.linspace(0, len(values) - 1, min(count, len(values))).astype(int)]
        for count in (arguments.slow, arguments.searched)
    )
    theirs = {"statsmodels": statsmodels_side(slow)}
    if library := elsewhere(arguments.libraries, slow, few, arguments.origins):
        theirs["statsforecast"] = library
    sizes = {"ours": len(values), "each library": len(slow), "order selection": len(few)}
    report(ours(values, few, arguments.origins), theirs, sizes)


if __name__ == "__main__":
    main()
