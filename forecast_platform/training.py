"""From the feature table to trained, judged and recorded models.

Puts the rooms together: the lake gives the panel, models are fitted, forecasting judges, combines
and calibrates, tracking records. Does not belong here: any of their arithmetic.
"""

from __future__ import annotations

import datetime as dt
import json
import shutil
import tempfile
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from math import ceil
from pathlib import Path

import polars as pl

from forecast_platform import progress
from forecast_platform.contracts import tables
from forecast_platform.errors import ModelError
from forecast_platform.families import unfitted_family
from forecast_platform.forecasting import (
    Judgement,
    choose_champion,
    judge,
    rolling_origins,
)
from forecast_platform.forecasting.backtest import joined, judge_forecasts
from forecast_platform.forecasting.calibrated import CALIBRATION, held_out, learned
from forecast_platform.forecasting.champion import incumbent_for, next_best
from forecast_platform.forecasting.ensemble import Ensemble
from forecast_platform.forecasting.fold_plot import fold_plot
from forecast_platform.forecasting.kept import kept_forecasts
from forecast_platform.forecasting.leaderboard import leaderboard_plot
from forecast_platform.forecasting.truth import Truth, truths
from forecast_platform.home import Home
from forecast_platform.lake import polars_schema
from forecast_platform.lake_panel import read_prices, training_panel
from forecast_platform.models import Forecast, Forecaster, load
from forecast_platform.panel import Panel
from forecast_platform.recording import RECORD, SCORES, announce, record
from forecast_platform.resuming import once, pieces, training_key
from forecast_platform.retraining import remember_units

ENSEMBLE = Ensemble.name
_ORIGIN_STEP = 14
_LEAST_HISTORY = 56

Known = Mapping[dt.date, Truth]


def train_family(home: Home, family: str, cutoff: dt.date) -> dict[str, float]:
    """Judge a family on origins before the cutoff, fit it up to the cutoff, record it.

    Its quantiles are calibrated on the origins it was judged on, and it is judged calibrated on
    each part of them by what the others taught. What a training of the same code, settings and data
    estimated before it was broken off is not estimated again.

    Returns:
        Mean score by metric; empty where the history is too short to judge.
    """
    settings = home.settings
    # Before anything is read: what is published meanwhile makes another key.
    key = training_key(home, cutoff)
    panel = training_panel(home, cutoff)
    known = _judged_by(home, panel)
    kept = {family: pieces(home, cutoff) / family}
    fitted = kept[family].with_name(f"{family}.fitted")

    def judge_origins() -> None:
        progress.tell(f"{family}: judging on {len(known)} origins from {min(known)}")
        _keep(home, [family], panel, sorted(known), settings.horizon_days, kept[family].parent)

    def fit() -> None:
        progress.tell(f"{family} {cutoff}: fitting {panel.n_series} series x {panel.n_days} days")
        model = unfitted_family(settings, family)
        model.fit(panel, seed=settings.seed, progress=partial(_told, f"{family} {cutoff}"))
        model.save(fitted)

    if known:
        once(kept[family], key, judge_origins)
    if not once(fitted, key, fit):
        progress.tell(f"{family} {cutoff}: was fitted by a training that was broken off")
    with _publishing(home, family, cutoff) as part:
        shutil.copytree(fitted, part, dirs_exist_ok=True)
        judgement = picture = None
        if known:
            judgement, picture = _pictured(family, kept, known)
            learned(kept, known, sorted(known))[1].save(part / CALIBRATION)
        return record(home, family, cutoff, part, panel, judgement, picture)


def train_ensemble(home: Home, cutoff: dt.date) -> dict[str, float]:
    """Weigh, judge and record the ensemble of the families trained up to the cutoff.

    Returns:
        Mean score by metric; empty where the history is too short to judge, and all families then
        weigh the same.

    Raises:
        ModelError: If no family was trained up to the cutoff.
    """
    panel = training_panel(home, cutoff)
    known = _judged_by(home, panel)
    members = [family for family in home.settings.models if family != ENSEMBLE]
    folders = {f: home.model(model_name(f, cutoff)) for f in members}
    if missing := [family for family, folder in folders.items() if not folder.exists()]:
        raise ModelError(
            f"The ensemble of {cutoff} needs the models of {', '.join(missing)}: train them with "
            f"`forecast-platform train --cutoff {cutoff}`."
        )
    weights, calibration = dict.fromkeys(members, 1.0), None
    judgement = picture = None
    if known:
        kept = {family: pieces(home, cutoff) / family for family in members}
        judgement, picture = _pictured(ENSEMBLE, kept, known)
        weights, calibration = learned(kept, known, sorted(known))
    told = ", ".join(f"{name} {weight:.0%}" for name, weight in weights.items())
    progress.tell(f"{ENSEMBLE} {cutoff}: {told}")
    with _publishing(home, ENSEMBLE, cutoff) as part:
        Ensemble({name: load(folders[name]) for name in weights}, weights).save(part)
        if calibration:
            calibration.save(part / CALIBRATION)
        return record(home, ENSEMBLE, cutoff, part, panel, judgement, picture)


