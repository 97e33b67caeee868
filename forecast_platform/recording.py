"""What is kept of a training: its scores in the model's folder, its run and version in MLflow."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import polars as pl

from forecast_platform.contracts import tables
from forecast_platform.forecasting import Judgement
from forecast_platform.home import Home
from forecast_platform.lake_panel import signals_of
from forecast_platform.panel import Panel
from forecast_platform.recorded_model import SURROUNDINGS, Surroundings
from forecast_platform.tracking import Training
from forecast_platform.tracking.pyfunc import EXAMPLE_DAYS, write_mlmodel

SCORES, SERIES, RECORD = "scores.parquet", "series.parquet", "record.json"
_EXAMPLE_SERIES = 2


def record(
    home: Home,
    name: str,
    cutoff: dt.date,
    folder: Path,
    panel: Panel,
    judgement: Judgement | None,
    picture: bytes | None,
) -> dict[str, float]:
    """Record the training saved in `folder` as a run and a version.

    Args:
        home: The home folder.
        name: Model family, or the ensemble.
        cutoff: Last day it was trained on.
        folder: The saved model; files that make it loadable by MLflow are added.
        panel: What it was trained on.
        judgement: How it did on origins before the cutoff; None on a short history.
        picture: PNG of the newest of those origins.

    Returns:
        Mean score by metric; empty without a judgement.
    """
    settings = home.settings
    means: dict[str, float] = {}
    folds: dict[str, dict[str, float]] = {}
    answered: dict[str, float] = {}
    if judgement is not None:
        scores, series = judgement.overall, with_status(judgement.series)
        scores.write_parquet(folder / SCORES)
        series.write_parquet(folder / SERIES)
        means = dict(
            scores.group_by("metric").agg(pl.col("value").mean()).sort("metric").iter_rows()
        )
        folds = {
            str(origin): dict(rows.select("metric", "value").iter_rows())
            for (origin,), rows in scores.group_by("origin", maintain_order=True)
        }
        answered = {"fallback_share": series.select(pl.col("status") == "fallback").mean().item()}
    _make_loadable(home, folder, panel)
    params = {
        "seed": settings.seed, "training_days": panel.n_days, "series": panel.n_series,
        "horizon_days": settings.horizon_days, "origins": len(folds),
        "training_effort": settings.training_effort, **settings.model_options.get(name, {}),
    }  # fmt: skip
    run_id, version = home.tracker.log_training(
        Training(
            family=name,
            cutoff=cutoff,
            artifacts=folder,
            params=params,
            metrics=means | answered,
            folds=folds,
            dataset=days_digest(home, cutoff),
            source=str(home.lake.path(tables()["features"])),
            pictures={"last_fold": picture} if picture else {},
            beside=SURROUNDINGS,
        )
    )
    (folder / RECORD).write_text(json.dumps({"run_id": run_id, "version": version}))
    return means


def announce(
    home: Home,
    records: Mapping[str, Mapping[str, str]],
    reasons: Mapping[str, str],
    champion: str,
    challenger: str | None,
    board: bytes | None,
) -> None:
    """Tell the registry who answers from now on, who is next best, and why.

    Args:
        home: The home folder.
        records: What `RECORD` holds, by family.
        reasons: Why each family is or is not the champion.
        champion: The family that answers.
        challenger: The next best, if there is one.
        board: The leaderboard as PNG.
    """
    tracker = home.tracker
    versions = {family: (family, known["version"]) for family, known in records.items()}
    tracker.promote(*versions[champion], versions[challenger] if challenger else None)
    for family, known in records.items():
        tracker.explain(family, known["version"], reasons[family])
        if board:
            tracker.log_bytes(known["run_id"], "leaderboard.png", board)


def with_status(series: pl.DataFrame) -> pl.DataFrame:
    """Scores per series with `status`: answered by the model, or by a fallback for a reason."""
    by_model = pl.col("fallback_reason").is_null()
    return series.with_columns(
        status=pl.when(by_model).then(pl.lit("answered")).otherwise(pl.lit("fallback"))
    )


def _make_loadable(home: Home, folder: Path, panel: Panel) -> None:
    settings = home.settings
    known = {name: home.read(f"validated_{name}") for name in ("products", "locations", "calendar")}
    signals = signals_of(home)
    Surroundings(known, settings.horizon_days, settings.country, signals).save(folder)
    write_mlmodel(folder, settings.horizon_days, _example(panel))


def _example(panel: Panel) -> pl.DataFrame:
    """The last days of the first series, as a person would give them."""
    last = panel.last(EXAMPLE_DAYS).select(np.arange(min(_EXAMPLE_SERIES, panel.n_series)))
    return pl.DataFrame(
        {
            "item_id": np.repeat(last.items.astype(str), last.n_days),
            "location_id": np.repeat(last.locations.astype(str), last.n_days),
            "ds": np.tile(last.days, last.n_series),
            "y": last.demand.ravel().astype(np.float64),
        }
    ).drop_nans("y")


def days_digest(home: Home, cutoff: dt.date) -> str:
    """Fingerprint of the feature days a model was trained on."""
    ledger = home.lake.ledger.current().filter(
        pl.col("table") == "features", pl.col("day") <= cutoff
    )
    return f"{np.uint64(ledger['content'].cast(pl.Int64).to_numpy().view(np.uint64).sum()):016x}"
