from __future__ import annotations

import datetime as dt
import tomllib
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from forecast_platform.settings import save_settings, toml_value

PLAIN = (
    st.booleans()
    | st.integers(-(2**60), 2**60)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(min_codepoint=32, max_codepoint=126))
    | st.dates(dt.date(1900, 1, 1))
)
NAMES = st.from_regex(r"\A[a-z_]{1,9}\Z")


@given(
    st.dictionaries(
        NAMES,
        st.recursive(
            PLAIN, lambda v: st.lists(v, max_size=3) | st.dictionaries(NAMES, v), max_leaves=9
        ),
    )
)
def test_a_value_is_read_as_it_was_written(values: dict[str, object]) -> None:
    assert tomllib.loads(f"value = {toml_value(values)}")["value"] == values


def test_what_a_person_set_stays_when_more_is_set(tmp_path: Path) -> None:
    path = tmp_path / "settings.toml"
    path.write_text('seed = 3\n[model_options.lstm]\nhidden = 32\nhead = "quantiles"\n')
    save_settings(tmp_path, {"currency": "EUR", "seed": 4})
    assert tomllib.loads(path.read_text()) == {
        "currency": "EUR",
        "seed": 4,
        "model_options": {"lstm": {"hidden": 32, "head": "quantiles"}},
    }
