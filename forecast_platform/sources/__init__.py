"""Where data comes from: the landing folder, importers of public data sets, the demo generator.

Everything arrives as files in the landing folder, one sub-folder per table. `land` takes what is
new there into the raw tables; nothing behind it needs to know where the rows came from.
"""

from forecast_platform.sources.dates import parse_day, split_undated
from forecast_platform.sources.files import LandedFile, list_landed
from forecast_platform.sources.landing import LandingReport, TableReport, land
from forecast_platform.sources.mapping import Mapping, load_mapping
from forecast_platform.sources.reader import RawFile, raw_rows, read_file

__all__ = [
    "LandedFile",
    "LandingReport",
    "Mapping",
    "RawFile",
    "TableReport",
    "land",
    "list_landed",
    "load_mapping",
    "parse_day",
    "raw_rows",
    "read_file",
    "split_undated",
]
