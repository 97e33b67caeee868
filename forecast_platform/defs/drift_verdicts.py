"""What drift says of a day, as results of asset checks that warn."""

import dagster as dg
import polars as pl

from forecast_platform.drift import out_of_band

_TOLD = 5
_PLACE = pl.coalesce(
    pl.concat_str("level", pl.lit(" "), pl.coalesce("category", "location_id")), "level"
)


def inputs(rows: pl.DataFrame) -> dg.AssetCheckResult:
    """Whether the inputs of a day look as they did in training; names the worst that do not.

    Args:
        rows: Rows of `input_drift` of one day.
    """
    drifted = rows.filter("is_drift").with_columns(
        place=_PLACE,
        excess=pl.max_horizontal(
            pl.col("psi") / pl.col("psi_limit"), pl.col("ks") / pl.col("ks_limit")
        ),
    )
    worst = drifted.sort("excess", "place", "watched", descending=[True, False, False],
                         nulls_last=False)  # fmt: skip
    told = "; ".join(_input_told(row) for row in worst.head(_TOLD).iter_rows(named=True))
    more = f"; and {drifted.height - _TOLD} more" if drifted.height > _TOLD else ""
    if rows.is_empty():
        told = "No training window to compare with yet."
    return dg.AssetCheckResult(
        check_name="inputs_as_trained",
        asset_key="input_drift",
        passed=drifted.is_empty(),
        severity=dg.AssetCheckSeverity.WARN,
        description=told + more or "The last four weeks look like the training window.",
        metadata={"watched": rows.height, "drifted": drifted.height},
    )


def _input_told(row: dict[str, object]) -> str:
    if row["psi"] is None:
        return f"{row['place']}: no rows in four weeks"
    means = [f"{row[name]:.4g}" if row[name] is not None else "unknown"
             for name in ("trained_mean", "mean")]  # fmt: skip
    return (
        f"{row['watched']} of {row['place']}: mean {means[0]} in training, now {means[1]}, "
        f"{row['unknown_share']:.0%} unknown (PSI {row['psi']:.2f}, limit {row['psi_limit']:.2f}; "
        f"KS {row['ks']:.2f}, limit {row['ks_limit']:.2f})"
    )


def accuracy(rows: pl.DataFrame, band: float) -> dg.AssetCheckResult:
    """Whether forecasts err about as much as before; names where they do not.

    Args:
        rows: Rows of `accuracy_drift` of one day.
        band: Share by which errors may rise.
    """
    worse = out_of_band(rows, band).with_columns(place=_PLACE).sort("rise", descending=True)
    told = "; ".join(
        f"{row['place']}: error {row['level_error']:.2f} in the last {row['weeks']} weeks, "
        f"{row['before_error']:.2f} before (+{row['rise']:.0%}, band {band:.0%})"
        for row in worse.head(_TOLD).iter_rows(named=True)
    )
    return dg.AssetCheckResult(
        check_name="accuracy_in_band",
        asset_key="accuracy_drift",
        passed=worse.is_empty(),
        severity=dg.AssetCheckSeverity.WARN,
        description=told or "Forecasts err no more than before.",
        metadata={"groups": rows.height, "out_of_band": worse.height},
    )
