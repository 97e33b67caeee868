"""Compiles what the choice of policy simulates with, so that the first run does not wait for it.

`python -m forecast_platform.replenishment.choice.warm_up`, part of the set-up. The machine code is
kept beside the sources.
"""

from __future__ import annotations

import numpy as np

from forecast_platform.replenishment.choice.evaluate import Case, evaluate

_DAYS = 28
_TERMS = {
    "protection": 14.0, "review": 7.0, "lead_time_std": 1.0, "service_level": 0.95,
    "order_cost": 5.0, "holding": 1.0, "margin": 1.0, "minimum": 1.0, "pack": 1.0,
    "max_cover": 90.0,
}  # fmt: skip


def main() -> None:
    """Evaluate one SKU sold in whole units and one in parts of them."""
    whole = np.random.default_rng(1).poisson(3.0, (1, _DAYS)).astype(np.float64)
    terms = {name: np.array([value]) for name, value in _TERMS.items()}
    for demand in (whole, whole / 3):
        print("compiling the choice of policy", flush=True)
        evaluate(Case(["item"], demand, np.array([7]), np.array([0]), terms), seed=1)


if __name__ == "__main__":
    main()
