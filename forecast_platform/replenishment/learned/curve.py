"""The learning curve: exact cost of the greedy policy while it is learned."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import polars as pl

from forecast_platform.errors import ConfigurationError
from forecast_platform.replenishment.exact.policies import Policy


@dataclass
class Curve:
    """Judges policies as they are learned and keeps the cheapest.

    Attributes:
        evaluate: Cost per period of a policy, as `LostSales.evaluate` works it out.
        optimum: Least cost there is, where known.
    """

    evaluate: Callable[[Policy], float]
    optimum: float | None = None
    best: Policy | None = None
    _rows: list[tuple[int, float | None]] = field(default_factory=list)
    _least: float = float("inf")

    def judge(self, periods: int, policy: Policy) -> None:
        """Note what `policy` costs after `periods` periods of experience.

        One whose long-run cost depends on where it starts has none; early policies may be so.
        """
        try:
            cost = self.evaluate(policy)
        except ConfigurationError:
            self._rows.append((periods, None))
            return
        self._rows.append((periods, cost))
        if cost < self._least:
            self.best, self._least = policy, cost

    def frame(self) -> pl.DataFrame:
        """Columns periods, cost (currency per period) and gap (share above the optimum)."""
        frame = pl.DataFrame(
            self._rows, schema={"periods": pl.Int64, "cost": pl.Float64}, orient="row"
        )
        return frame.with_columns(gap=pl.col("cost") / pl.lit(self.optimum, pl.Float64) - 1)
