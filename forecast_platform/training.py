"""From the feature table to trained, judged and recorded models, and from them to forecasts.

Puts the rooms together: features make the panel, models are fitted, forecasting judges and issues,
tracking records. Does not belong here: any of their arithmetic.
"""

from __future__ import annotations

import datetime as dt
import json
import shutil
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
import polars as pl

from forecast_platform import progress
from forecast_platform.contracts import tables
from forecast_platform.contracts.derived import FORECASTS, LEAD_TIME_DEMAND
from forecast_platform.errors import ModelError
from forecast_platform.features import PANEL_COLUMNS, panel_from_features
from forecast_platform.forecasting import (
    Champion,
    Issuer,
    backtest,
    champion_for,
    choose_champion,
    rolling_origins,
)
from forecast_platform.forecasting.backtest import leaderboard_plot
from forecast_platform.home import Home, Making
from forecast_platform.incremental import FORECAST_CONTEXT_DAYS
from forecast_platform.lake import polars_schema
from forecast_platform.lake.days import ONE_DAY
from forecast_platform.models import create, load
from forecast_platform.models.base import on_offer
from forecast_platform.panel import Panel
from forecast_platform.replenishment import terms
from forecast_platform.tracking.client import Tracker, Training

_ORIGIN_STEP = 14
_LEAST_HISTORY = 56
_SCORES, _RECORD = "scores.parquet", "record.json"


def read_panel(home: Home, first: dt.date, last: dt.date) -> Panel:
    """The panel of the days first..last, with the calendar of the horizon after them."""
    settings = home.settings
    features = home.lake.scan(tables()["features"], first, last).select(PANEL_COLUMNS).collect()
    return panel_from_features(
        features, first, last,
        products=home.read("validated_products"),
        locations=home.read("validated_locations"),
        calendar=home.read("validated_calendar"),
        horizon=settings.horizon_days,
        country=settings.country,
    )  # fmt: skip


def train_family(home: Home, family: str, cutoff: dt.date) -> dict[str, float]:
    """Judge a family on origins before the cutoff, fit it up to the cutoff, record it.

    Returns:
        Mean score by metric; empty where the history is too short to judge.
    """
    settings = home.settings
    panel = _training_panel(home, cutoff)
    scores = _judge(home, family, panel, settings.backtest_origins)
    model = create(family, workers=settings.workers)

    def told(step: int, value: float) -> None:
        progress.tell(f"{family} {cutoff}: step {step}, {value:.4g}")

    progress.tell(f"{family} {cutoff}: fitting {panel.n_series} series x {panel.n_days} days")
    model.fit(panel, seed=settings.seed, progress=told)
    folder = model_folder(home, family, cutoff)
    part = folder.with_suffix(".part")
    shutil.rmtree(part, ignore_errors=True)
    model.save(part)
    scores.write_parquet(part / _SCORES)
    means = dict(scores.group_by("metric").agg(pl.col("value").mean()).sort("metric").iter_rows())
    run_id, version = Tracker(settings.mlflow_home).log_training(
        Training(
            family=family,
            cutoff=cutoff,
            artifacts=part,
            params={
                "seed": settings.seed, "training_days": panel.n_days, "series": panel.n_series,
                "horizon_days": settings.horizon_days, "origins": settings.backtest_origins,
            },
            metrics=means,
            dataset=_digest(home, cutoff),
        )
    )  # fmt: skip
    (part / _RECORD).write_text(json.dumps({"run_id": run_id, "version": version}))
    shutil.rmtree(folder, ignore_errors=True)
    part.rename(folder)
    return means


def crown(home: Home, cutoff: dt.date) -> tuple[pl.DataFrame, pl.DataFrame, bytes | None]:
    """Choose the champion among the families trained up to `cutoff`, and promote it.

    Returns:
        Rows of `model_versions`, rows of `model_scores`, and the leaderboard as PNG where there
        are scores.
    """
    folders = {
        family: folder
        for family in home.settings.models
        if ((folder := model_folder(home, family, cutoff)) / _RECORD).exists()
    }
    scores = pl.concat([pl.read_parquet(folder / _SCORES) for folder in folders.values()])
    if scores.is_empty():
        best = next(iter(folders))
        reasons = dict.fromkeys(folders, "history too short to judge; the first family answers")
    else:
        best, reasons = choose_champion(scores)
    rows = []
    for family, folder in folders.items():
        record = json.loads((folder / _RECORD).read_text())
        artifact = folder.relative_to(home.settings.home).as_posix()
        rows.append((cutoff, family, record["version"], record["run_id"], artifact,
                     family == best, reasons[family]))  # fmt: skip
        if family == best:
            Tracker(home.settings.mlflow_home).promote(family, record["version"])
    versions = pl.DataFrame(rows, schema=polars_schema(tables()["model_versions"]), orient="row")
    summary = (
        scores.group_by("model", "metric")
        .agg(pl.col("value").mean(), origins=pl.len())
        .with_columns(cutoff=pl.lit(cutoff))
        .sort("model", "metric")
    )
    return versions, summary, None if scores.is_empty() else leaderboard_plot(scores)


