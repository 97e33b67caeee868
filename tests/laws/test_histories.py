"""Law: whatever arrives, in whatever order and with whatever failures, incremental equals full.

After any history of arrivals, duplicates, late rows, corrected files, failed steps and retries, the
home equals one that is made from the final landing folder at once.
"""

from __future__ import annotations

import shutil
from pathlib import Path

import law_home
import law_runs
import law_shop as shop
import pytest
from hypothesis import HealthCheck, Phase, example, given, seed, settings
from hypothesis import strategies as st
from law_runs import Do, Step, Submit

ITEM = st.sampled_from(shop.ITEMS)
PAST = st.integers(-4, shop.DAYS - 1)
"""Some days before the shop's first sale too."""
UNITS = st.integers(-3, 60)

ARRIVALS = st.one_of(
    st.builds(shop.new_days, st.integers(1, 3)),
    st.builds(shop.late_sales, st.lists(st.tuples(PAST, ITEM, UNITS), min_size=1, max_size=2)),
    st.builds(
        shop.corrected_sales,
        st.integers(0, 3), st.integers(0, 40), st.integers(0, 30), st.integers(0, 2),
    ),
    st.builds(shop.again, st.integers(0, shop.DAYS - 1)),
    st.just({"sales/dirty.csv": shop.DIRT}),
    st.builds(lambda cost, category: {"products/products.csv":
                                      shop.products((cost, 1.5, 4.0), category)},
              st.sampled_from([1.0, 1.2, 3.0]), st.sampled_from(["fresh", "dry"])),
    st.builds(lambda n, item, price: {"prices/late.csv":
                                      shop.prices([(shop.day(n), item, price)])},
              PAST, ITEM, st.sampled_from([1.5, 9.0])),
    st.builds(lambda n, item: {"promotions/late.csv":
                               shop.promotions([(shop.day(n), item, shop.day(n + 2),
                                                 shop.day(n + 6), 0.5)])},
              PAST, ITEM),
    st.builds(lambda n, item, units: {"inventory/recount.csv": shop.csv(
                  "date,item_id,location_id,on_hand", [(shop.day(n), item, shop.PLACE, units)])},
              PAST, ITEM, st.integers(0, 5)),
    st.builds(lambda n, item: {"purchase_orders/more.csv": shop.purchase_orders(
                  [(shop.day(n), "PO-X", item, 24, shop.day(n + 5), None)])},
              st.integers(40, shop.DAYS - 1), ITEM),
)  # fmt: skip

STEPS = st.lists(
    st.builds(
        lambda arrivals, fails_at: Step(
            {name: content for files in arrivals for name, content in files.items()}, fails_at
        ),
        st.lists(ARRIVALS, min_size=1, max_size=3),
        st.none() | st.integers(1, 24),
    ),
    min_size=1,
    max_size=2,
)


def check(steps: list[Step], template: Path, folder: Path, submit: Submit, do: Do) -> None:
    """Compare a home that lived through the steps with one made from their last files."""
    final = dict(shop.opening())
    for step in steps:
        final |= step.files
    lived, made = folder / "lived", folder / "made"
    rebuilding = submit(law_runs.rebuild, made, final)
    assert do(law_runs.play, template, lived, steps) == []
    rebuilding.result()
    do(law_runs.adopt, lived, made)

    first, last = do(law_home.newest, lived)
    newest = (last, last)
    assert do(law_home.landed_rows, lived) == shop.rows_in(final)
    assert do(law_home.differences, lived, made, law_home.DATA) == []
    assert do(law_home.differences, lived, made, law_home.RECORDS, days=newest) == []

    restating = submit(law_runs.restate, lived, first, last)
    do(law_runs.restate, made, first, last)
    restating.result()
    issued = (first, last)
    assert do(law_home.differences, lived, made, law_home.RECORDS, days=issued) == []
    assert do(law_home.differences, lived, made, ("accuracy",)) == []
    shutil.rmtree(folder)


_HOW = {
    "deadline": None,
    "suppress_health_check": list(HealthCheck),
    "phases": [Phase.explicit, Phase.generate],
    "database": None,
}


LATE_CORRECTED_FAILING = [
    Step(shop.late_sales([(30, "APPLE", 50), (-2, "BREAD", 4)])
         | shop.corrected_sales(1, 3, 44, 5), 4),
    Step(shop.again(12) | {"sales/dirty.csv": shop.DIRT,
                           "products/products.csv": shop.products((3, 2, 1))}, 9),
]  # fmt: skip
NEWEST_WITHDRAWN = [
    Step(shop.corrected_sales(3, 0, 9, 0)
         | {"prices/late.csv": shop.prices([(shop.day(50), "APPLE", 9)])}),
    Step(shop.new_days(2), 21),
]  # fmt: skip


TWO_OF_THREE_WITHDRAWN = [Step(shop.new_days(3)), Step(shop.new_days(1))]


@seed(20240108)
@settings(max_examples=2, **_HOW)
@example(steps=LATE_CORRECTED_FAILING)
@example(steps=NEWEST_WITHDRAWN)
@example(steps=TWO_OF_THREE_WITHDRAWN)
@given(steps=STEPS)
def test_incremental_equals_full_after_any_history(
    steps: list[Step], template: Path, tmp_path_factory: pytest.TempPathFactory,
    submit: Submit, do: Do,
) -> None:  # fmt: skip
    check(steps, template, tmp_path_factory.mktemp("history"), submit, do)


@pytest.mark.nightly
@settings(max_examples=60, **_HOW)
@given(steps=STEPS)
def test_incremental_equals_full_after_many_histories(
    steps: list[Step], template: Path, tmp_path_factory: pytest.TempPathFactory,
    submit: Submit, do: Do,
) -> None:  # fmt: skip
    check(steps, template, tmp_path_factory.mktemp("history"), submit, do)
