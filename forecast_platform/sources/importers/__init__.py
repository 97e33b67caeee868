"""Importers: public data sets, as their publishers ship them, turned into landing files.

Belongs here: one module per data set. Does not belong here: reading the landing folder, checks or
cleaning; dirt in a data set is passed on for the platform's own quarantine.
"""

from forecast_platform.sources.importers.base import ImportReport
from forecast_platform.sources.importers.freshretailnet import import_freshretailnet
from forecast_platform.sources.importers.m5 import import_m5
from forecast_platform.sources.importers.online_retail import import_online_retail
from forecast_platform.sources.writing import Progress

__all__ = [
    "ImportReport",
    "Progress",
    "import_freshretailnet",
    "import_m5",
    "import_online_retail",
]
