"""Censored demand on FreshRetailNet-50K: what stock-out days should teach a model.

    python -m benchmarks.censoring [--data FOLDER] [--series 1500] [--hide 0.3] [--skew 0]

Stock-out hours, as they were on real stock-out days, are laid over days that had full stock, so the
demand that was hidden is known. Each treatment turns what could be seen into demand; it is judged
by the demand it recovers on those days, and by forecasts of fully stocked days a week ahead, made
by models that learnt from it. Days of real stock-outs are unknown to every treatment then, so that
treatments differ on the hidden days alone; with `--hide 0` nothing is hidden and the treatments
meet the real ones. Real shelves empty where demand is high, so the days that stay full are slower
than others; `--skew 1` hides in proportion to a day's demand, `--skew 0` without regard to it.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from benchmarks.runs import ROOT
from benchmarks.stockouts import (
    TREATMENTS,
    Flags,
    Floats,
    Shop,
    best_credibility,
    hide,
    read,
    see,
)
from forecast_platform.contracts import QUANTILES
from forecast_platform.forecasting.compare import compare
from forecast_platform.forecasting.metrics import bias, rmse, wape, wql
from forecast_platform.models import Forecast, create
from forecast_platform.panel import Panel

_DATA = Path(os.environ.get("FORECAST_PLATFORM_REAL_DATA", ROOT.parent / "shared" / "data"))
_FILE = Path("freshretailnet") / "train_sample.parquet"
_FAMILIES = "weekday_mean,theta,arima,lightgbm"
AHEAD, ORIGINS = 7, 2


def recovery(shop: Shop, hidden: Shop, days: Flags, credibility: float) -> Iterator[str]:
    """Error of the demand each treatment gives the days of which some hours were hidden.

    Where a treatment leaves a day unknown, a model fills in what is usual.
    """
    seen, truth = see(hidden, credibility), shop.sales.sum(axis=2)[days]
    lost = 1 - seen.sold[days].sum() / truth.sum()
    yield f"recovered demand of {days.sum():,} days of which {lost:.0%} was hidden"
    for name, treat in TREATMENTS.items():
        value = treat(seen)[days]
        value = np.where(np.isnan(value), seen.usual[days], value)
        error, excess = np.abs(value - truth).sum() / truth.sum(), value.sum() / truth.sum() - 1
        yield f"  {name:32s} WAPE {error:6.1%}   bias {excess:+6.1%}"


def accuracy(
    shop: Shop, hidden: Shop, families: Sequence[str], credibility: float
) -> Iterator[str]:
    """Error of forecasts of fully stocked days by family and what it learnt from.

    Gains are of absolute errors, with a 90 % interval from resampling origins and products.
    """
    truth = np.where(shop.full, shop.sales.sum(axis=2), np.nan)
    origins = _origins(shop)
    actual = np.stack([truth[:, day : day + AHEAD] for day in origins])
    unknown = np.zeros_like(shop.full) if hidden is shop else ~shop.full
    yield f"forecasts of {(~np.isnan(actual)).sum():,} fully stocked days, {AHEAD} days ahead"
    yield f"  {'':46s}{'WAPE':>6s} {'RMSE':>6s} {'WQL':>6s} {'bias':>7s}  gain"
    for family in families:
        base = None
        for name, treat in TREATMENTS.items():
            said = []
            for day in origins:
                demand = treat(see(hidden.until(day), credibility)).astype(np.float32)
                demand[unknown[:, :day]] = np.nan
                said.append(_forecast(family, shop, demand))
            line = f"  {family:13s} {name:32s}{_scores(said, actual)}"
            errors = np.nansum(
                [abs(one.mean[0] - came) for one, came in zip(said, actual, strict=True)], axis=2
            )
            if base is None:
                base = errors  # the first treatment is zero-filling
            else:
                line += f"  {_gain(errors, base, shop)}"
            yield line


def _origins(shop: Shop) -> list[int]:
    """Days before each of the weeks that are judged, the shop's last."""
    return [shop.full.shape[1] - AHEAD * back for back in range(ORIGINS, 0, -1)]


def _scores(said: Sequence[Forecast], actual: Floats) -> str:
    """Errors of forecasts of one origin each against the demand (O, N, 7) that came."""
    came = actual.reshape(-1, AHEAD)
    mean = np.concatenate([one.mean[0] for one in said])
    loss = wql(came, np.concatenate([one.quantiles[0] for one in said]), QUANTILES)
    share = bias(came, mean) / float(np.nanmean(came))
    return f"{wape(came, mean):6.2%} {rmse(came, mean):6.3f} {loss:6.4f} {share:+7.1%}"


def _gain(errors: Floats, base: Floats, shop: Shop) -> str:
    """How much smaller (O, N) errors are than others, with a 90 % interval."""
    found, level = compare(errors, base, blocks=shop.items), base.mean()
    return f"{-found.relative:+.1%} ({-found.high / level:+.1%} to {-found.low / level:+.1%})"


def _forecast(family: str, shop: Shop, demand: Floats) -> Forecast:
    """Forecasts of the week after the days of (N, T) demand, by a model that learnt from it.

    Every item counts as on offer, whatever is unknown.
    """
    panel = Panel(
        shop.items,
        shop.locations,
        shop.first_day,
        demand,
        np.ones(demand.shape, dtype=np.bool_),
        static={"category": shop.category},
    )
    model = create(family)
    model.fit(panel, seed=1)
    return model.predict(horizon=AHEAD)


def main(words: list[str] | None = None) -> None:
    chosen = _arguments().parse_args(words)
    path = chosen.data / _FILE
    if not path.is_file():
        sys.exit(f"There is no {path}: give the folder of the public data sets as --data.")
    shop = read(path, chosen.series)
    rng = np.random.default_rng(0)
    hidden, days = hide(shop, chosen.hide, rng, chosen.skew) if chosen.hide else (shop, ~shop.full)
    credibility = best_credibility(hidden.until(_origins(shop)[0]), 0.3, rng)
    print(
        f"{len(shop.items)} series x {shop.full.shape[1]} days, {shop.full.mean():.0%} of them "
        f"fully stocked, {chosen.hide:.0%} of these hidden in part; credibility {credibility}"
    )
    if chosen.hide:
        for line in recovery(shop, hidden, days, credibility):
            print(line, flush=True)
    for line in accuracy(shop, hidden, chosen.families.split(","), credibility):
        print(line, flush=True)


def _arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    add = parser.add_argument
    add("--data", type=Path, default=_DATA, help="folder of the public data sets")
    add("--series", type=int, default=1500, help="series in the sample")
    add("--hide", type=float, default=0.3, help="share of full days of which hours are hidden")
    add("--skew", type=float, default=0.0, help="how far hiding prefers days of high demand")
    add("--families", default=_FAMILIES, help="families, joined by commas")
    return parser


if __name__ == "__main__":
    main()
