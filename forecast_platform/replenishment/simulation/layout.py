"""Where the figures of the compiled event loops lie: rows of buffers, totals and traces."""

from __future__ import annotations

from typing import Any

import numpy as np

from forecast_platform.replenishment.compiled import compiled

LANES = 144
"""Width of a row; more than the paths, so that rows do not lie a power of two apart, where reads
would wait for writes to other rows."""

(OPENING, OPENING_ORDERS, CLOSING, CLOSING_ORDERS, HOLDING, BACKLOG, DEMAND, FILLED, ORDERS,
 ORDERED, SPOILED, READY_DAYS, SHORT_DAYS, CYCLES, SHORT_CYCLES) = range(15)  # fmt: skip
"""Rows of the totals of a SKU over the counted days, each a figure per path: net stock and units
on order before the first day and after the last; unit-days held and owed at the end of days; units
demanded, filled from stock at once, ordered and spoiled; orders; days that end with stock; days
with unmet demand; cycles between receipts and those with unmet demand."""
N_TOTALS = 15
NET, POSITION, QUANTITY, ARRIVED, SHORT, BEFORE = range(15, 21)
ROWS = 21

T_ORDERED, T_RECEIVED, T_DEMAND, T_SHIPPED, T_SPOILED, T_CLOSING = range(6)
"""Rows of a trace; `T_CLOSING` is the net stock at the end of the day."""
N_TRACES = 6

CAP, MINIMUM, MULTIPLE, MAXIMUM = range(4)
"""Columns of the order rules of a SKU, units per order."""
REVIEW, PHASE, LIFE, LIFO = range(4)
"""Columns of the calendar of a SKU: days, days, days, 0 or 1."""


@compiled
def at(row: int, path: int) -> Any:
    """Place in a buffer; unsigned, since a test for a negative index would stop vectorisation."""
    return np.uint64(row * LANES) + np.uint64(path)
