"""What quality found in a table, as results of its asset checks."""

import dagster as dg
import polars as pl

from forecast_platform.contracts import Table, rejected, validated
from forecast_platform.lake import polars_schema
from forecast_platform.quality import Verdict, check, save_result, table_page
from forecast_platform.quality.accounting import imbalance
from forecast_platform.quality.check import MOST_ROWS, evenly_spread
from forecast_platform.storage import Place

_MARKDOWN = {"|": "/", "<": "&lt;", "[": "&#91;", "`": "'"}


class Tally:
    """What quality found in a landed table, part by part: counts and a sample, not the rows.

    Attributes:
        accepted: Days of the validated rows, one row each.
        rejected: Business days of the refused rows and duplicates, one row each.
    """

    def __init__(self, table: Table) -> None:
        self._table = table
        self._stored = validated(table)
        self._day = table.day or self._stored.column_names[0]
        none_refused = polars_schema(rejected(table)).to_frame()
        self._samples: list[pl.DataFrame] = []
        self._wrong: list[pl.DataFrame] = []
        self._reasons = [_reasons(none_refused)]
        self._landed = 0
        self.accepted = polars_schema(self._stored).to_frame().select(self._day)
        self.rejected = none_refused.select("business_day", "outcome")

    def add(self, landed: pl.DataFrame, verdict: Verdict) -> None:
        """Count in the rows of a part."""
        accepted, refused = verdict
        self.accepted = pl.concat([self.accepted, accepted.select(self._day)])
        self.rejected = pl.concat([self.rejected, refused.select(self.rejected.columns)])
        self._samples.append(evenly_spread(accepted, MOST_ROWS))
        self._wrong.append(imbalance(landed, accepted, refused, self._table))
        self._reasons.append(_reasons(refused))
        self._landed += landed.height

    def expectations(self, data_docs: Place) -> dg.AssetCheckResult:
        """The verdict of the Great Expectations suite on validated rows, with its reasons."""
        name = self._stored.name
        if self.accepted.is_empty():
            # Nothing can be wrong with no rows, and importing Great Expectations takes seconds.
            return dg.AssetCheckResult(
                check_name="expectations", asset_key=name, passed=True, description="No rows."
            )
        report = check(pl.concat(self._samples), self._stored, rows=self.accepted.height)
        save_result(report, data_docs)
        reasons = [
            f"{o.column} {o.name}: {o.unexpected} rows ({o.percent:.2f} %), such as "
            f"{list(o.sample)}"
            for o in (*report.failures, *report.warnings)
        ]
        return dg.AssetCheckResult(
            check_name="expectations",
            asset_key=name,
            passed=not report.failures,
            severity=dg.AssetCheckSeverity.ERROR,
            description="; ".join(reasons) or "Every expectation holds.",
            metadata={
                **report.statistics,
                "data_docs": dg.MetadataValue.path(str(table_page(name, data_docs))),
            },
        )

    def accounting(self) -> dg.AssetCheckResult:
        """Whether landed rows are validated, rejected or exact duplicates, per file and day."""
        wrong = pl.concat(self._wrong) if self._wrong else pl.DataFrame()
        is_copy = self.rejected["outcome"] == "exact_duplicate"
        copies = int(is_copy.sum())
        return dg.AssetCheckResult(
            check_name="nothing_lost",
            asset_key=self._stored.name,
            passed=wrong.is_empty(),
            description="Every landed row is accounted for."
            if wrong.is_empty()
            else f"{wrong.height} files and days do not add up.",
            metadata={
                "landed": self._landed,
                "validated": self.accepted.height,
                "rejected": self.rejected.height - copies,
                "exact_duplicates": copies,
                "reasons": dg.MetadataValue.md(_commonest(pl.concat(self._reasons))),
                **({"imbalance": dg.MetadataValue.md(str(wrong.head(20)))} if wrong.height else {}),
            },
        )


def service(outcomes: pl.DataFrame) -> dg.AssetCheckResult:
    """Whether demand stayed within the reorder point about as often as the plans aimed at."""
    from forecast_platform.replenishment.outcome import service_gap

    gap = service_gap(outcomes)
    told = (
        f"Demand of {gap.lines:,} lines stayed within the reorder point in {gap.reached:.1%}; "
        f"{gap.aimed:.1%} were aimed at."
        if gap.lines
        else "No plan's protection period ended."
    )
    return dg.AssetCheckResult(
        check_name="service_as_aimed",
        asset_key="plan_outcome",
        passed=not gap.is_short,
        severity=dg.AssetCheckSeverity.WARN,
        description=told,
        metadata={"lines": gap.lines, "reached": gap.reached, "aimed": gap.aimed},
    )


def _reasons(refused: pl.DataFrame) -> pl.DataFrame:
    """How many rows were refused for each reason, and the first of them."""
    return refused.group_by("outcome", "reasons").agg(
        pl.len().alias("rows"), pl.concat_str("file", pl.lit(" row "), "row_number").min()
    )


def _commonest(reasons: pl.DataFrame) -> str:
    rows = (
        reasons.group_by("outcome", "reasons")
        .agg(pl.col("rows").sum(), pl.col("file").min())
        .sort("rows", "reasons", descending=[True, False])
        .head(10)
    )
    if rows.is_empty():
        return "No row was refused."
    lines = [f"| {r[2]} | {r[0]} | {_cell(r[1])[:120]} | {_cell(r[3])} |" for r in rows.rows()]
    return "\n".join(["| rows | outcome | reasons | first |", "|---|---|---|---|", *lines])


def _cell(text: str) -> str:
    """Text of a shop's file as a cell that shows it and does not obey it."""
    return "".join(_MARKDOWN.get(sign, sign) for sign in text)
