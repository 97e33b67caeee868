import datetime as dt

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from forecast_platform.replenishment.history import LOOK_BACK_DAYS, History, trailing
from forecast_platform.replenishment.replay import ReplayPolicy, replay

FIRST = dt.date(2024, 1, 1)
"""A Monday."""


def look_back(demand, first=FIRST):
    demand = np.asarray(demand, dtype=float)
    count = demand.shape[1]
    return History(demand, np.full_like(demand, 3.0), np.arange(count), np.zeros(count, int), first)


def policy(count=1, point=20.0, upto=40.0, opening=40.0, pack=1.0, lead=3, review=7):
    def full(value):
        return np.full(count, value)

    return ReplayPolicy(
        opening=full(opening), mean=full(2.0), reorder_point=full(point), order_up_to=full(upto),
        minimum=full(0.0), pack=full(pack), lot=full(np.nan), cap=full(np.nan),
        lead_time=full(lead), review=full(review),
    )  # fmt: skip


def by_hand(demand, lead, review, point=20.0, upto=40.0):
    """The same policy, one series, day by day."""
    on_hand, due = upto, {}
    for step, units in enumerate(demand):
        on_hand = max(on_hand + due.pop(step, 0.0) - units, 0.0)
        on_order = sum(due.values())
        tomorrow = (FIRST + dt.timedelta(days=step + 1)).toordinal()
        last = step == LOOK_BACK_DAYS - 1
        if not last and tomorrow % review == 1 % review and on_hand + on_order <= point:
            sent = np.ceil(upto - on_hand - on_order - 1e-9)
            due[step + 1 + lead] = due.get(step + 1 + lead, 0.0) + sent
    return on_hand, sum(due.values())


@given(
    demand=st.lists(st.integers(0, 9), min_size=LOOK_BACK_DAYS, max_size=LOOK_BACK_DAYS),
    lead=st.integers(0, 12),
    review=st.sampled_from([1, 2, 7, 14]),
)
def test_the_replay_equals_the_policy_followed_by_hand(demand, lead, review):
    end = replay(look_back(np.array(demand)[:, None]), policy(lead=lead, review=review))
    on_hand, on_order = by_hand(demand, lead, review)
    assert (end.on_hand[0], end.on_order[0]) == (on_hand, on_order)
    assert end.receipts.sum() == on_order


def test_a_series_ends_the_same_alone_and_among_others_with_other_terms():
    rng = np.random.default_rng(3)
    demand = rng.gamma(2.0, 1.3, (LOOK_BACK_DAYS, 5))
    terms = policy(5)
    mixed = ReplayPolicy(**{**vars(terms), "lead_time": np.array([3, 9, 0, 5, 30])})
    together, alone = replay(look_back(demand), mixed), replay(look_back(demand[:, :1]), policy())
    assert together.on_hand[0] == alone.on_hand[0]
    assert together.on_order[0] == alone.on_order[0]


def test_days_of_unknown_demand_are_replayed_at_the_mean():
    unknown = np.full((LOOK_BACK_DAYS, 1), np.nan)
    known = np.full((LOOK_BACK_DAYS, 1), 2.0)
    ends = [replay(look_back(days), policy()) for days in (unknown, known)]
    assert ends[0].on_hand == ends[1].on_hand


def test_trailing_figures_skip_unknown_days():
    demand = np.full((LOOK_BACK_DAYS, 1), np.nan)
    demand[:4, 0] = [1.0, 3.0, 1.0, 3.0]
    past = trailing(look_back(demand))
    assert (past.known_days[0], past.mean[0], past.std[0]) == (4.0, 2.0, pytest.approx(1.0))


def test_the_newest_known_price_counts_only_within_the_look_back():
    span = look_back(np.ones((LOOK_BACK_DAYS + 1, 1)))
    prices = np.full_like(span.demand, np.nan)
    prices[0], prices[5], late = 9.0, 4.0, np.array([1])
    assert History(span.demand, prices, span.series, late, FIRST).newest_price()[0] == 4.0
    prices[5] = np.nan
    assert np.isnan(History(span.demand, prices, span.series, late, FIRST).newest_price()[0])
