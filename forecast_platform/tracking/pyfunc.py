"""A recorded model as MLflow's python function, with signature and input example.

`mlflow.pyfunc.load_model("models:/forecast-lightgbm@champion").predict(frame)` answers for all
series: see `forecast_platform.recorded_model`. MLflow imports this module to load it; nothing is
pickled.
"""

from __future__ import annotations

import json
import platform
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl
import yaml

from forecast_platform.contracts import QUANTILES, quantile_name
from forecast_platform.features import PAST_COVARIATES

if TYPE_CHECKING:
    import pandas as pd
    from mlflow.models import ModelSignature

EXAMPLE = "input_example.json"
EXAMPLE_DAYS = 28
_FLAGS = {"is_available", "on_promotion"}


def write_mlmodel(folder: Path, horizon: int, sales: pl.DataFrame) -> None:
    """Make the saved model in `folder` loadable by MLflow.

    The same model gives the same bytes.

    Args:
        folder: The model with its `Surroundings`.
        horizon: Days ahead where none are asked for.
        sales: An example of item_id, location_id, ds, y.
    """
    example = {
        "columns": sales.columns,
        "data": sales.with_columns(pl.col("ds").dt.to_string()).rows(),
    }
    (folder / EXAMPLE).write_text(json.dumps(example))
    described = {
        "flavors": {
            "python_function": {
                "loader_module": __name__, "python_version": platform.python_version(),
            },
        },
        "signature": signature(horizon).to_dict(),
        "saved_input_example_info": {
            "artifact_path": EXAMPLE, "type": "dataframe", "pandas_orient": "split",
        },
    }  # fmt: skip
    (folder / "MLmodel").write_text(yaml.safe_dump(described, sort_keys=False))


def signature(horizon: int) -> ModelSignature:
    """What the function takes and gives."""
    from mlflow.models import ModelSignature
    from mlflow.types import ColSpec, ParamSchema, ParamSpec, Schema, TensorSpec

    optional = ("is_available", *PAST_COVARIATES)
    inputs: list[ColSpec | TensorSpec] = [
        ColSpec("datetime", "ds"),
        ColSpec("double", "y"),
        *(ColSpec("string", key, False) for key in ("item_id", "location_id", "unique_id")),
        *(ColSpec("boolean" if n in _FLAGS else "double", n, False) for n in optional),
    ]
    outputs: list[ColSpec | TensorSpec] = [
        ColSpec("string", "item_id"),
        ColSpec("string", "location_id"),
        ColSpec("datetime", "date"),
        *(ColSpec("float", name) for name in ("mean", *map(quantile_name, QUANTILES))),
        ColSpec("string", "fallback_reason", False),
    ]
    params = ParamSchema([ParamSpec("horizon", "long", horizon)])
    return ModelSignature(Schema(inputs), Schema(outputs), params)


class ForecastFunction:
    """What MLflow calls.

    Args:
        folder: The recorded model.
    """

    def __init__(self, folder: Path) -> None:
        # Not at the top: MLflow's client reads signatures without forecasting.
        from forecast_platform.recorded_model import RecordedModel

        self._model = RecordedModel(folder)

    def predict(self, sales: pd.DataFrame, params: dict[str, Any] | None = None) -> pd.DataFrame:
        """Forecast from the last day of `sales`; `params` may hold the horizon."""
        horizon = (params or {}).get("horizon")
        return self._model.predict(pl.from_pandas(sales), horizon).to_pandas()


def _load_pyfunc(path: str, model_config: dict[str, Any] | None = None) -> ForecastFunction:
    return ForecastFunction(Path(path))
