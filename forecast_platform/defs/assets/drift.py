"""What is watched: inputs against what models were trained on, accuracy against its past."""

import datetime as dt
from collections.abc import Iterator
from typing import Any

import dagster as dg

from forecast_platform.contracts import tables
from forecast_platform.defs.metadata import picture, result
from forecast_platform.defs.partitions import days_of, up_to_cutoff
from forecast_platform.defs.resources import HomeResource
from forecast_platform.defs.specs import dependencies, spec

_PROFILE, _INPUT, _ACCURACY = "training_profile", "input_drift", "accuracy_drift"
_SHOWN_DAYS = 182


@dg.multi_asset(
    name=_PROFILE,
    specs=[
        spec(
            _PROFILE,
            deps=[*up_to_cutoff("clean_demand"), dg.AssetDep("validated_products")],
        )
    ],
    backfill_policy=dg.BackfillPolicy.multi_run(1),
)
def training_profile(
    context: dg.AssetExecutionContext, home: HomeResource
) -> dg.MaterializeResult[None]:
    """Keep how the columns that are watched were distributed in the training window."""
    from forecast_platform.drift import training_profile

    opened = home.home
    (cutoff,) = days_of(context)
    first = cutoff - dt.timedelta(opened.settings.training_days - 1)
    rows = training_profile(
        opened.read("clean_demand", first, cutoff), opened.read("validated_products"), cutoff
    )
    opened.lake.replace_days(tables()[_PROFILE], rows, [cutoff])
    return result(context, _PROFILE, rows, [cutoff])


@dg.multi_asset(
    name=_INPUT,
    specs=[spec(_INPUT, deps=dependencies(_INPUT))],
    check_specs=[
        dg.AssetCheckSpec(
            "inputs_as_trained",
            asset=_INPUT,
            description="The last four weeks look like those that the models were trained on.",
        )
    ],
    backfill_policy=dg.BackfillPolicy.single_run(),
)
def input_drift(
    context: dg.AssetExecutionContext, home: HomeResource
) -> Iterator[dg.MaterializeResult[None] | dg.AssetCheckResult]:
    """Hold the last four weeks against the training window."""
    from forecast_platform.defs.drift_verdicts import inputs
    from forecast_platform.drift import input_drift
    from forecast_platform.drift.pictures import psi_picture

    days = days_of(context)
    making = home.home.begin(_INPUT, days)
    rows = input_drift(
        making.window("clean_demand"), making.window("validated_products"),
        making.window(_PROFILE), days,
    )  # fmt: skip
    making.publish({_INPUT: rows})
    past = home.home.read(_INPUT, days[-1] - dt.timedelta(_SHOWN_DAYS), days[-1])
    shown: dict[str, Any] = {"psi": picture(psi_picture(past))} if past.height else {}
    yield result(context, _INPUT, rows, days, **shown)
    yield inputs(rows.filter(rows["date"] == days[-1]))


@dg.multi_asset(
    name=_ACCURACY,
    specs=[spec(_ACCURACY, deps=dependencies(_ACCURACY))],
    check_specs=[
        dg.AssetCheckSpec(
            "accuracy_in_band",
            asset=_ACCURACY,
            description="Forecasts err about as much as before.",
        )
    ],
    backfill_policy=dg.BackfillPolicy.single_run(),
)
def accuracy_drift(
    context: dg.AssetExecutionContext, home: HomeResource
) -> Iterator[dg.MaterializeResult[None] | dg.AssetCheckResult]:
    """Find since when forecasts err as much as they do."""
    from forecast_platform.defs.drift_verdicts import accuracy
    from forecast_platform.drift import accuracy_drift
    from forecast_platform.drift.pictures import accuracy_picture

    opened = home.home
    band = opened.settings.retrain_accuracy_band
    days = days_of(context)
    making = opened.begin(_ACCURACY, days)
    rows = accuracy_drift(making.scan("accuracy"), making.window("validated_products"), days)
    making.publish({_ACCURACY: rows})
    past = opened.read(_ACCURACY, days[-1] - dt.timedelta(_SHOWN_DAYS), days[-1])
    shown: dict[str, Any] = {}
    if past.filter(level="total").height:
        shown["errors"] = picture(accuracy_picture(past, band))
    yield result(context, _ACCURACY, rows, days, **shown)
    yield accuracy(rows.filter(rows["date"] == days[-1]), band)
