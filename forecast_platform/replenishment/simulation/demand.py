"""Demand and lead times of a simulation, drawn beforehand and common to all policies compared.

Demand is an array of units by SKU, day and path, (N, T, P). Whole units are kept in the smallest
unsigned type that holds them. Events are as in `simulate`; one seed and SKU id give the same
numbers whatever else is drawn beside them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from forecast_platform.errors import ContractError
from forecast_platform.replenishment.compiled import over_skus
from forecast_platform.replenishment.simulation import draws

FloatArray = NDArray[np.float64]
DemandArray = NDArray[Any]

_DEMAND, _LEAD_TIMES = "demand", "lead times"
_SPREADS = 12.0


def as_demand(units: ArrayLike) -> DemandArray:
    """Demand in the layout of the simulator, from history or from sample paths.

    Args:
        units: (N, T) units of one history, or (N, T, P) sample paths; finite and not negative.

    Returns:
        (N, T, P) contiguous: uint8 or uint16 where all are whole and small enough, else float64.

    Raises:
        ContractError: If the shape is another, nothing is there, or a value is negative or NaN.
    """
    given = np.asarray(units)
    if given.ndim == 2:
        given = given[:, :, None]
    if given.ndim != 3 or given.size == 0:
        raise ContractError(
            "Demand was expected as an array (SKUs, days) or (SKUs, days, paths) with at least "
            f"one of each; it came with the shape {np.shape(units)}: check what was read."
        )
    if given.dtype in (np.uint8, np.uint16):
        return np.ascontiguousarray(given)
    if given.dtype.kind not in "iufb":
        raise ContractError(f"Demand was expected as numbers; it came as {given.dtype}.")
    wrong = ~(np.isfinite(given) & (given >= 0))
    if wrong.any():
        sku, day, path = np.argwhere(wrong)[0]
        raise ContractError(
            f"Demand was expected to be finite and not negative; {np.count_nonzero(wrong)} values "
            f"are not, first {given[sku, day, path]} of SKU {sku}, day {day}, path {path}: "
            "clean the history, or leave the SKU out."
        )
    whole = given.dtype.kind in "iub" or bool((given == np.floor(given)).all())
    return np.ascontiguousarray(given.astype(_smallest(float(given.max()) if whole else np.inf)))


def draw_poisson(
    mean: ArrayLike, days: int, paths: int, seed: int, ids: Sequence[str | int] | None = None
) -> DemandArray:
    """Poisson demand.

    Args:
        mean: (N,) or (N, T) units per day.
        days: T.
        paths: P.
        seed: Seed common to all that is compared.
        ids: (N,) ids of the SKUs; their place by default.

    Returns:
        (N, T, P) units.

    Raises:
        ContractError: If a mean is negative or not finite, or an id occurs twice.
    """
    return _counts(mean, np.inf, days, paths, seed, ids)


def draw_negative_binomial(
    mean: ArrayLike,
    size: ArrayLike,
    days: int,
    paths: int,
    seed: int,
    ids: Sequence[str | int] | None = None,
) -> DemandArray:
    """Negative binomial demand with variance mean + mean^2 / size; arguments as `draw_poisson`.

    Args:
        mean: (N,) or (N, T) units per day.
        size: (N,) or one number, positive; infinite is Poisson, 1 is geometric.
        days: T.
        paths: P.
        seed: Seed common to all that is compared.
        ids: (N,) ids of the SKUs; their place by default.

    Returns:
        (N, T, P) units.

    Raises:
        ContractError: If a mean or size makes no sense, or an id occurs twice.
    """
    return _counts(mean, size, days, paths, seed, ids)


def draw_geometric(
    mean: ArrayLike, days: int, paths: int, seed: int, ids: Sequence[str | int] | None = None
) -> DemandArray:
    """Geometric demand on 0, 1, 2, ...; arguments as `draw_poisson`."""
    return _counts(mean, 1.0, days, paths, seed, ids)


def draw_quantile_forecast(
    levels: ArrayLike,
    quantiles: ArrayLike,
    paths: int,
    seed: int,
    ids: Sequence[str | int] | None = None,
    whole: bool = True,
) -> DemandArray:
    """Demand whose days are independent, each with the quantiles of its forecast.

    Args:
        levels: (Q,) rising probabilities.
        quantiles: (N, T, Q) units per day; linear between the levels, constant beyond them.
        paths: P.
        seed: Seed common to all that is compared.
        ids: (N,) ids of the SKUs; their place by default.
        whole: Round to whole units.

    Returns:
        (N, T, P) units.

    Raises:
        ContractError: If a quantile is negative, not finite or below one of a lower level.
    """
    level, given = np.asarray(levels, np.float64), np.asarray(quantiles, np.float64)
    good = given.ndim == 3 and given.size > 0 and given.shape[2:] == level.shape
    good = good and bool(np.isfinite(given).all() and (given[:, :, 0] >= 0).all())
    if not good or (np.diff(given) < 0).any() or (np.diff(level) <= 0).any():
        raise ContractError(
            "Quantiles were expected as (SKUs, days, levels): finite, not negative, rising with "
            f"their levels; they came with the shape {given.shape} for {level.size} levels or "
            "break that: sort them, and leave out SKUs without a forecast."
        )
    kind = _smallest(float(given.max()) + 1.0 if whole else np.inf)
    out = np.empty((given.shape[0], given.shape[1], paths), kind)
    keys = stream_keys(seed, given.shape[0], ids, _DEMAND)
    over_skus(
        lambda a, b: draws.draw_quantiles(a, b, level, given, keys, whole, out), given.shape[0]
    )
    return out


def draw_lead_times(
    probabilities: ArrayLike,
    days: int,
    paths: int,
    seed: int,
    ids: Sequence[str | int] | None = None,
) -> NDArray[np.uint8]:
    """Lead time of the order that each day of each path may place.

    Args:
        probabilities: (N, K) that an order takes 0 .. K - 1 days; each row sums to 1. K <= 256.
        days: T.
        paths: P.
        seed: Seed; lead times and demand of one seed are independent.
        ids: (N,) ids of the SKUs; their place by default.

    Returns:
        (N, T, P) days; orders may cross, see `without_crossing`.

    Raises:
        ContractError: If probabilities are negative, NaN, or do not sum to 1.
    """
    given = np.asarray(probabilities, np.float64)
    good = given.ndim == 2 and 0 < given.shape[1] <= 256 and given.size > 0
    if not good or not ((given >= 0).all() and np.allclose(given.sum(axis=1), 1.0)):
        raise ContractError(
            "Probabilities of lead times were expected as (SKUs, days from 0, at most 256), not "
            f"negative and summing to 1 in each row; they came with the shape {given.shape} or "
            "break that: count the past lead times and divide by their number."
        )
    out = np.empty((given.shape[0], days, paths), np.uint8)
    tables, keys = np.cumsum(given, axis=1), stream_keys(seed, given.shape[0], ids, _LEAD_TIMES)
    over_skus(lambda a, b: draws.draw_tables(a, b, tables, keys, out), given.shape[0])
    return out


def without_crossing(lead_times: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Lead times that let no order overtake one of an earlier day.

    An order arrives no earlier than any that could have been placed before it, so that the lead
    times do not depend on the policy (Kaplan 1970, Management Science 16(7)).

    Args:
        lead_times: (N, T) or (N, T, P) days.

    Returns:
        The same shape, nowhere shorter.
    """
    day = np.arange(lead_times.shape[1], dtype=np.int64)
    day = day.reshape((1, -1) + (1,) * (lead_times.ndim - 2))
    arrival = np.maximum.accumulate(lead_times + day, axis=1)
    return np.asarray(arrival - day, dtype=np.uint8)


