"""What every family promises."""

from __future__ import annotations

import datetime as dt
import pickle
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from model_shop import BAD, CUTOFF, DAYS, EFFORT, FIRST_DAY, with_changed_future

from forecast_platform.errors import ContractError, ModelError
from forecast_platform.models import FAMILIES, Forecast, Forecaster, create, load
from forecast_platform.panel import Panel

ORIGINS = [CUTOFF + dt.timedelta(days=step) for step in (0, 3, 11, 40)]


def same(one: Forecast, other: Forecast) -> bool:
    return (
        one.mean.tobytes() == other.mean.tobytes()
        and one.quantiles.tobytes() == other.quantiles.tobytes()
        and one.fallback_reason.tolist() == other.fallback_reason.tolist()
        and one.autocorrelation == other.autocorrelation
    )


def test_forecasts_are_finite_never_negative_and_quantiles_never_cross(
    model: Forecaster, shop: Panel
) -> None:
    forecast = model.predict(shop, ORIGINS)
    assert forecast.mean.shape == (4, shop.n_series, 28)
    assert forecast.quantiles.shape == (4, shop.n_series, 28, 9)
    assert np.isfinite(forecast.mean).all()
    assert np.isfinite(forecast.quantiles).all()
    assert forecast.mean.min() >= 0
    assert forecast.quantiles.min() >= 0
    assert np.diff(forecast.quantiles, axis=-1).min() >= 0


def test_good_series_are_answered_by_the_model_near_their_level(
    model: Forecaster, shop: Panel
) -> None:
    origins = [CUTOFF - dt.timedelta(days=back) for back in range(28)]
    forecast = model.predict(shop, origins)
    assert forecast.fallback_reason[0, :6].tolist() == [None] * 6
    mean = forecast.mean[:, :6].mean(axis=(0, 2))
    assert mean == pytest.approx([0.4, 1, 2, 5, 9, 20], rel=0.5)


def test_a_bad_series_never_stops_a_run_and_says_why_it_is_answered_otherwise(
    trained: dict[str, Forecaster], shop: Panel
) -> None:
    forecast = trained["arima"].predict(shop, [CUTOFF])
    reasons = dict(zip(BAD, forecast.fallback_reason[0, -len(BAD) :], strict=True))
    assert reasons["all_zero"] == "no demand in the last 365 days"
    assert reasons["constant"] == "constant demand"
    alike = "at least 30 are needed; drawn to analogues (category {})"
    assert reasons["one_value"] == "1 known days, " + alike.format("a at shop")
    assert reasons["three_days_old"] == "3 known days, " + alike.format("b at shop")
    assert reasons["all_missing"] == "0 known days, " + alike.format("a at shop")
    means = dict(zip(BAD, forecast.mean[0, -len(BAD) :], strict=True))
    assert (means["constant"] == 4).all()
    assert (means["all_zero"] == 0).all()
    assert (means["three_days_old"] > 0).any()


def test_a_series_off_the_shelf_for_35_days_gets_zero(model: Forecaster, shop: Panel) -> None:
    row = shop.items.tolist().index("one_value")
    forecast = model.predict(shop, [FIRST_DAY + dt.timedelta(days=150 + gap) for gap in (34, 35)])
    off = "not on offer in the last 35 days"
    assert [reason == off for reason in forecast.fallback_reason[:, row]] == [False, True]
    assert not forecast.quantiles[1, row].any()


def test_one_million_in_one_day_does_not_carry_over_to_other_series(
    model: Forecaster, shop: Panel
) -> None:
    assert model.predict(shop, [CUTOFF]).mean[0, :6].max() < 60


def test_an_origin_is_answered_alike_alone_and_among_others(model: Forecaster, shop: Panel) -> None:
    together = model.predict(shop, ORIGINS)
    for at, origin in enumerate(ORIGINS):
        alone = model.predict(shop, [origin])
        assert alone.mean.tobytes() == together.mean[[at]].tobytes()
        assert alone.quantiles.tobytes() == together.quantiles[[at]].tobytes()
        assert alone.fallback_reason[0].tolist() == together.fallback_reason[at].tolist()


def test_an_origin_rests_on_the_context_alone(model: Forecaster, shop: Panel) -> None:
    long = model.predict(shop, [ORIGINS[-1]])
    short = model.predict(shop.until(ORIGINS[-1]).last(max(model.context_days, 35)))
    assert same(long, short)


def test_an_origin_is_answered_alike_when_other_series_are_absent(
    model: Forecaster, shop: Panel
) -> None:
    some = np.array([1, 4, 8])
    few = model.predict(shop.select(some), ORIGINS)
    assert few.mean == pytest.approx(model.predict(shop, ORIGINS).mean[:, some], rel=1e-5)


def test_nothing_after_the_origin_counts(model: Forecaster, shop: Panel) -> None:
    origin = ORIGINS[1]
    changed = with_changed_future(shop, origin)
    assert same(model.predict(shop, [origin]), model.predict(changed, [origin]))


@pytest.mark.parametrize("family", FAMILIES)
def test_nothing_after_the_cutoff_counts_in_training(
    family: str, trained: dict[str, Forecaster], shop: Panel
) -> None:
    """The same seed and days give the same bytes, whatever came later."""
    again = create(family, effort=EFFORT)
    again.fit(with_changed_future(shop, CUTOFF).until(CUTOFF), seed=1)
    assert same(trained[family].predict(shop, ORIGINS), again.predict(shop, ORIGINS))


