"""Replays history as the plan would have run it: forecasts as of each review day, then stock.

Puts the rooms together: the lake gives demand, prices and terms, models forecast, replenishment
replays. Does not belong here: any of their arithmetic.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl
from rich.box import SIMPLE_HEAD
from rich.table import Table

from forecast_platform import progress
from forecast_platform.errors import ConfigurationError
from forecast_platform.forecasts_as_of import cover_forecast, unfitted
from forecast_platform.home import Home
from forecast_platform.lake.days import ONE_DAY
from forecast_platform.panel import Panel
from forecast_platform.replay_case import PAST_DAYS, read_case

if TYPE_CHECKING:
    from forecast_platform.replenishment.history_replay.case import Case
    from forecast_platform.replenishment.history_replay.compare import Comparison, Rule
    from forecast_platform.replenishment.history_replay.policies import CoverForecast

CRITICAL_RATIOS = (0.8, 0.9, 0.97)
NAIVE = "seasonal_naive"
QUARTER_DAYS = 91


@dataclass(frozen=True)
class Options:
    """What is replayed, and how.

    Attributes:
        model: Family, or several joined by commas, which weigh the same; `ensemble` means all of
            the settings. None: the champion's family, else the first of the settings.
        days: Newest days of the history that are counted.
        lead_time: Days from order to receipt for all; None: by supplier, else the settings.
        review: Days between review days for all; None: by supplier, else the settings.
        order_cost: Currency per order line for all; None: by supplier, else the settings.
        critical_ratios: Lost margin over lost margin plus holding of a review period.
        refit_days: Days after which the family is fitted again on what is known then.
    """

    model: str | None = None
    days: int = 365
    lead_time: int | None = None
    review: int | None = None
    order_cost: float | None = None
    critical_ratios: tuple[float, ...] = CRITICAL_RATIOS
    refit_days: int = 91

    def __post_init__(self) -> None:
        if wrong := [ratio for ratio in self.critical_ratios if not 0 < ratio < 1]:
            raise ConfigurationError(
                f"Critical ratios between 0 and 1 were expected, {wrong[0]} came: the lost margin "
                "over the lost margin plus the holding cost of a review period."
            )


@dataclass(frozen=True)
class Replayed:
    """A replay of a home's history.

    Attributes:
        model: Family that forecast.
        first_day: First counted day.
        last_day: Last counted day.
        comparisons: One per critical ratio.
        pictures: Files written.
        notes: Sentences about what was assumed.
    """

    model: str
    first_day: dt.date
    last_day: dt.date
    comparisons: Sequence[Comparison]
    pictures: Sequence[Path]
    notes: Sequence[str]


def simulate_home(home: Home, options: Options) -> Replayed:
    """Replay the newest days of a home under the plan's policy and alternatives, with pictures.

    Raises:
        ConfigurationError: If the history is too short, or an option makes no sense.
    """
    from forecast_platform.replenishment.history_replay.compare import compare

    model = _chosen(home, options.model)
    case, panel, notes = read_case(
        home, options.days, lead_time=options.lead_time, review=options.review,
        order_cost=options.order_cost,
    )  # fmt: skip
    forecasts = {
        name: cover_forecast(home, panel, case, name, options.refit_days)
        for name in dict.fromkeys((model, NAIVE))
    }
    comparisons = compare(
        case, rules(model, forecasts), options.critical_ratios, progress=progress.tell
    )
    pictures = _pictures(home, panel, comparisons, case, forecasts[model], model)
    last = panel.last_day
    first = last - (options.days - 1) * ONE_DAY
    return Replayed(model, first, last, comparisons, pictures, notes)


def rules(model: str, forecasts: Mapping[str, CoverForecast]) -> dict[str, Rule]:
    """The policies compared, the own first."""
    from forecast_platform.replenishment.history_replay.policies import (
        fixed_lots,
        from_forecasts,
        from_history,
    )

    return {
        f"plan on {model}": lambda case, weight: from_forecasts(case, forecasts[model], weight),
        "EOQ, fixed safety stock": fixed_lots,
        "(s,S), last year": lambda case, weight: from_history(case, PAST_DAYS, weight),
        "(s,S), last quarter": lambda case, weight: from_history(case, QUARTER_DAYS, weight),
        "base-stock, seasonal naive": lambda case, weight: from_forecasts(
            case, forecasts[NAIVE], weight, lots=False
        ),
    }


def _chosen(home: Home, model: str | None) -> str:
    """The family that forecasts: as asked for, the newest champion's, or the first."""
    if model is not None:
        unfitted(home, model)
        return model
    champions = home.read("model_versions").filter(pl.col("is_champion")).sort("cutoff")
    return home.settings.models[0] if champions.is_empty() else str(champions["model"][-1])


