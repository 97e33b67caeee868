"""What trained networks answer: the average of several, in blocks of windows, or sample paths.

Imports numpy and torch alone.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import torch  # noqa: TID253 - loaded with the neural families alone
from numpy.typing import NDArray
from torch import Tensor  # noqa: TID253

from forecast_platform.contracts import QUANTILES
from forecast_platform.models.base import Floats
from forecast_platform.models.net_data import Inputs, Window
from forecast_platform.models.net_training import one_thread
from forecast_platform.models.networks import Network

BLOCK = 128
"""Series answered at once on a CPU, and wherever paths are drawn."""

PATHS = 64
"""Paths that a forecast of the decoder "own_samples" rests on."""

Index = NDArray[np.intp]
Answer = tuple[Floats, Floats, Floats]


def answer(networks: Sequence[Network], inputs: Inputs, series: Index, column: Index) -> Answer:
    """The networks' average: mean (B, H), units per day; the head's other values; scale (B, 1).

    Quantiles (B, H, Q) come in units per day, a dispersion (B, H, 1) as it is. Those of a decoder
    that goes from day to day are of the mixture over `PATHS` paths.
    """
    architecture = networks[0].architecture
    in_units = architecture.head == "quantiles"
    unrolls = architecture.decoder == "own_samples" and architecture.head != "tweedie"
    levels = path_levels(PATHS, inputs.horizon, seed=0)

    def of(network: Network, window: Window) -> tuple[Tensor, Tensor]:
        return _mixture(network, window, levels) if unrolls else network(window)

    def block(window: Window) -> tuple[Tensor, ...]:
        means, others = zip(*(of(network, window) for network in networks), strict=True)
        mean, other = torch.stack(means).mean(dim=0), torch.stack(others).mean(dim=0)
        scale = window.scale
        return mean * scale, other * scale[..., None] if in_units else other, scale

    size = BLOCK if unrolls or inputs.device.type == "cpu" else max(1, len(series))
    mean, others, scale = _in_blocks(block, networks, inputs, series, column, size)
    return mean, others, scale


def sample_paths(
    networks: Sequence[Network], inputs: Inputs, series: Index, column: Index, n: int, seed: int
) -> Floats:
    """(B, n, H) paths that networks with the decoder "own_samples" draw, units per day.

    Of several networks each draws its share.
    """
    shares = np.array_split(path_levels(n, inputs.horizon, seed), len(networks))

    def block(window: Window) -> tuple[Tensor, ...]:
        drawn = [
            _drawn(network, window, share)[2]
            for network, share in zip(networks, shares, strict=True)
            if len(share)
        ]
        return (torch.cat(drawn, dim=1) * window.scale[..., None],)

    return _in_blocks(block, networks, inputs, series, column, BLOCK)[0]


def path_levels(n: int, horizon: int, seed: int) -> NDArray[np.float32]:
    """(n, horizon) uniform levels: by day each (i + 1/2) / n once, every other path the mirror.

    Latin hypercube (McKay, Beckman and Conover 1979) of antithetic pairs: what a path draws too
    high another draws too low, so that few paths give the mean.
    """
    rng = np.random.default_rng(seed)
    ranks = np.arange(n // 2) + np.zeros((horizon, 1))
    upper = n - 1 - rng.permuted(ranks, axis=1)
    pairs = np.stack([upper, n - 1 - upper], axis=2).reshape(horizon, -1)
    middle = np.full((horizon, n % 2), (n - 1) / 2)
    return ((np.concatenate([pairs, middle], axis=1).T + 0.5) / n).astype(np.float32)


def _mixture(network: Network, window: Window, levels: Floats) -> tuple[Tensor, Tensor]:
    """Mean (B, H) over the paths, and the quantiles or the dispersion of all of them together.

    The variance of a mixture is the mean of m + a m^2 and the variance of m, so that its dispersion
    is mean((1 + a) m^2) / mean(m)^2 - 1.
    """
    means, others, drawn = _drawn(network, window, levels)
    mean = means.mean(dim=1)
    if network.architecture.head == "quantiles":
        at = torch.tensor(QUANTILES, device=drawn.device)
        return mean, torch.quantile(drawn, at, dim=1).permute(1, 2, 0)
    square = ((1 + others[..., 0]) * means.square()).mean(dim=1)
    return mean, (square / mean.square() - 1)[..., None]


def _drawn(network: Network, window: Window, levels: Floats) -> tuple[Tensor, Tensor, Tensor]:
    """Mean (B, n, H), the head's other values and draws of n paths of each window."""
    _, state, constant = network.encoded(window)
    n = len(levels)

    def many(values: Tensor, dim: int = 0) -> Tensor:
        return values.repeat_interleave(n, dim=dim)

    states = many(state, 1) if isinstance(state, Tensor) else tuple(many(s, 1) for s in state)
    every = replace(
        window, past=many(window.past[:, -1:]), ahead=many(window.ahead), scale=many(window.scale)
    )
    repeated = torch.from_numpy(levels).to(constant.device).repeat(len(window.scale), 1)
    parts = network.unrolled(every, states, many(constant), repeated)
    mean, others, drawn = (part.reshape(-1, n, *part.shape[1:]) for part in parts)
    return mean, others, drawn


def _in_blocks(
    work: Callable[[Window], tuple[Tensor, ...]],
    networks: Sequence[Network],
    inputs: Inputs,
    series: Index,
    column: Index,
    size: int,
) -> list[Floats]:
    """What `work` says of windows (B,), in blocks of one size side by side.

    A sum in a matrix product can depend on the shape, and a forecast must not depend on how many
    series were asked for with it.
    """
    blocks = max(1, -(-len(series) // size))
    padded = np.resize(series, blocks * size) if len(series) else np.zeros(size, dtype=np.intp)
    columns = np.resize(column, blocks * size) if len(series) else np.zeros(size, dtype=np.intp)
    cores = torch.get_num_threads() if inputs.device.type == "cpu" else 1

    @torch.no_grad()
    def block(at: int) -> tuple[Floats, ...]:
        window = inputs.window(padded[at : at + size], columns[at : at + size])
        return tuple(part.float().cpu().numpy() for part in work(window))

    for network in networks:
        network.eval()
    with one_thread(), ThreadPoolExecutor(cores) as pool:
        parts = list(pool.map(block, range(0, len(padded), size)))
    return [np.concatenate(part)[: len(series)] for part in zip(*parts, strict=True)]
