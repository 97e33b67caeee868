"""Schedules, in the time zone of the settings; switched on in the UI."""

import datetime as dt

import dagster as dg

from forecast_platform.defs.jobs import daily_graph, maintenance, standing_check, weekly_training
from forecast_platform.defs.resources import HomeResource
from forecast_platform.graph import last_cutoff
from forecast_platform.settings import settings

_ZONE = settings().timezone
_ONE_DAY = dt.timedelta(days=1)


@dg.schedule(job=daily_graph, cron_schedule="0 3 * * *", execution_timezone=_ZONE)
def daily_close(
    context: dg.ScheduleEvaluationContext, home: HomeResource
) -> dg.RunRequest | dg.SkipReason:
    """Close yesterday: compute it once more with all that arrived, up to the plan."""
    day = _local_day(context) - _ONE_DAY
    span = home.home.state().span()
    if span is None or not span[0] <= day <= span[1]:
        return dg.SkipReason(f"No sales of {day} have landed.")
    return dg.RunRequest(partition_key=day.isoformat(), run_key=f"close {day}")


@dg.schedule(job=weekly_training, cron_schedule="0 4 * * 1", execution_timezone=_ZONE)
def weekly_close(
    context: dg.ScheduleEvaluationContext, home: HomeResource
) -> dg.RunRequest | dg.SkipReason:
    """Train on data up to last Sunday, or to the last cutoff that has data."""
    span = home.home.state().span()
    if span is None:
        return dg.SkipReason("No sales have landed.")
    cutoff = last_cutoff(min(span[1], _local_day(context) - _ONE_DAY))
    return dg.RunRequest(partition_key=cutoff.isoformat(), run_key=f"train {cutoff}")


def _local_day(context: dg.ScheduleEvaluationContext) -> dt.date:
    return context.scheduled_execution_time.astimezone(settings().zone).date()


hourly_check = dg.ScheduleDefinition(
    name="hourly_check", job=standing_check, cron_schedule="30 * * * *", execution_timezone=_ZONE
)
weekly_maintenance = dg.ScheduleDefinition(
    name="weekly_maintenance", job=maintenance, cron_schedule="0 5 * * 0", execution_timezone=_ZONE
)

SCHEDULES = [daily_close, weekly_close, hourly_check, weekly_maintenance]
