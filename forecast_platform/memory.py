"""What a training will need of memory, told before it starts."""

from __future__ import annotations

import os
from pathlib import Path

from forecast_platform import progress

_BYTES_PER_DAY = 160.0
"""Of a series, at the peak: 3.45 GB for 30,000 series x 730 days (docs/engines.md)."""
_TOLD_FROM = 1e9


def peak_bytes(n_series: int, n_days: int) -> float:
    """Memory that training and forecasting a panel takes at its peak, estimated.

    Args:
        n_series: Series of the panel.
        n_days: Days of the panel.
    """
    return _BYTES_PER_DAY * n_series * n_days


def free_bytes() -> float:
    """Memory that this machine could still give without swapping."""
    try:
        lines = Path("/proc/meminfo").read_text().splitlines()
        sizes = dict(line.split(":") for line in lines)
        return float(sizes["MemAvailable"].split()[0]) * 1024
    except (OSError, KeyError, ValueError):
        return float(os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"))


def tell_need(n_series: int, n_days: int) -> None:
    """Tell what a large panel will need, and what to do where there is not as much."""
    need, free = peak_bytes(n_series, n_days), free_bytes()
    if need < _TOLD_FROM:
        return
    told = f"{n_series:,} series x {n_days} days: about {need / 1e9:.1f} GB of memory"
    if need > free:
        told += f", {free / 1e9:.1f} GB are free: lower training_days if it is not enough"
    progress.tell(told)
