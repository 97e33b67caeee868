"""Rolling-origin evaluation: what each family would have said, against what came."""

from __future__ import annotations

import datetime as dt
import io
from collections.abc import Callable, Sequence

import polars as pl

from forecast_platform.errors import ModelError
from forecast_platform.forecasting.metrics import score
from forecast_platform.models import Forecaster, create
from forecast_platform.panel import Panel

BacktestProgress = Callable[[str, int, float], None]
"""Called as progress(family, step, value) while a family is fitted."""

SCHEMA = {"model": pl.String, "origin": pl.Date, "metric": pl.String, "value": pl.Float64}


def rolling_origins(
    last_day: dt.date, n: int, *, horizon: int = 28, step: int = 28
) -> list[dt.date]:
    """The n origins, oldest first, `step` days apart, the last with `horizon` days of actuals."""
    newest = last_day - dt.timedelta(days=horizon)
    return [newest - dt.timedelta(days=step * back) for back in reversed(range(n))]


def backtest(
    families: Sequence[str],
    panel: Panel,
    origins: Sequence[dt.date],
    *,
    horizon: int = 28,
    seed: int = 7,
    workers: int = 1,
    progress: BacktestProgress | None = None,
) -> pl.DataFrame:
    """Score each family at each origin.

    A family is fitted once, on the panel up to the first origin; for later origins it takes in the
    new days without estimating again, as the platform does between two training cutoffs.

    Args:
        families: Names of families.
        panel: Days up to the last actual.
        origins: Days forecast from, any order.
        horizon: Days ahead.
        seed: Seed of everything random.
        workers: Processes for families estimated series by series.
        progress: Told about fitting.

    Returns:
        Columns model, origin, metric, value; one row each.

    Raises:
        ModelError: If an origin has no known demand after it, or lies outside the panel.
    """
    origins = sorted(origins)
    _check(panel, origins)
    parts = []
    for family in families:
        model = create(family, workers=workers)

        def told(step: int, value: float, family: str = family) -> None:
            if progress:
                progress(family, step, value)

        model.fit(panel.until(origins[0]), seed=seed, progress=told)
        parts += [
            _scores(model, panel, origin, horizon).with_columns(
                model=pl.lit(family), origin=pl.lit(origin)
            )
            for origin in origins
        ]
    return pl.concat(parts).select(pl.col(name).cast(dtype) for name, dtype in SCHEMA.items())


def leaderboard(scores: pl.DataFrame) -> pl.DataFrame:
    """One row per model, the mean of each metric over origins, best pinball loss first."""
    return (
        scores.group_by("model", "metric")
        .agg(pl.col("value").mean())
        .pivot("metric", index="model", values="value", sort_columns=True)
        .sort("pinball", "model")
    )


def leaderboard_plot(scores: pl.DataFrame, metrics: Sequence[str] = ("pinball", "rmsse")) -> bytes:
    """PNG of the metrics by origin, one line per model."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(5 * len(metrics), 3.5), layout="constrained")
    FigureCanvasAgg(figure)
    for axes, metric in zip(
        figure.subplots(1, len(metrics), squeeze=False)[0], metrics, strict=True
    ):
        for (model,), rows in (
            scores.filter(metric=metric).sort("origin").group_by("model", maintain_order=True)
        ):
            axes.plot(rows["origin"].to_list(), rows["value"].to_list(), "o-", label=str(model))
        axes.set_title(f"{metric} (lower is better)")
        axes.tick_params(axis="x", rotation=30)
    axes.legend()
    image = io.BytesIO()
    figure.savefig(image, format="png", dpi=110)
    return image.getvalue()


def _scores(model: Forecaster, panel: Panel, origin: dt.date, horizon: int) -> pl.DataFrame:
    known = panel.until(origin)
    model.update(known)
    forecast = model.predict(horizon=horizon)
    ahead = panel.demand[:, known.n_days : known.n_days + horizon]
    days = ahead.shape[1]
    scores = score(
        ahead,
        forecast.mean[0, :, :days],
        forecast.quantiles[0, :, :days],
        forecast.levels,
        known.demand,
    )
    return pl.DataFrame({"metric": list(scores), "value": list(scores.values())})


def _check(panel: Panel, origins: Sequence[dt.date]) -> None:
    if not origins or origins[0] < panel.first_day or origins[-1] >= panel.last_day:
        raise ModelError(
            f"A backtest needs origins from {panel.first_day} to before {panel.last_day}, the days "
            f"with known demand, and got {[str(origin) for origin in origins]}: ask for fewer "
            "origins or land a longer history."
        )
