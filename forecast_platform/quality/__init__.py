"""Which landed rows are good enough to compute with, and why the others are not.

`validate` splits every landed row into accepted and rejected. `check` runs the Great Expectations
suite of the same contract over what came out; `build_data_docs` turns its results into pages.
"""

from forecast_platform.quality.check import Outcome, QualityReport, check
from forecast_platform.quality.docs import (
    build_data_docs,
    save_result,
    table_page,
    write_data_docs,
)
from forecast_platform.quality.validate import Verdict, validate

__all__ = [
    "Outcome",
    "QualityReport",
    "Verdict",
    "build_data_docs",
    "check",
    "save_result",
    "table_page",
    "validate",
    "write_data_docs",
]