def test_a_saved_model_answers_alike(model: Forecaster, shop: Panel, tmp_path: Path) -> None:
    model.save(tmp_path / "model")
    assert same(load(tmp_path / "model").predict(shop, ORIGINS), model.predict(shop, ORIGINS))


def test_nothing_saved_is_a_pickle(model: Forecaster, tmp_path: Path) -> None:
    model.save(tmp_path)
    suffixes = {path.suffix for path in tmp_path.rglob("*") if path.is_file()}
    assert suffixes <= {".json", ".npz", ".parquet", ".pt"}


class Poison:
    """Unpickled, it makes a file."""

    def __init__(self, made: Path) -> None:
        self.made = made

    def __reduce__(self) -> tuple[object, ...]:
        return Path.touch, (self.made,)


def poisoned(path: Path, poison: Poison) -> None:
    """Put a pickle where the file holds data, within its format where that could hold one."""
    if path.suffix == ".pt":
        import torch

        torch.save({"weights": poison}, path)
    elif path.suffix == ".npz":
        with np.load(path) as arrays:
            names = [*arrays]
        np.savez(path, **dict.fromkeys(names, np.array([poison], dtype=object)))
    else:
        path.write_bytes(pickle.dumps(poison))


def test_a_poisoned_file_is_refused_and_not_run(model: Forecaster, tmp_path: Path) -> None:
    model.save(tmp_path / "saved")
    poison = Poison(tmp_path / "run")
    for number, path in enumerate(p for p in (tmp_path / "saved").rglob("*") if p.is_file()):
        copy = tmp_path / str(number)
        shutil.copytree(tmp_path / "saved", copy)
        poisoned(copy / path.relative_to(tmp_path / "saved"), poison)
        with pytest.raises(ModelError, match=r"No saved model can be read .* train --cutoff"):
            load(copy)
        assert not poison.made.exists()
    pickle.loads(pickle.dumps(poison))
    assert poison.made.exists()


def test_update_takes_in_new_days_without_estimating(model: Forecaster, shop: Panel) -> None:
    for origin in (ORIGINS[2], CUTOFF):
        model.update(shop.until(origin))
        updated = model.predict()
        assert updated.origins == (origin,)
        assert same(updated, model.predict(shop, [origin]))


def test_a_series_unknown_in_training_is_answered_and_said_so(
    model: Forecaster, shop: Panel
) -> None:
    items = shop.items.copy()
    items[4] = "new item"
    panel = Panel(
        items, shop.locations, shop.first_day, shop.demand, shop.available,
        shop.past, shop.future, shop.static,
    )  # fmt: skip
    forecast = model.predict(panel, [CUTOFF])
    assert forecast.fallback_reason[0, 4] == "not in training data"
    assert forecast.mean[0, 4].mean() == pytest.approx(9, rel=0.5)
    assert (forecast.quantiles[0, 4, :, 8] > forecast.quantiles[0, 4, :, 0]).all()


def test_a_history_of_five_days_is_enough_for_an_answer(shop: Panel) -> None:
    early = shop.until(FIRST_DAY + dt.timedelta(days=4))
    for family in FAMILIES:
        young = create(family, effort=EFFORT)
        young.fit(early, seed=1)
        assert np.isfinite(young.predict().quantiles).all()


def test_paths_repeat_with_the_seed_and_have_the_forecast_quantiles(
    model: Forecaster, shop: Panel
) -> None:
    forecast = model.predict(shop, [CUTOFF])
    paths = forecast.paths(0, 1000, seed=5)
    assert paths.shape == (shop.n_series, 1000, 28)
    assert paths.min() >= 0
    assert paths.tobytes() == forecast.paths(0, 1000, seed=5).tobytes()
    assert paths.tobytes() != forecast.paths(0, 1000, seed=6).tobytes()
    drawn = np.quantile(paths[5], forecast.levels[1:8], axis=0).T
    assert drawn == pytest.approx(forecast.quantiles[0, 5, :, 1:8], rel=0.03, abs=0.1)


def test_what_cannot_be_answered_is_refused_with_a_sentence(shop: Panel, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="no model family 'prophet': choose from seasonal_naive"):
        create("prophet")
    with pytest.raises(ModelError, match="forecast-platform train --cutoff"):
        load(tmp_path)
    with pytest.raises(ModelError, match="cannot predict yet"):
        create("seasonal_naive").predict(shop)
    with pytest.raises(ModelError, match="at least one series"):
        create("seasonal_naive").fit(shop.select(np.zeros(shop.n_series, dtype=bool)), seed=1)


def test_an_origin_outside_the_panel_is_refused(model: Forecaster, shop: Panel) -> None:
    with pytest.raises(ContractError, match="read a longer span"):
        model.predict(shop, [FIRST_DAY + dt.timedelta(days=DAYS)])


def test_the_protocol_loads_none_of_the_heavy_libraries() -> None:
    code = (
        "import sys, forecast_platform.models, forecast_platform.tracking;"
        "forecast_platform.models.create('arima');"
        "print([m for m in ('torch', 'statsmodels', 'mlflow', 'pandas') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