def _counts(
    mean: ArrayLike,
    size: ArrayLike,
    days: int,
    paths: int,
    seed: int,
    ids: Sequence[str | int] | None,
) -> DemandArray:
    means = np.asarray(mean, np.float64)
    means = means[:, None] if means.ndim == 1 else means
    good = means.ndim == 2 and means.size > 0 and means.shape[1] in (1, days)
    if not good or not (np.isfinite(means) & (means >= 0)).all():
        raise ContractError(
            f"Mean demand was expected as (SKUs,) or (SKUs, {days} days), finite and not "
            f"negative; it came with the shape {np.shape(mean)} or breaks that."
        )
    sizes = np.ascontiguousarray(np.broadcast_to(np.asarray(size, np.float64), means.shape[:1]))
    if not (sizes > 0).all():
        raise ContractError("The size of a negative binomial was expected to be positive.")
    spread = np.sqrt(means + means**2 / sizes[:, None])
    # A geometric tail of 1e-12 lies 28 means out; 12 spreads cover a Poisson tail.
    reach = (means + np.maximum(_SPREADS, 28.0 / np.sqrt(sizes[:, None])) * spread + 40.0).max()
    out = np.empty((means.shape[0], days, paths), _smallest(float(reach)))
    keys = stream_keys(seed, means.shape[0], ids, _DEMAND)
    longest = int(reach) + 2
    over_skus(
        lambda a, b: draws.draw_counts(a, b, means, sizes, keys, longest, out), means.shape[0]
    )
    return out


def _smallest(largest: float) -> Any:
    if largest <= np.iinfo(np.uint8).max:
        return np.uint8
    return np.uint16 if largest <= np.iinfo(np.uint16).max else np.float64


def stream_keys(
    seed: int, skus: int, ids: Sequence[str | int] | None, stream: str
) -> NDArray[np.uint64]:
    """(N,) keys of the random numbers of each SKU in a stream; ids are their places by default."""
    names: list[str | int] = list(range(skus) if ids is None else ids)
    if len(names) != skus or len(set(names)) != skus:
        raise ContractError(
            f"{skus} different ids were expected, one for each SKU; {len(set(names))} came."
        )
    words = (f"{seed}/{stream}/{name}".encode() for name in names)
    digests = (hashlib.blake2b(word, digest_size=8).digest() for word in words)
    return np.frombuffer(b"".join(digests), dtype="<u8").astype(np.uint64)
