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

import numpy as np
import polars as pl
from numpy.typing import NDArray

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
from forecast_platform.panel import Panel

HORIZON = 28


def m5_panel(folder: Path, days: int) -> tuple[Panel, NDArray[np.float32]]:
    """The last `days` days of Kaggle's files, from each item's first price on, and its prices."""
    sales = pl.read_csv(folder / "sales_train_evaluation.csv").sort("item_id", "store_id")
    columns = [name for name in sales.columns if name.startswith("d_")][-days:]
    calendar = pl.read_csv(folder / "calendar.csv", try_parse_dates=True)
    week = calendar.filter(pl.col("d").is_in(columns)).sort("date")
    prices = pl.read_csv(folder / "sell_prices.csv").pivot(
        "wm_yr_wk", index=["item_id", "store_id"], values="sell_price"
    )
    prices = sales.select("item_id", "store_id").join(
        prices, on=["item_id", "store_id"], how="left", maintain_order="left"
    )
    price = np.stack(
        [prices[str(number)].to_numpy() for number in week["wm_yr_wk"].to_list()], axis=1
    ).astype(np.float32)
    demand = sales.select(columns).to_numpy().astype(np.float32)
    names = {
        "items": "item_id", "locations": "store_id", "category": "cat_id", "department": "dept_id",
    }  # fmt: skip
    text = {key: sales[name].to_numpy().astype(object) for key, name in names.items()}
    panel = Panel(
        text["items"],
        text["locations"],
        week["date"][0],
        np.where(np.isnan(price), np.nan, demand).astype(np.float32),
        ~np.isnan(price),
        static={name: text[name] for name in ("category", "department")},
    )
    return panel, price


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("families", nargs="*", default=["seasonal_naive"])
    parser.add_argument("--origins", type=int, default=8)
    parser.add_argument("--days", type=int, default=730)
    chosen = parser.parse_args()
    panel, prices = m5_panel(chosen.folder, chosen.days)
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
