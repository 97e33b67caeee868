from __future__ import annotations

from pathlib import Path

import pytest

from forecast_platform.errors import ConfigurationError, ModelError
from forecast_platform.forecasting.search import Choice, Range
from forecast_platform.forecasting.spaces import SPACES, read_space, space_of
from forecast_platform.models.options import options_of
from forecast_platform.models.registry import class_of


@pytest.mark.parametrize("family", SPACES)
def test_a_usual_space_is_made_of_the_familys_options_and_holds_their_defaults(family: str) -> None:
    known = options_of(class_of(family))
    for name, among in space_of(family).items():
        default = known[name].default
        if isinstance(among, Range):
            assert among.low <= default <= among.high, name
        else:
            assert default in among.values, name


def test_a_family_without_a_space_is_named() -> None:
    with pytest.raises(ModelError, match="nothing to search for theta"):
        space_of("theta")


def test_a_file_holds_lists_and_ranges(tmp_path: Path) -> None:
    path = tmp_path / "space.toml"
    path.write_text(
        'strategy = ["direct", "both"]\n'
        "num_leaves = { low = 7, high = 63, whole = true }\n"
        "[learning_rate]\nlow = 0.01\nhigh = 1\nlog = true\n"
    )
    assert read_space(path) == {
        "strategy": Choice(["direct", "both"]),
        "num_leaves": Range(7, 63, whole=True),
        "learning_rate": Range(0.01, 1, log=True),
    }


@pytest.mark.parametrize(
    "entry",
    ["[]", "3", "{ low = 3, high = 1 }", "{ low = 0, high = 1, log = true }", "{ low = 1 }",
     "{ low = 1, high = 2, step = 1 }", '{ low = "a", high = "b" }'],
)  # fmt: skip
def test_an_entry_that_is_neither_is_refused_by_name(tmp_path: Path, entry: str) -> None:
    path = tmp_path / "space.toml"
    path.write_text(f"penalty = {entry}\n")
    with pytest.raises(ConfigurationError, match="The space of penalty should be a list"):
        read_space(path)


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"none\.toml cannot be read"):
        read_space(tmp_path / "none.toml")