def crown(home: Home, cutoff: dt.date) -> tuple[pl.DataFrame, pl.DataFrame, bytes | None]:
    """Choose the champion among the models trained up to `cutoff`, and promote it.

    The champion of the cutoff before stays unless another is better with confidence.

    Returns:
        Rows of `model_versions`, rows of `model_scores`, and the leaderboard as PNG where there
        are scores.
    """
    folders = {
        family: folder
        for family in home.settings.models
        if ((folder := home.model(model_name(family, cutoff))) / RECORD).exists()
    }
    judged = [folder / SCORES for folder in folders.values() if (folder / SCORES).exists()]
    scores = pl.concat(pl.read_parquet(path) for path in judged) if judged else None
    if scores is None:
        best = next(iter(folders))
        reasons = dict.fromkeys(folders, "history too short to judge; the first family answers")
    else:
        best, reasons = choose_champion(
            scores,
            incumbent=incumbent_for(home.read("model_versions"), cutoff),
            overlap=ceil(home.settings.horizon_days / _ORIGIN_STEP),
        )
    records = {f: json.loads((folder / RECORD).read_text()) for f, folder in folders.items()}
    rows = [
        (cutoff, family, records[family]["version"], records[family]["run_id"],
         folder.relative_to(home.settings.home).as_posix(), family == best, reasons[family])
        for family, folder in folders.items()
    ]  # fmt: skip
    board = None if scores is None else leaderboard_plot(scores)
    second = None if scores is None else next_best(scores, best)
    announce(home, records, reasons, best, second, board)
    shutil.rmtree(pieces(home, cutoff), ignore_errors=True)
    remember_units(home, cutoff)
    versions = pl.DataFrame(rows, schema=polars_schema(tables()["model_versions"]), orient="row")
    if scores is None:
        return versions, polars_schema(tables()["model_scores"]).to_frame(), None
    summary = (
        scores.group_by("model", "metric")
        .agg(pl.col("value").mean(), origins=pl.len())
        .with_columns(cutoff=pl.lit(cutoff))
        .sort("model", "metric")
    )
    return versions, summary, board


def backtest_home(
    home: Home, families: Sequence[str], origins: int, horizon: int
) -> tuple[Judgement, Path]:
    """Compare models over rolling origins up to the newest day of the lake.

    With two origins or more they are judged as they would be issued: calibrated, and the ensemble
    weighted, by what the other origins taught.

    Returns:
        What was found, and the file of the plot.

    Raises:
        ModelError: If there are no features yet, or too few days for that many origins.
    """
    days = home.state().days("features")
    if not days:
        raise ModelError(
            "There is no history to test on: land sales and run `forecast-platform run`."
        )
    panel = training_panel(home, days[-1], judged_days=origins * horizon)
    chosen = rolling_origins(panel.last_day, origins, horizon=horizon, step=horizon)
    known = truths(panel, chosen, horizon, read_prices(home, panel))
    members = [family for family in families if family != ENSEMBLE]
    with tempfile.TemporaryDirectory(prefix="backtest-", dir=home.settings.home) as folder:
        _keep(home, members, panel, chosen, horizon, Path(folder))
        kept = {family: Path(folder) / family for family in members}
        parts = [_as_issued(family, {family: kept[family]}, known) for family in members]
        if ENSEMBLE in families and len(members) > 1:
            parts.append(_as_issued(ENSEMBLE, kept, known))
    judgement = joined(parts)
    plot = home.settings.home / "leaderboard.png"
    plot.write_bytes(leaderboard_plot(judgement.scores))
    return judgement, plot


def model_name(family: str, cutoff: dt.date) -> str:
    """Where the model of a family and cutoff is kept, under the home folder."""
    return f"models/{family}/{cutoff}"


def _judged_by(home: Home, panel: Panel) -> Known:
    """The origins before a cutoff that models are judged on; none on a short history."""
    settings = home.settings
    origins = [
        origin
        for origin in rolling_origins(
            panel.last_day, settings.backtest_origins,
            horizon=settings.horizon_days, step=_ORIGIN_STEP,
        )
        if (origin - panel.first_day).days >= _LEAST_HISTORY
    ]  # fmt: skip
    if not origins:
        return {}
    return truths(panel, origins, settings.horizon_days, read_prices(home, panel))


def _keep(
    home: Home,
    families: Sequence[str],
    panel: Panel,
    origins: Sequence[dt.date],
    horizon: int,
    folder: Path,
) -> None:
    """Forecast the origins as each family would have, and keep it in `folder/family`."""
    models: dict[str, Callable[[], Forecaster]] = {
        family: partial(unfitted_family, home.settings, family) for family in families
    }
    judge(
        models, panel, origins, horizon=horizon, seed=home.settings.seed, keep=folder,
        ray_address=home.settings.ray_address if len(families) > 1 else None, progress=_told,
    )  # fmt: skip


def _as_issued(name: str, kept: Mapping[str, Path], known: Known) -> Judgement:
    """Judge kept forecasts, combined and calibrated by what the other origins taught."""
    return judge_forecasts(name, _issued(kept, known), known)


def _pictured(name: str, kept: Mapping[str, Path], known: Known) -> tuple[Judgement, bytes]:
    """`_as_issued`, and a picture of the newest origin."""
    newest: deque[Forecast] = deque(maxlen=1)

    def seen() -> Iterator[Forecast]:
        for forecast in _issued(kept, known):
            newest.append(forecast)
            yield forecast

    judgement = judge_forecasts(name, seen(), known)
    return judgement, fold_plot(known[newest[0].origins[0]], newest[0])


def _issued(kept: Mapping[str, Path], known: Known) -> Iterator[Forecast]:
    if len(known) > 1:
        return held_out(kept, known, folds=min(4, len(known)))
    return kept_forecasts(next(iter(kept.values())), list(known))


@contextmanager
def _publishing(home: Home, family: str, cutoff: dt.date) -> Iterator[Path]:
    """A folder that takes the place of the model's once everything is in it."""
    folder = home.settings.home / model_name(family, cutoff)
    part = folder.with_suffix(".part")
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(parents=True)
    yield part
    shutil.rmtree(folder, ignore_errors=True)
    part.rename(folder)
    home.keep_model(folder)


def _told(name: str, step: int, value: float) -> None:
    progress.tell(f"{name}: step {step}, {value:.4g}")
