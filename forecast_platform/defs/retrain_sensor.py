"""Training because accuracy changed, besides the weekly schedule."""

import dagster as dg

from forecast_platform.defs.jobs import weekly_training
from forecast_platform.defs.resources import HomeResource


@dg.sensor(job=weekly_training, minimum_interval_seconds=600)
def accuracy_sensor(
    context: dg.SensorEvaluationContext, home: HomeResource
) -> dg.RunRequest | dg.SkipReason:
    """Train at the newest cutoff once errors left their band; every two weeks at most.

    Training judges every family on rolling origins: the champion stays unless another is better
    with confidence.
    """
    from forecast_platform.retraining import cutoff_after_change

    cutoff, reason = cutoff_after_change(home.home)
    if cutoff is None:
        return dg.SkipReason(reason)
    context.log.info(reason)
    return dg.RunRequest(
        partition_key=cutoff.isoformat(),
        run_key=f"accuracy {cutoff}",
        tags={"forecast_platform/reason": reason},
    )
