"""The policy that each plan line orders by: the newest choice that was known on its day."""

from __future__ import annotations

import polars as pl

from forecast_platform.contracts.choice import DEFAULT_POLICY

_SERIES = ["item_id", "location_id"]


def with_chosen(lines: pl.DataFrame, policy_choice: pl.DataFrame | None) -> pl.DataFrame:
    """Add the policy of every line, where it comes from, and what the next best would cost.

    Args:
        lines: Columns `date`, `item_id`, `location_id`, with terms.
        policy_choice: Rows of `POLICY_CHOICE`; of those of the newest cutoff on or before a line's
            date the first two ranks are read. None: there is none.

    Returns:
        The lines in their order, with `policy`, `policy_source`, `policy_cutoff`, `policy_cost`,
        `next_policy` and `next_policy_cost`; (R,s,S) where there is no choice.
    """
    if policy_choice is None:
        return lines.with_columns(
            policy=pl.lit(DEFAULT_POLICY),
            policy_source=pl.lit("default"),
            policy_cutoff=pl.lit(None, dtype=pl.Date),
            next_policy=pl.lit(None, dtype=pl.String),
            policy_cost=pl.lit(None, dtype=pl.Float64),
            next_policy_cost=pl.lit(None, dtype=pl.Float64),
        )
    ranked = policy_choice.filter(pl.col("rank") <= 2)
    cutoffs = ranked.select(policy_cutoff="cutoff").unique().sort("policy_cutoff")
    first, second = (ranked.filter(pl.col("rank") == rank) for rank in (1, 2))
    choices = first.select(
        *_SERIES, policy_cutoff="cutoff", policy="policy", policy_source="basis", policy_cost="cost"
    ).join(
        second.select(
            *_SERIES, policy_cutoff="cutoff", next_policy="policy", next_policy_cost="cost"
        ),
        on=["policy_cutoff", *_SERIES],
        how="left",
    )
    dated = lines.select("date").unique().sort("date").join_asof(
        cutoffs, left_on="date", right_on="policy_cutoff", strategy="backward", coalesce=False
    )  # fmt: skip
    of_own_demand = pl.col("policy_cost").is_not_null()
    return (
        lines.join(dated, on="date", how="left", maintain_order="left")
        .join(choices, on=["policy_cutoff", *_SERIES], how="left", maintain_order="left")
        .with_columns(
            pl.when(pl.col("policy").is_not_null()).then("policy_cutoff").alias("policy_cutoff"),
            pl.when(of_own_demand).then("next_policy").alias("next_policy"),
            pl.col("policy").fill_null(DEFAULT_POLICY),
            pl.col("policy_source").fill_null("default"),
        )
    )
