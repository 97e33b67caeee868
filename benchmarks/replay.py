"""The plan's policy on real history: `python -m benchmarks.replay HOME [--model lightgbm]`.

HOME is a home folder that holds the history as features, for example an imported M5 store after
`forecast-platform run --select features`. Forecasts are made once and replayed at several ordering
costs; nothing is written into the home.
"""

from __future__ import annotations

import argparse
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
from rich.console import Console

from forecast_platform.forecasts_as_of import cover_forecast
from forecast_platform.home import Home
from forecast_platform.lake.days import ONE_DAY
from forecast_platform.replay_case import read_case
from forecast_platform.replenishment.history_replay.compare import compare
from forecast_platform.settings import Settings
from forecast_platform.simulating import (
    CRITICAL_RATIOS,
    NAIVE,
    Replayed,
    replay_table,
    rules,
    verdicts,
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("home", type=Path)
    parser.add_argument("--model", default="lightgbm")
    parser.add_argument("--days", type=int, default=365)
    parser.add_argument("--order-costs", default="0,1,5")
    chosen = parser.parse_args()
    home, console = Home(Settings(home=chosen.home)), Console(width=170)
    case, panel, notes = read_case(home, chosen.days, lead_time=7, review=7)
    start = time.process_time()
    forecasts = {
        name: cover_forecast(home, panel, case, name, 91)
        for name in dict.fromkeys((chosen.model, NAIVE))
    }
    console.print(f"forecasts: {time.process_time() - start:.1f} s of processor time")
    for order_cost in map(float, chosen.order_costs.split(",")):
        start = time.process_time()
        costly = replace(case, order_cost=np.full(case.review.size, order_cost))
        found = compare(costly, rules(chosen.model, forecasts), CRITICAL_RATIOS)
        first = panel.last_day - (chosen.days - 1) * ONE_DAY
        replayed = Replayed(chosen.model, first, panel.last_day, found, (), notes)
        seconds = time.process_time() - start
        console.print(f"order cost {order_cost:g}: {seconds:.1f} s of processor time")
        console.print(replay_table(replayed))
        console.print("\n".join(verdicts(replayed)), highlight=False)
    console.print("\n".join(notes), highlight=False)


if __name__ == "__main__":
    main()
