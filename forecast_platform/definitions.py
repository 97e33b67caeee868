"""What Dagster loads."""

import dagster as dg

from forecast_platform.defs.assets import ASSETS
from forecast_platform.defs.assets.sources import SOURCE_ASSETS, SOURCE_JOBS, SOURCE_SCHEDULES
from forecast_platform.defs.checks import up_to_date
from forecast_platform.defs.jobs import JOBS
from forecast_platform.defs.resources import HomeResource
from forecast_platform.defs.retrain_sensor import accuracy_sensor
from forecast_platform.defs.schedules import SCHEDULES
from forecast_platform.defs.sensors import SENSORS
from forecast_platform.logs import configure
from forecast_platform.settings import settings

# Every process that runs something loads this first.
configure(settings())

defs = dg.Definitions(
    assets=[*ASSETS, *SOURCE_ASSETS],
    asset_checks=[up_to_date],
    jobs=[*JOBS, *SOURCE_JOBS],
    schedules=[*SCHEDULES, *SOURCE_SCHEDULES],
    sensors=[*SENSORS, accuracy_sensor],
    resources={"home": HomeResource()},
    # Steps share one process: a step of its own costs seconds of imports (docs/decisions).
    executor=dg.in_process_executor,
)
