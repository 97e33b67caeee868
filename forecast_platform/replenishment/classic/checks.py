"""Checks of what a caller passes: the message names the input, what was expected and what came."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from forecast_platform.errors import ConfigurationError

FloatArray = NDArray[np.float64]


def not_negative(name: str, value: ArrayLike, *, may_be_missing: bool = False) -> FloatArray:
    """`value` as floats, each finite and at least zero.

    Args:
        name: What the caller calls it.
        value: Number or array of any shape.
        may_be_missing: Whether NaN passes.

    Raises:
        ConfigurationError: If a number is negative, infinite or, unless allowed, NaN.
    """
    return _checked(name, value, "at least 0", may_be_missing, smallest=0.0)


def positive(name: str, value: ArrayLike) -> FloatArray:
    """`value` as floats, each finite and above zero.

    Raises:
        ConfigurationError: If a number is zero, negative, infinite or NaN.
    """
    return _checked(name, value, "above 0", False, smallest=np.nextafter(0.0, 1.0))


def whole(name: str, value: ArrayLike, smallest: int = 0) -> int:
    """`value` as a whole number of at least `smallest`.

    Raises:
        ConfigurationError: If it is not.
    """
    number = float(np.asarray(value, dtype=np.float64))
    if not (np.isfinite(number) and number == round(number) and number >= smallest):
        raise ConfigurationError(
            f"{name} must be a whole number of at least {smallest}; got {value!r}."
        )
    return int(number)


def _checked(
    name: str, value: ArrayLike, expected: str, may_be_missing: bool, smallest: float
) -> FloatArray:
    numbers = np.asarray(value, dtype=np.float64)
    good = np.isfinite(numbers) & (numbers >= smallest)
    if may_be_missing:
        good |= np.isnan(numbers)
    if not good.all():
        wrong = numbers[~good].flat[0]
        count = "" if numbers.ndim == 0 else f" ({np.count_nonzero(~good)} of {numbers.size})"
        raise ConfigurationError(
            f"{name} must be a finite number {expected}; got {wrong}{count}. Correct it, or leave "
            "out the items it belongs to."
        )
    return numbers
