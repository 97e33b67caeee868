from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from model_shop import CUTOFF

from forecast_platform.models import Forecaster, drivers
from forecast_platform.models.attributions import attributed
from forecast_platform.models.net_data import Inputs
from forecast_platform.models.nets import HORIZON, Net
from forecast_platform.panel import Panel


@pytest.mark.parametrize("cell", ["lstm", "gru", "rnn", "dnn"])
def test_attributions_are_complete(cell: str, trained: dict[str, Forecaster], shop: Panel) -> None:
    """Sundararajan, Taly and Yan (2017), proposition 1."""
    model = trained[cell]
    assert isinstance(model, Net)
    assert model._schema is not None
    series = np.arange(6)
    inputs = Inputs(shop, model._schema, HORIZON, torch.device("cpu"))
    column = np.full(6, shop.column_of(CUTOFF))
    for horizon in (1, 28):
        parts = attributed(model._networks, inputs, series, column, horizon)
        mean = model.predict(shop, [CUTOFF], horizon).mean[0, :6].mean(axis=1)
        assert sum(parts.values()) == pytest.approx(mean, rel=1e-2)


def test_a_steady_series_is_its_level_and_what_came_of_late_is_recent_demand(
    trained: dict[str, Forecaster], shop: Panel
) -> None:
    known = shop.until(CUTOFF)
    recent = {}
    for item, factor in (("steady", 1.0), ("rise", 3.0), ("fall", 1 / 3)):
        demand = known.demand.copy()
        demand[4] = 9
        demand[4, -14:] *= factor
        frame, _ = drivers.explained(trained["lstm"], replace(known, demand=demand), CUTOFF)
        parts = dict(frame.filter(item_id="item4").select("driver", "contribution").rows())
        recent[item] = parts.get(drivers.RECENT, 0.0) / parts[drivers.LEVEL]
    assert abs(recent["steady"]) < 0.05
    assert recent["fall"] < recent["steady"] < recent["rise"]


def test_a_series_is_attributed_alike_alone_and_among_others(
    trained: dict[str, Forecaster], shop: Panel
) -> None:
    together, _ = drivers.explained(trained["gru"], shop, CUTOFF)
    alone, _ = drivers.explained(trained["gru"], shop.select(np.array([3])), CUTOFF)
    among = together.filter(item_id="item3")
    assert alone["driver"].to_list() == among["driver"].to_list()
    assert alone["contribution"].to_numpy() == pytest.approx(among["contribution"], abs=1e-4)
