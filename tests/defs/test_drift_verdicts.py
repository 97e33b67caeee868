"""What the checks of drift say, and the pictures beside them."""

from __future__ import annotations

import datetime as dt

import dagster as dg
import polars as pl

from forecast_platform.contracts.drift import ACCURACY_DRIFT, INPUT_DRIFT
from forecast_platform.defs.drift_verdicts import accuracy, inputs
from forecast_platform.drift.pictures import accuracy_picture, psi_picture
from forecast_platform.lake.schema import conform, polars_schema

DAY = dt.date(2024, 6, 15)


def _input(
    watched: str, category: str | None, psi: float | None, drifted: bool
) -> dict[str, object]:
    return {
        "date": DAY, "level": "category" if category else "total", "category": category,
        "location_id": None, "watched": watched, "cutoff": DAY, "rows": 100 if psi else 0,
        "mean": 3.9, "trained_mean": 3.0, "unknown_share": 0.0, "psi": psi, "psi_limit": 0.05,
        "ks": psi, "ks_limit": 0.1, "is_drift": drifted,
    }  # fmt: skip


def _inputs(*rows: dict[str, object]) -> pl.DataFrame:
    return conform(pl.DataFrame(list(rows), infer_schema_length=None), INPUT_DRIFT)


def _errors(before: float | None, level: float = 0.42) -> pl.DataFrame:
    rows = {
        "date": [DAY, DAY], "level": ["total", "location"], "category": None,
        "location_id": [None, "NORTH"], "error": [0.4, 0.3], "weeks": [3, 26],
        "level_error": [level, 0.3], "before_error": [before, None], "spread": 0.01,
    }  # fmt: skip
    return conform(pl.DataFrame(rows), ACCURACY_DRIFT)


def test_the_worst_drift_is_told_first_with_its_reason() -> None:
    found = inputs(
        _inputs(
            _input("price", "dry", 0.5, True),
            _input("demand_units", None, 0.06, True),
            _input("on_promotion", None, 0.01, False),
            _input("price", "fresh", None, True),
        )
    )
    assert not found.passed
    assert found.severity is dg.AssetCheckSeverity.WARN
    assert found.description is not None
    told = found.description.split("; ")
    assert told == [
        "category fresh: no rows in four weeks",
        "price of category dry: mean 3 in training, now 3.9, 0% unknown (PSI 0.50, limit 0.05",
        "KS 0.50, limit 0.10)",
        "demand_units of total: mean 3 in training, now 3.9, 0% unknown (PSI 0.06, limit 0.05",
        "KS 0.06, limit 0.10)",
    ]


def test_inputs_without_drift_pass_and_so_does_a_home_without_models() -> None:
    assert inputs(_inputs(_input("price", None, 0.01, False))).passed
    none = inputs(polars_schema(INPUT_DRIFT).to_frame())
    assert none.passed
    assert none.description == "No training window to compare with yet."


def test_errors_beyond_the_band_warn_and_others_do_not() -> None:
    found = accuracy(_errors(0.3), 0.2)
    assert not found.passed
    assert found.severity is dg.AssetCheckSeverity.WARN
    assert found.description == (
        "total: error 0.42 in the last 3 weeks, 0.30 before (+40%, band 20%)"
    )
    assert accuracy(_errors(0.3), 0.5).passed
    assert accuracy(_errors(None), 0.2).passed
    assert accuracy(_errors(0.6), 0.2).passed
    assert accuracy(polars_schema(ACCURACY_DRIFT).to_frame(), 0.2).passed


def test_pictures_are_drawn_of_gaps_too() -> None:
    rows = [_input("price", None, 0.2, True), _input("price", "dry", None, True)]
    for image in (
        psi_picture(_inputs(*rows)),
        accuracy_picture(_errors(None), 0.2),
        accuracy_picture(_errors(0.3).with_columns(level_error=pl.lit(None, pl.Float32)), 0.2),
    ):
        assert image.startswith(b"\x89PNG")
