"""Contract of the learned policies: what was learned weekly, its cost and the verdict on it."""

from __future__ import annotations

from forecast_platform.contracts.core import Column, DType, Table

METHODS = ("Q-learning", "DQN")


def _money(name: str, description: str) -> Column:
    return Column(name, DType.FLOAT, description, "currency", False)


LEARNED_POLICIES = Table(
    name="learned_policies",
    description="Policies learned weekly for the median SKU of every ABC class and lead time, as a "
    "lost-sales problem, with their exact cost beside that of the yardsticks. One is promoted only "
    "where it beats all of them with confidence; plans are not made from it.",
    grain="one row per training cutoff, ABC class and lead time",
    key=("cutoff", "abc_class", "lead_time_periods"),
    day="cutoff",
    group="replenishment",
    columns=(
        Column("cutoff", DType.DATE, "Last day of demand the problem rests on."),
        Column("abc_class", DType.STRING, "Class by annual value.", allowed=("A", "B", "C")),
        Column("lead_time_periods", DType.INT, "Lead time, rounded up.", "review periods",
               minimum=1, maximum=4),
        Column("skus", DType.INT, "SKUs of that class and lead time.", minimum=1),
        Column("item_id", DType.STRING, "Item of the median SKU by demand per review."),
        Column("location_id", DType.STRING, "Its location."),
        Column("review_days", DType.INT, "Its review period.", "days", minimum=1),
        Column("lot_units", DType.INT, "Size of the lots in which its demand is counted.", "units",
               minimum=1),
        Column("mean_demand", DType.FLOAT, "Mean demand per review period.", "lots", minimum=0),
        Column("cost_ratio", DType.FLOAT, "Margin of a lost unit over its holding cost per review "
               "period.", positive=True),
        Column("method", DType.STRING, "How it was learned: a table up to two review periods of "
               "lead time, a network beyond.", allowed=METHODS),
        _money("cost", "Cost of the learned policy per review period; empty where none was "
               "learned. Costs are exact and, as rewards may be weighed, those of the reward."),
        _money("optimum_cost", "Cost of the best of all policies, by dynamic programming."),
        _money("myopic_cost", "Cost of Myopic-2."),
        _money("capped_cost", "Cost of the best capped base-stock policy."),
        Column("gap", DType.FLOAT, "Cost of the learned policy above the optimum.", "share",
               required=False),
        Column("promoted", DType.BOOL, "Beats every yardstick on common demand with 99 % "
               "confidence."),
        Column("reason", DType.STRING, "Why it is, or is not, promoted."),
        Column("run_id", DType.STRING, "MLflow run with the curve and the checkpoint; empty where "
               "nothing was learned.", required=False),
    ),
)  # fmt: skip
