"""A recorded model answers as the platform does, from a long frame alone."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from forecast_platform.contracts import QUANTILES, quantile_name
from forecast_platform.errors import ContractError
from forecast_platform.features import PAST_COVARIATES, panel_from_features
from forecast_platform.models import create
from forecast_platform.recorded_model import RecordedModel, Surroundings, as_features
from forecast_platform.tracking.pyfunc import write_mlmodel

FIRST = dt.date(2024, 1, 1)
DAYS, ITEMS = 200, 5
LAST = FIRST + dt.timedelta(days=DAYS - 1)
TABLES = {
    "products": pl.DataFrame(
        {"item_id": [f"i{n}" for n in range(ITEMS)], "category": "food", "department": "A"}
    ),
    "locations": pl.DataFrame({"location_id": ["shop"], "country": ["DE"], "region": ["BY"]}),
    "calendar": pl.DataFrame(
        {"date": [LAST + dt.timedelta(days=3)], "kind": ["event"], "region": [None]},
        schema_overrides={"region": pl.String},
    ),
}


def sales() -> pl.DataFrame:
    """Long frame of five items with all covariates, one item gone 50 days before the last."""
    rng = np.random.default_rng(2)
    days = [FIRST + dt.timedelta(days=day) for day in range(DAYS)]
    parts = []
    for item in range(ITEMS):
        week = 1 + 0.5 * np.sin(np.arange(DAYS) * 2 * np.pi / 7)
        units = rng.poisson((item + 1) * week).astype(float)
        covariates = {name: rng.uniform(0.5, 1, DAYS) for name in PAST_COVARIATES}
        covariates["on_promotion"] = rng.random(DAYS) < 0.1
        part = pl.DataFrame(
            {"item_id": f"i{item}", "location_id": "shop", "ds": days, "y": units, **covariates}
        )
        parts.append(part.head(DAYS - 50) if item == 3 else part)
    return pl.concat(parts).with_columns(is_available=pl.lit(True))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A LightGBM model with all that is recorded of it."""
    folder = tmp_path_factory.mktemp("recorded") / "a model"
    model = create("lightgbm", options={"trees": 60})
    model.fit(panel(sales()), seed=1)
    model.save(folder)
    Surroundings(TABLES, 28, "US").save(folder)
    write_mlmodel(folder, 28, sales().select("item_id", "location_id", "ds", "y").tail(28))
    return folder


def panel(frame: pl.DataFrame):
    return panel_from_features(as_features(frame), FIRST, LAST, horizon=28, country="US", **TABLES)


def test_mlflow_loads_it_and_it_says_what_the_platform_would(folder: Path) -> None:
    from mlflow.pyfunc import load_model

    loaded = load_model(str(folder))
    told = pl.from_pandas(loaded.predict(sales().to_pandas()))
    assert told["item_id"].unique().sort().to_list() == ["i0", "i1", "i2", "i4"]
    assert told["date"].min().date() == LAST + dt.timedelta(days=1)
    model = RecordedModel(folder).forecaster
    offered = np.array([0, 1, 2, 4])
    seen = panel(sales()).last(183).select(offered)
    forecast = model.predict(seen, [LAST])
    assert told["mean"].to_numpy().reshape(4, 28) == pytest.approx(forecast.mean[0], rel=1e-6)
    for at, level in enumerate(QUANTILES):
        values = told[quantile_name(level)].to_numpy().reshape(4, 28)
        assert values == pytest.approx(forecast.quantiles[0, ..., at], rel=1e-6)


def test_its_signature_and_example_work_as_they_stand(folder: Path) -> None:
    from mlflow.pyfunc import load_model

    loaded = load_model(str(folder))
    assert {"ds", "y"} == {one.name for one in loaded.metadata.signature.inputs if one.required}
    told = loaded.predict(loaded.input_example, params={"horizon": 7})
    assert len(told) == 7
    assert loaded.metadata.signature.outputs.input_names() == list(told.columns)


def test_the_same_model_is_recorded_in_the_same_bytes(folder: Path, tmp_path: Path) -> None:
    shuffled = {name: table.sample(fraction=1, shuffle=True) for name, table in TABLES.items()}
    Surroundings(shuffled, 28, "US").save(tmp_path)
    write_mlmodel(tmp_path, 28, sales().select("item_id", "location_id", "ds", "y").tail(28))
    files = [path.relative_to(tmp_path) for path in tmp_path.rglob("*") if path.is_file()]
    assert len(files) == 6
    for path in files:
        assert (tmp_path / path).read_bytes() == (folder / path).read_bytes(), path


def test_order_of_rows_days_long_past_and_the_way_of_naming_a_series_do_not_matter(
    folder: Path,
) -> None:
    model, frame = RecordedModel(folder), sales()
    told = model.predict(frame)
    assert_frame_equal(told, model.predict(frame.sample(fraction=1, shuffle=True, seed=1)))
    recent = frame.filter(pl.col("ds") >= LAST - dt.timedelta(days=182))
    assert_frame_equal(told, model.predict(recent))
    joined = pl.concat_str("item_id", "location_id", separator="/").alias("unique_id")
    named = frame.with_columns(joined).drop("item_id", "location_id")
    assert_frame_equal(told, model.predict(named))


def test_sales_alone_are_enough(folder: Path) -> None:
    told = RecordedModel(folder).predict(sales().select("item_id", "location_id", "ds", "y"))
    assert told.height == 4 * 28
    assert told["mean"].is_finite().all()


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        (lambda frame: frame.drop("y"), "need the columns ds, y"),
        (lambda frame: frame.drop("item_id"), "either item_id and location_id or unique_id"),
        (lambda frame: pl.concat([frame, frame.head(1)]), "one row per item, location and day"),
        (lambda frame: frame.with_columns(ds=None), "one row per item, location and day"),
        (lambda frame: frame.clear(), "one row per item, location and day"),
    ],
)
def test_a_frame_that_cannot_be_forecast_from_is_told_what_it_lacks(wrong, told: str) -> None:
    with pytest.raises(ContractError, match=told):
        as_features(wrong(sales()))
