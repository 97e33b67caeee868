"""The network of a learned policy, its greedy orders, and its files."""

from __future__ import annotations

import json
import zipfile
from dataclasses import asdict, dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
import torch  # noqa: TID253 (loaded only when a policy is learned or read)
from torch import nn  # noqa: TID253

from forecast_platform.errors import ModelError
from forecast_platform.replenishment.exact.states import largest_orders
from forecast_platform.replenishment.learned.dynamics import IntArray

_SHAPE, _WEIGHTS = "policy.json", "weights.npz"
_UNREADABLE = (OSError, ValueError, KeyError, TypeError, RuntimeError, zipfile.BadZipFile)


@dataclass(frozen=True)
class Shape:
    """What a network is made of.

    Attributes:
        limits: (L + 1,) units, see `order_limits`.
        hidden: Units of the hidden layers.
        scale: States are multiplied by it, per unit.
    """

    limits: tuple[int, ...]
    hidden: tuple[int, ...]
    scale: float

    def network(self) -> nn.Module:
        """(N, L) states to (N, A) relative costs of orders 0 .. A - 1."""
        sizes = (len(self.limits) - 1, *self.hidden)
        layers: list[nn.Module] = [_Scaled(self.scale)]
        for before, after in pairwise(sizes):
            layers += [nn.Linear(before, after), nn.ReLU()]
        return nn.Sequential(*layers, nn.Linear(sizes[-1], self.limits[-1] + 1))


class _Scaled(nn.Module):
    def __init__(self, scale: float) -> None:
        super().__init__()
        self.scale = scale

    def forward(self, states: torch.Tensor) -> torch.Tensor:
        return states * self.scale


class NetworkPolicy:
    """Cheapest order by a network, never more than in the empty state.

    No optimal policy orders more than there, and an exact evaluation relies on it.
    """

    def __init__(self, shape: Shape, network: nn.Module) -> None:
        self.shape, self.network = shape, network.eval()
        self._cap = shape.limits[-1]
        self._cap = int(self(np.zeros((1, len(shape.limits) - 1), dtype=np.int64))[0])

    def __call__(self, states: IntArray) -> IntArray:
        """Orders, (N,) units, of (N, L) states."""
        most = np.minimum(largest_orders(states, self.shape.limits), self._cap)
        with torch.no_grad():
            values = self.network(torch.from_numpy(states).to(torch.float32)).numpy()
        allowed = np.arange(values.shape[1]) <= most[:, None]
        return np.asarray(np.where(allowed, values, np.inf).argmin(axis=1))

    def save(self, folder: Path) -> None:
        """Write the shape as JSON and the weights as arrays by name."""
        folder.mkdir(parents=True, exist_ok=True)
        (folder / _SHAPE).write_text(json.dumps(asdict(self.shape)))
        weights = {name: tensor.numpy() for name, tensor in self.network.state_dict().items()}
        np.savez(folder / _WEIGHTS, **weights)

    @classmethod
    def load(cls, folder: Path) -> NetworkPolicy:
        """Read a saved policy; no code in its files is run.

        Raises:
            ModelError: If the files are missing or do not fit each other.
        """
        try:
            known = json.loads((folder / _SHAPE).read_text())
            shape = Shape(tuple(known["limits"]), tuple(known["hidden"]), float(known["scale"]))
            network = shape.network()
            with np.load(folder / _WEIGHTS, allow_pickle=False) as weights:
                held = {name: torch.from_numpy(weights[name]) for name in weights.files}
            network.load_state_dict(held)
        except _UNREADABLE as error:
            raise ModelError(
                f"A saved policy was expected in {folder} ({_SHAPE} and {_WEIGHTS}); it could not "
                f"be read ({type(error).__name__}): learn it again."
            ) from error
        return cls(shape, network)
