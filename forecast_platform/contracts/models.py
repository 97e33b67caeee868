"""Contracts of what is known of trained models."""

from __future__ import annotations

from forecast_platform.contracts.core import Column, DType, Table

MODEL_SCORES = Table(
    name="model_scores",
    description="Rolling-origin scores of every model family at each training cutoff.",
    grain="one row per cutoff, model and metric",
    key=("cutoff", "model", "metric"),
    day="cutoff",
    group="models",
    columns=(
        Column("cutoff", DType.DATE, "Training cutoff."),
        Column("model", DType.STRING, "Model family."),
        Column("metric", DType.STRING, "Metric."),
        Column("value", DType.FLOAT, "Score."),
        Column("origins", DType.INT, "Rolling origins it was averaged over.", minimum=1),
    ),
)

MODEL_VERSIONS = Table(
    name="model_versions",
    description="Trained models: one row per family and cutoff; the champion answers forecasts.",
    grain="one row per cutoff and model",
    key=("cutoff", "model"),
    day="cutoff",
    group="models",
    columns=(
        Column("cutoff", DType.DATE, "Training cutoff."),
        Column("model", DType.STRING, "Model family."),
        Column("version", DType.STRING, "Version in the model registry."),
        Column("run_id", DType.STRING, "Tracking run."),
        Column("artifact", DType.STRING, "Folder of the saved model."),
        Column("is_champion", DType.BOOL, "Best of its cutoff."),
        Column("reason", DType.STRING, "Why it is, or is not, the champion."),
    ),
)
