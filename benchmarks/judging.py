"""Calibration, ensemble and levels on M5 data: `python -m benchmarks.judging FOLDER [FAMILIES]`.

FOLDER holds Kaggle's sales_train_evaluation.csv, calendar.csv and sell_prices.csv. Weights and maps
are learned on one half of the origins and judged on the other; printed are the leaderboard by
level, how sure the order is, and interval coverage before and after calibration.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from functools import partial
from pathlib import Path

import polars as pl

from benchmarks.m5_panel import HORIZON, read
from forecast_platform.forecasting.backtest import (
    joined,
    judge,
    judge_forecasts,
    rolling_origins,
)
from forecast_platform.forecasting.calibrated import held_out, with_actuals
from forecast_platform.forecasting.calibration import coverage_table
from forecast_platform.forecasting.compare import standings
from forecast_platform.forecasting.kept import kept_forecasts
from forecast_platform.forecasting.leaderboard import level_board
from forecast_platform.forecasting.truth import truths
from forecast_platform.models import create


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("families", nargs="*", default=["seasonal_naive"])
    parser.add_argument("--origins", type=int, default=8)
    parser.add_argument("--days", type=int, default=730)
    chosen = parser.parse_args()
    m5 = read(chosen.folder).last(chosen.days)
    panel, prices = m5.panel, m5.prices
    origins = rolling_origins(panel.last_day, chosen.origins, horizon=HORIZON, step=HORIZON)
    known = truths(panel, origins, HORIZON, prices)
    pl.Config.set_tbl_cols(20).set_tbl_rows(40).set_float_precision(3).set_tbl_hide_dataframe_shape(
        True
    )
    with tempfile.TemporaryDirectory() as kept:
        models = {family: partial(create, family) for family in chosen.families}
        parts = [judge(models, panel, origins, prices=prices, keep=Path(kept))]
        folders = {family: Path(kept) / family for family in models}
        for family, folder in folders.items():
            started = time.process_time()
            calibrated = list(held_out({family: folder}, known, folds=4))
            spent = time.process_time() - started
            parts.append(judge_forecasts(f"{family} calibrated", calibrated, known))
            before = coverage_table(with_actuals(kept_forecasts(folder), known))
            after = coverage_table(with_actuals(calibrated, known))
            print(f"{family}: {spent:.2f} s CPU to calibrate and apply")
            print(before.join(after, on="nominal", suffix=" calibrated"))
        if len(folders) > 1:
            parts.append(judge_forecasts("ensemble", held_out(folders, known, folds=4), known))
        judgement = joined(parts)
    print(level_board(judgement.scores))
    for metric in ("pinball", "wrmsse", "wql", "wspl"):
        print(metric, standings(judgement.overall, metric))


if __name__ == "__main__":
    main()
