"""Weekly training: one asset per family, and the choice of the champion."""

from collections.abc import Iterator
from typing import Any

import dagster as dg

from forecast_platform.contracts import tables
from forecast_platform.defs.metadata import picture, result
from forecast_platform.defs.partitions import WEEKLY, days_of, up_to_cutoff
from forecast_platform.defs.resources import HomeResource
from forecast_platform.defs.specs import OWNERS, spec
from forecast_platform.settings import settings

_NEURAL = {"lstm", "gru", "rnn", "dnn"}
_ENSEMBLE = "ensemble"
MODEL_ASSETS = tuple(f"model_{family}" for family in settings().models)


def _trained(family: str) -> dg.AssetsDefinition:
    combines = family == _ENSEMBLE
    members = [asset for asset in MODEL_ASSETS if asset != f"model_{_ENSEMBLE}"]

    @dg.asset(
        name=f"model_{family}",
        description=(
            "All families weighed by how they forecast origins before the cutoff."
            if combines
            else f"The {family} model, judged on rolling origins and fitted up to the cutoff."
        ),
        group_name="models",
        owners=[OWNERS["models"]],
        kinds={"torch" if family in _NEURAL else "python", "mlflow"},
        partitions_def=WEEKLY,
        backfill_policy=dg.BackfillPolicy.multi_run(1),
        pool="gpu" if family in _NEURAL else None,
        deps=[dg.AssetDep(member) for member in members] if combines else up_to_cutoff("features"),
    )
    def asset(context: dg.AssetExecutionContext, home: HomeResource) -> dg.MaterializeResult[None]:
        from forecast_platform.training import train_ensemble, train_family

        (cutoff,) = days_of(context)
        if combines:
            scores = train_ensemble(home.home, cutoff)
        else:
            scores = train_family(home.home, family, cutoff)
        return dg.MaterializeResult(metadata={"cutoff": str(cutoff), **scores})

    return asset


trained_models = [_trained(family) for family in settings().models]


@dg.multi_asset(
    name="champion",
    specs=[
        spec(name, deps=[dg.AssetDep(model) for model in MODEL_ASSETS], kinds=("mlflow", "delta"))
        for name in ("model_versions", "model_scores")
    ],
    backfill_policy=dg.BackfillPolicy.multi_run(1),
)
def champion(
    context: dg.AssetExecutionContext, home: HomeResource
) -> Iterator[dg.MaterializeResult[None]]:
    """Choose the family that answers from this cutoff on, and promote it in the registry."""
    from forecast_platform.training import crown

    opened = home.home
    (cutoff,) = days_of(context)
    versions, scores, plot = crown(opened, cutoff)
    contracts = tables()
    opened.lake.replace_days(contracts["model_scores"], scores, [cutoff])
    opened.lake.replace_days(contracts["model_versions"], versions, [cutoff])
    picked = versions.filter("is_champion").row(0, named=True)
    told = {"champion": picked["model"], "reason": picked["reason"]}
    shown: dict[str, Any] = {"leaderboard": picture(plot)} if plot else {}
    yield result(context, "model_versions", versions, [cutoff], **told)
    yield result(context, "model_scores", scores, [cutoff], **shown)
