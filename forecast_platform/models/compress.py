"""Smaller networks for serving: hidden units pruned away, weights held as 8-bit integers.

Whole units go, not single weights: a dense kernel gains nothing from scattered zeros, a narrower
layer is faster everywhere and needs no format of its own. Weights in 8 bits are a quarter of the
size; they compute in single precision, since integer kernels of recurrent layers round each batch
by its own largest value, so that a forecast would depend on the series asked for with it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import replace
from typing import NamedTuple

import torch  # noqa: TID253 - loaded with the neural families alone
from torch import Tensor, nn  # noqa: TID253

from forecast_platform.errors import ModelError
from forecast_platform.models.net_data import Schema
from forecast_platform.models.networks import Network

SCALE = ".scale"
LARGEST_INTEGER = 127


class _Part(NamedTuple):
    """A parameter, and the groups of units that its rows and leading columns belong to."""

    name: str
    rows: str | None
    columns: str | None = None
    gates: int = 1


def narrowed(network: Network, schema: Schema, keep: float) -> Network:
    """The network with the share `keep` of its hidden units in every layer.

    Those stay whose weights, incoming and outgoing, have the largest sum of squares: pruning by
    magnitude (Han et al. 2015), of units as in Li et al. (2017), "Pruning Filters for Efficient
    ConvNets"; all gates of a recurrent unit go together (Wen et al. 2018, "Learning Intrinsic
    Sparse Structures within Long Short-Term Memory"). Whoever can trains it a little more.

    Raises:
        ModelError: If `keep` is not a share.
    """
    if not 0 < keep <= 1:
        raise ModelError(f"The share of hidden units to keep is {keep}: give one in (0, 1].")
    state, parts = network.state_dict(), _parts(network)
    hidden = max(1, round(network.architecture.hidden * keep))
    weight = _weight_of_units(state, parts)
    kept = {
        group: values.topk(round(len(values) * hidden / network.architecture.hidden)).indices
        for group, values in weight.items()
    }
    kept = {group: units.sort().values for group, units in kept.items()}
    for part in parts:
        value = state[part.name]
        for dimension, group, gates in ((0, part.rows, part.gates), (1, part.columns, 1)):
            if group is not None:
                index = _places(kept[group], len(weight[group]), gates, value.shape[dimension])
                value = value.index_select(dimension, index)
        state[part.name] = value
    narrow = Network(schema, replace(network.architecture, hidden=hidden))
    narrow.load_state_dict(state)
    return narrow.to(network.head.weight.device)


def packed(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Matrices as 8-bit integers with a scale per row: w = q s, s = max |w| / 127."""
    held: dict[str, Tensor] = {}
    for name, value in state.items():
        if value.ndim < 2:
            held[name] = value.cpu()
            continue
        scale = (value.abs().amax(dim=1, keepdim=True) / LARGEST_INTEGER).clamp(min=1e-12)
        held[name] = (value / scale).round().to(torch.int8).cpu()
        held[name + SCALE] = scale.cpu()
    return held


def unpacked(held: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The state that `packed` was given, as far as 8 bits hold it; any other state as it is."""
    return {
        name: value * held[name + SCALE] if name + SCALE in held else value
        for name, value in held.items()
        if not name.endswith(SCALE)
    }


def _parts(network: Network) -> list[_Part]:
    """Every parameter that has hidden units."""
    last = f"state{network.architecture.layers - 1}"
    parts = [
        _Part("shared.weight", "day", last), _Part("shared.bias", "day"),
        _Part("daily.weight", "day"), _Part("daily.bias", "day"),
        _Part("inner.weight", "inner", "day"), _Part("inner.bias", "inner"),
        _Part("head.weight", None, "inner"),
    ]  # fmt: skip
    if isinstance(network.encoder, nn.Sequential):
        return [
            *parts,
            _Part("encoder.0.weight", "first"), _Part("encoder.0.bias", "first"),
            _Part("encoder.3.weight", last, "first"), _Part("encoder.3.bias", last),
        ]  # fmt: skip
    gates = {"lstm": 4, "gru": 3, "rnn": 1}[network.architecture.cell]
    for module in ("encoder", "decoder")[: 1 + (network.decoder is not None)]:
        for layer in range(network.architecture.layers):
            below = f"state{layer - 1}" if layer else None
            own = f"state{layer}"
            parts += [
                _Part(f"{module}.weight_ih_l{layer}", own, below, gates),
                _Part(f"{module}.weight_hh_l{layer}", own, own, gates),
                _Part(f"{module}.bias_ih_l{layer}", own, None, gates),
                _Part(f"{module}.bias_hh_l{layer}", own, None, gates),
            ]
    return parts


def _weight_of_units(state: Mapping[str, Tensor], parts: list[_Part]) -> dict[str, Tensor]:
    """By group (units,) the sum of squares of all weights from and to each unit."""
    units = {p.rows: len(state[p.name]) // p.gates for p in parts if p.rows is not None}
    total: dict[str, Tensor] = defaultdict(lambda: torch.zeros(()))
    for part in parts:
        square = state[part.name].square()
        if square.ndim < 2:
            continue
        if part.rows is not None:
            total[part.rows] = total[part.rows] + square.sum(dim=1).reshape(part.gates, -1).sum(0)
        if part.columns is not None:
            total[part.columns] = total[part.columns] + square.sum(0)[: units[part.columns]]
    return total


def _places(kept: Tensor, units: int, gates: int, size: int) -> Tensor:
    """Indices of kept units in a dimension: the same of every gate, and what comes after them."""
    gate = [kept + units * at for at in range(gates)]
    return torch.cat([*gate, torch.arange(units * gates, size, device=kept.device)])
