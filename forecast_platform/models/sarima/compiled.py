"""How kernels are compiled."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast

from numba import njit

Function = TypeVar("Function", bound=Callable[..., Any])

# Sums may be reordered, which lets them run in vector registers. NaN keeps its meaning.
_ARITHMETIC = {"reassoc", "contract", "arcp", "nsz"}


def compiled(function: Function) -> Function:
    """Compile for one core, without the interpreter lock, and keep the result on disk."""
    options: dict[str, Any] = {"error_model": "numpy", "fastmath": _ARITHMETIC}
    kernel: Any = njit(cache=True, nogil=True, **options)(function)
    return cast(Function, kernel)
