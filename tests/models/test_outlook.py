"""What was known of days to come moves forecasts, and only as it was known at the origin."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from model_shop import CUTOFF, make_shop

from forecast_platform.errors import ModelError
from forecast_platform.models import create
from forecast_platform.models.drivers import PROMOTION, explained
from forecast_platform.models.tree_features import Schema
from forecast_platform.panel import Outlook, Panel

HORIZON = 28
CAMPAIGN = slice(4, 9)


def planned_shop() -> tuple[Panel, np.ndarray]:
    """A shop whose demand is tripled by campaigns that are known at every origin before them."""
    shop = make_shop().select(np.arange(3, 6))
    rng = np.random.default_rng(1)
    runs = np.zeros(shop.n_days + HORIZON, dtype=np.float32)
    for start in rng.choice(shop.n_days, 24, replace=False):
        runs[start : start + 3] = 1
    demand = shop.demand * (1 + 2 * runs[: shop.n_days])
    ahead = np.arange(shop.n_days)[:, None] + np.arange(1, HORIZON + 1)
    outlook = Outlook(runs[ahead][None], np.zeros(3, dtype=np.intp))
    return replace(shop, demand=demand, outlook={"campaign_ahead": outlook}), runs


def told(panel: Panel, days: slice) -> Panel:
    """The panel as if at the cutoff a campaign were planned for some days ahead, and no other."""
    values = panel.outlook["campaign_ahead"].values.copy()
    values[:, panel.column_of(CUTOFF)] = 0
    values[:, panel.column_of(CUTOFF), days] = 1
    row = panel.outlook["campaign_ahead"].row
    return replace(panel, outlook={"campaign_ahead": Outlook(values, row)})


@pytest.mark.parametrize("family", ["ridge", "lightgbm", "lstm"])
def test_a_campaign_that_is_planned_lifts_its_days(family: str, tmp_path: Path) -> None:
    panel, _ = planned_shop()
    model = create(family, effort=0.5 if family == "lstm" else 0.2)
    model.fit(panel.until(CUTOFF), seed=1)
    model.save(tmp_path)
    model = create(family)
    model.load(tmp_path)
    without, planned = (
        model.predict(told(panel, days), [CUTOFF]).mean[0].sum(axis=0)
        for days in (slice(0), CAMPAIGN)
    )
    lift = planned / without
    assert lift[CAMPAIGN].min() > 1.3
    assert lift[10:].max() < lift[CAMPAIGN].min()
    drivers, lacking = explained(model, told(panel, CAMPAIGN), CUTOFF)
    assert lacking or PROMOTION in drivers["driver"].to_list()


@pytest.mark.parametrize("family", ["lightgbm", "lstm"])
def test_later_plans_change_nothing_and_missing_ones_are_named(family: str) -> None:
    panel, _ = planned_shop()
    model = create(family, effort=0.1)
    model.fit(panel.until(CUTOFF), seed=1)
    known = panel.outlook["campaign_ahead"]
    values = known.values.copy()
    values[:, panel.column_of(CUTOFF) + 1 :] = 1 - values[:, panel.column_of(CUTOFF) + 1 :]
    other = replace(panel, outlook={"campaign_ahead": Outlook(values, known.row)})
    one, two = (model.predict(p, [CUTOFF]) for p in (panel, other))
    assert one.quantiles.tobytes() == two.quantiles.tobytes()
    with pytest.raises(ModelError, match=r"covariates \['campaign_ahead'\], which the panel lacks"):
        model.predict(replace(panel, outlook={}), [CUTOFF])


def test_a_model_without_an_outlook_is_described_as_ever() -> None:
    assert "outlook" not in Schema.of(make_shop()).to_dict()
