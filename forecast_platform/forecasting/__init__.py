"""Judging, choosing and issuing forecasts: metrics, rolling origins, the champion, the tables.

Belongs here: everything between a fitted model and a row of `forecasts`. Does not belong here: the
models themselves (`models/`) and the registry of versions (`tracking/`).
"""

from forecast_platform.forecasting.backtest import Judgement, backtest, judge, rolling_origins
from forecast_platform.forecasting.champion import Champion, champion_for, choose_champion
from forecast_platform.forecasting.issue import Issuer, score_issued
from forecast_platform.forecasting.leaderboard import leaderboard, level_board

__all__ = [
    "Champion",
    "Issuer",
    "Judgement",
    "backtest",
    "champion_for",
    "choose_champion",
    "judge",
    "leaderboard",
    "level_board",
    "rolling_origins",
    "score_issued",
]