def replay_tables(replayed: Replayed) -> list[Table]:
    """What every policy costs by part, and its service, its stock and what the own one saves.

    Each fits a terminal of 80 columns.
    """
    from forecast_platform.replenishment.history_replay.compare import table

    title = f"Replay of {replayed.first_day} to {replayed.last_day}"
    costs = _replay_table(f"{title}: costs per day", "errors over items",
                          ("cost", "holding", "ordering", "lost"))  # fmt: skip
    service = _replay_table(f"{title}: service and stock", "saved: at equal fill rate",
                            ("fill rate", "cycles", "stock", "turns", "saved"))  # fmt: skip
    for row in table(replayed.comparisons).iter_rows(named=True):
        named = (f"{row['critical_ratio']:g}", row["policy"])
        if row["holding"] is None:  # the bound, the last of its ratio
            costs.add_row(*named, f"{row['total']:,.1f}", end_section=True)
            service.add_section()
            continue
        costs.add_row(
            *named, f"{row['total']:,.1f} ±{row['total_se']:,.1f}",
            *(f"{row[part]:,.1f}" for part in ("holding", "ordering", "stockout")),
        )  # fmt: skip
        saved = row["saved"]
        service.add_row(
            *named, f"{row['fill_rate']:.2%} ±{row['fill_rate_se']:.2%}",
            f"{row['cycle_service_level']:.1%}", f"{row['stock']:,.0f}", f"{row['turns']:.1f}",
            "" if saved is None else f"{saved:.1%} ±{row['saved_se']:.1%}",
        )  # fmt: skip
    return [costs, service]


def _replay_table(title: str, caption: str, figures: Sequence[str]) -> Table:
    shown = Table(title=title, caption=caption, box=SIMPLE_HEAD, padding=0, pad_edge=False)
    shown.add_column("ratio", justify="right")
    shown.add_column("policy")
    for heading in figures:
        shown.add_column(heading, justify="right", no_wrap=True)
    return shown


def verdicts(replayed: Replayed) -> list[str]:
    """One sentence per critical ratio: against the best alternative and against foresight."""
    told = []
    for comparison in replayed.comparisons:
        ratio, best = comparison.critical_ratio, comparison.best_alternative()
        if best is None:
            told.append(f"At {ratio:g} no alternative reaches the fill rate of the plan.")
            continue
        saved, closed = comparison.equal_fill()[best][1], comparison.gap_closed()
        told.append(
            f"At {ratio:g} the plan costs {float(saved.mean):.1%} less than the best alternative "
            f"at its fill rate ({best}), and closes {closed:.1%} of the gap to foresight."
        )
    return told


def _pictures(
    home: Home,
    panel: Panel,
    comparisons: Sequence[Comparison],
    case: Case,
    forecast: CoverForecast,
    model: str,
) -> list[Path]:
    from forecast_platform.replenishment.history_replay import pictures
    from forecast_platform.replenishment.history_replay.policies import from_forecasts

    ratio = comparisons[len(comparisons) // 2].critical_ratio
    shown = case.at_ratio(ratio)
    sku = int((case.demand.sum(axis=1) * case.margin).argmax())
    title = f"{panel.items[sku]} at {panel.locations[sku]}, {model}, critical ratio {ratio:g}"
    images = {
        "simulation_service": pictures.cost_service_picture(comparisons),
        "simulation_costs": pictures.cost_parts_picture(comparisons),
        "simulation_stock": pictures.stock_picture(
            shown, from_forecasts(shown, forecast), forecast, sku,
            panel.last_day - (case.demand.shape[1] - 1) * ONE_DAY, title,
        ),
    }  # fmt: skip
    files = []
    for name, png in images.items():
        files.append(home.settings.home / f"{name}.png")
        files[-1].write_bytes(png)
    return files
