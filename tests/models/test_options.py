from __future__ import annotations

import pytest

from forecast_platform.errors import ModelError
from forecast_platform.models import FAMILIES, create
from forecast_platform.models.options import options_of
from forecast_platform.models.registry import class_of


def test_options_reach_the_parts_they_belong_to_and_leave_the_others_as_they_are() -> None:
    usual, net = create("gru"), create("gru", options={"hidden": 32, "learning_rate": 0.001})
    assert net.architecture.cell == "gru"
    assert (net.architecture.hidden, net.plan.learning_rate) == (32, 0.001)
    assert net.plan.epochs == usual.plan.epochs
    trees = create("lightgbm", workers=2, options={"num_leaves": 7, "trees": 50})
    assert (trees.boosting.num_leaves, trees.trees, trees.workers) == (7, 50, 2)


@pytest.mark.parametrize("family", FAMILIES)
def test_a_family_made_with_its_own_defaults_is_the_usual_one(family: str) -> None:
    known = options_of(class_of(family))
    assert not {"self", "workers", "cell"} & known.keys()
    made = create(family, options={name: option.default for name, option in known.items()})
    for name, option in known.items():
        if option.part and hasattr(made, option.part):
            assert getattr(getattr(made, option.part), name) == option.default


@pytest.mark.parametrize(
    ("family", "options", "told"),
    [
        ("lstm", {"hiden": 64}, "lstm has no option 'hiden': choose from batch, "),
        ("theta", {"hidden": 64}, "theta has no option 'hidden': it takes none"),
        ("lstm", {"hidden": "wide"}, "hidden of lstm cannot be 'wide': Input should be a valid"),
        ("gru", {"head": "oracle"}, "head of gru cannot be 'oracle'"),
        ("ridge", {"penalty": [1]}, "penalty of ridge cannot be"),
    ],
)
def test_options_that_do_not_fit_are_refused_by_name(
    family: str, options: dict[str, object], told: str
) -> None:
    with pytest.raises(ModelError, match=told):
        create(family, options=options)


def test_options_change_what_is_learnt(shop) -> None:
    known = shop.until(shop.days[167].item())
    means = []
    for penalty in (1e-3, 10.0):
        model = create("ridge", options={"penalty": penalty})
        model.fit(known, seed=1)
        means.append(model.predict().mean)
    assert (means[0] != means[1]).any()
