"""The benchmarks run, on a shop small enough for a test."""

from pathlib import Path

import pytest

from benchmarks.cases import Bench, SkippedError
from benchmarks.clock import DAGSTER, Clock
from benchmarks.run import main, measured


def tiny(folder: Path) -> Bench:
    return Bench(
        folder,
        models=("seasonal_naive",),
        items=3,
        locations=1,
        days=75,
        backfill_days=7,
        repeats=1,
    )


def test_arriving_days_are_measured(tmp_path: Path) -> None:
    bench = tiny(tmp_path)
    page = measured(bench, ["new-day", "late-day"])
    assert "its work, of the full rebuild's" in page
    assert "one late day, work" in page
    for title, run in bench.profiles.items():
        assert sum(run.parts.values()) == pytest.approx(run.seconds, rel=0.02), title
        assert 0 < run.work < run.seconds
        assert run.parts[DAGSTER] > 0
        assert run.parts["lake writes"] > 0


@pytest.mark.nightly
def test_a_backfill_is_measured(tmp_path: Path) -> None:
    bench = tiny(tmp_path)
    page = measured(bench, ["backfill"])
    assert "| 7 days |" in page
    year = next(run for title, run in bench.profiles.items() if title.startswith("7 days"))
    assert {"features", "forecasts", "plan"} <= set(year.parts)


def test_public_data_that_are_not_there_are_said(tmp_path: Path) -> None:
    page = measured(Bench(tmp_path), ["m5", "freshretailnet"])
    assert "- m5: no public data sets" in page
    with pytest.raises(SkippedError, match="FORECAST_PLATFORM_REAL_DATA"):
        list(Bench(tmp_path).expectations())


def test_unknown_case() -> None:
    with pytest.raises(SystemExit, match="expected some of definitions, m5"):
        main(["--cases", "m6"])


def test_parts_leave_out_the_parts_inside_them() -> None:
    clock = Clock()
    with clock.part("outer"), clock.part("inner"):
        sum(range(10**6))
    assert clock.wall["inner"] > clock.wall["outer"] > 0
