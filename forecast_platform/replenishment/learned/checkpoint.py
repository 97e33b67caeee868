"""Files of a learned policy, a table or a network: JSON and arrays, nothing pickled."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from forecast_platform.errors import ModelError
from forecast_platform.replenishment.exact.lost_sales import TablePolicy
from forecast_platform.replenishment.exact.states import states_within

if TYPE_CHECKING:
    from forecast_platform.replenishment.learned.network import NetworkPolicy

_LIMITS, _ORDERS = "table.json", "orders.npy"


def save(policy: TablePolicy | NetworkPolicy, limits: tuple[int, ...], folder: Path) -> None:
    """Write a policy.

    Args:
        policy: The policy.
        limits: (L + 1,) units, see `dynamics.order_limits`; a table has its states from them.
        folder: Made if there is none.
    """
    if not isinstance(policy, TablePolicy):
        policy.save(folder)
        return
    folder.mkdir(parents=True, exist_ok=True)
    (folder / _LIMITS).write_text(json.dumps({"limits": limits}))
    np.save(folder / _ORDERS, policy.orders)


def load(folder: Path) -> TablePolicy | NetworkPolicy:
    """Read a saved policy; no code in its files is run.

    Raises:
        ModelError: If the files are missing or do not fit each other.
    """
    if not (folder / _LIMITS).exists():
        # Imports torch.
        from forecast_platform.replenishment.learned.network import NetworkPolicy

        return NetworkPolicy.load(folder)
    try:
        states = states_within(json.loads((folder / _LIMITS).read_text())["limits"])
        orders = np.load(folder / _ORDERS, allow_pickle=False)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise _unreadable(folder, type(error).__name__) from error
    if orders.shape != states.stock.shape:
        raise _unreadable(folder, f"{orders.shape} orders of {states.stock.shape} states")
    return TablePolicy(states, orders)


def _unreadable(folder: Path, why: str) -> ModelError:
    return ModelError(
        f"A saved policy was expected in {folder} ({_LIMITS} and {_ORDERS}); it could not be read "
        f"({why}): learn it again."
    )