def issue(
    home: Home, making: Making, revisions: Mapping[dt.date, int]
) -> Iterator[tuple[pl.DataFrame, pl.DataFrame]]:
    """Issue the forecasts of the origins in `revisions`, one at a time.

    Each origin sees a panel of its own: the series on offer and the days its model may read. So its
    bytes do not depend on which other origins are issued with it.

    Args:
        home: The home folder.
        making: The making of `forecasts`.
        revisions: Revision by origin.

    Yields:
        Rows of `forecasts` and of `lead_time_demand` of one origin.
    """
    settings = home.settings
    versions = home.read("model_versions")
    context = FORECAST_CONTEXT_DAYS * ONE_DAY
    panel = read_panel(home, making.first - context, making.last)
    products, suppliers = home.read("validated_products"), home.read("validated_suppliers")
    loaded: dict[Champion, Issuer] = {}
    for done, (origin, revision) in enumerate(revisions.items()):
        champion = champion_for(versions, origin)
        if champion not in loaded:
            forecaster = load(settings.home / champion.folder)
            loaded[champion] = Issuer(
                forecaster, champion, settings.horizon_days, settings.sample_paths, settings.seed
            )
        progress.tell(f"forecasts {making.first} to {making.last}", done / len(revisions))
        known = panel.until(origin).last(FORECAST_CONTEXT_DAYS + 1)
        known = known.select(on_offer(known, [origin])[0])
        lead = _terms(home, known, products, suppliers)
        for forecasts, demand in loaded[champion].issue(
            known, [origin],
            protection_days=lead["protection_days"].to_numpy(),
            lead_time_days=lead["lead_time_days"].to_numpy(),
        ):  # fmt: skip
            yield forecasts.with_columns(revision=pl.lit(revision, dtype=pl.Int64)), demand


def gathered(
    parts: Iterator[tuple[pl.DataFrame, pl.DataFrame]],
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """All origins as one frame of `forecasts` and one of `lead_time_demand`."""
    forecasts = [polars_schema(FORECASTS).to_frame()]
    demand = [polars_schema(LEAD_TIME_DEMAND).to_frame()]
    for part, lead in parts:
        forecasts.append(part)
        demand.append(lead)
    return pl.concat(forecasts), pl.concat(demand)


def backtest_home(
    home: Home, families: Sequence[str], origins: int, horizon: int
) -> tuple[pl.DataFrame, Path]:
    """Compare families over rolling origins up to the newest day of the lake.

    Returns:
        Columns model, origin, metric, value; and the file of the plot.

    Raises:
        ModelError: If there are no features yet, or too few days for that many origins.
    """
    known = home.state().days("features")
    if not known:
        raise ModelError(
            "There is no history to test on: land sales and run `forecast-platform run`."
        )
    panel = _training_panel(home, known[-1])
    days = rolling_origins(panel.last_day, origins, horizon=horizon, step=horizon)
    scores = backtest(
        families, panel, days, horizon=horizon, seed=home.settings.seed,
        workers=home.settings.workers,
        progress=lambda family, step, value: progress.tell(f"{family}: step {step}, {value:.4g}"),
    )  # fmt: skip
    plot = home.settings.home / "leaderboard.png"
    plot.write_bytes(leaderboard_plot(scores))
    return scores, plot


def model_folder(home: Home, family: str, cutoff: dt.date) -> Path:
    """Where the model of a family and cutoff is kept."""
    return home.settings.home / "models" / family / str(cutoff)


def _training_panel(home: Home, cutoff: dt.date) -> Panel:
    days = home.state().days("features")
    first = max([cutoff - (home.settings.training_days - 1) * ONE_DAY, *days[:1]])
    return read_panel(home, first, cutoff)


def _judge(home: Home, family: str, panel: Panel, n: int) -> pl.DataFrame:
    settings = home.settings
    origins = [
        origin
        for origin in rolling_origins(
            panel.last_day, n, horizon=settings.horizon_days, step=_ORIGIN_STEP
        )
        if (origin - panel.first_day).days >= _LEAST_HISTORY
    ]
    if not origins:
        return pl.DataFrame(schema={"model": pl.String, "origin": pl.Date, "metric": pl.String,
                                    "value": pl.Float64})  # fmt: skip
    progress.tell(f"{family}: judging on {len(origins)} origins from {origins[0]}")
    return backtest(
        [family], panel, origins, horizon=settings.horizon_days, seed=settings.seed,
        workers=settings.workers,
        progress=lambda family, step, value: progress.tell(f"{family}: step {step}, {value:.4g}"),
    )  # fmt: skip


def _terms(
    home: Home, panel: Panel, products: pl.DataFrame, suppliers: pl.DataFrame
) -> pl.DataFrame:
    """Terms of the panel's series, in its order (sorted by item and location)."""
    series = pl.DataFrame(
        {"item_id": panel.items.tolist(), "location_id": panel.locations.tolist()},
        schema={"item_id": pl.String, "location_id": pl.String},
    )
    return terms(series, products, suppliers, home.plan_parameters)


def _digest(home: Home, cutoff: dt.date) -> str:
    """Fingerprint of the feature days a model was trained on."""
    ledger = home.lake.ledger.current().filter(
        pl.col("table") == "features", pl.col("day") <= cutoff
    )
    return f"{np.uint64(ledger['content'].cast(pl.Int64).to_numpy().view(np.uint64).sum()):016x}"
