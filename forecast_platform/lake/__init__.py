"""Delta tables under one folder: created from contracts, replaced by day, read as snapshots."""

from forecast_platform.lake.ledger import Ledger
from forecast_platform.lake.schema import conform, polars_schema
from forecast_platform.lake.tables import Lake

__all__ = ["Lake", "Ledger", "conform", "polars_schema"]
