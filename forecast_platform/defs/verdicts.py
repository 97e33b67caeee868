"""What quality found in a table, as results of its asset checks."""

import dagster as dg
import polars as pl

from forecast_platform.contracts import Table, validated
from forecast_platform.quality import Verdict, check, save_result, table_page
from forecast_platform.quality.accounting import imbalance
from forecast_platform.storage import Place


def expectations(
    name: str, frame: pl.DataFrame, table: Table, data_docs: Place
) -> dg.AssetCheckResult:
    """The verdict of the Great Expectations suite on validated rows, with its reasons."""
    if frame.is_empty():
        # Nothing can be wrong with no rows, and importing Great Expectations takes seconds.
        return dg.AssetCheckResult(
            check_name="expectations", asset_key=name, passed=True, description="No rows."
        )
    report = check(frame, validated(table))
    save_result(report, data_docs)
    reasons = [
        f"{o.column} {o.name}: {o.unexpected} rows ({o.percent:.2f} %), such as {list(o.sample)}"
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


def accounting(
    name: str, landed: pl.DataFrame, verdict: Verdict, table: Table
) -> dg.AssetCheckResult:
    """Whether landed rows are validated, rejected or exact duplicates, per file and day."""
    wrong = imbalance(landed, verdict.accepted, verdict.rejected, table)
    copies = verdict.rejected.filter(pl.col("outcome") == "exact_duplicate").height
    return dg.AssetCheckResult(
        check_name="nothing_lost",
        asset_key=name,
        passed=wrong.is_empty(),
        description="Every landed row is accounted for."
        if wrong.is_empty()
        else f"{wrong.height} files and days do not add up.",
        metadata={
            "landed": landed.height,
            "validated": verdict.accepted.height,
            "rejected": verdict.rejected.height - copies,
            "exact_duplicates": copies,
            "reasons": dg.MetadataValue.md(_commonest(verdict.rejected)),
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


def _commonest(rejected: pl.DataFrame) -> str:
    rows = (
        rejected.group_by("outcome", "reasons")
        .agg(pl.len().alias("rows"), pl.concat_str("file", pl.lit(" row "), "row_number").min())
        .sort("rows", "reasons", descending=[True, False])
        .head(10)
    )
    if rows.is_empty():
        return "No row was refused."
    lines = [f"| {r[2]} | {r[0]} | {r[1].replace('|', '/')[:120]} | {r[3]} |" for r in rows.rows()]
    return "\n".join(["| rows | outcome | reasons | first |", "|---|---|---|---|", *lines])
