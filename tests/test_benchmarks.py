"""The benchmarks run, on a shop small enough for a test."""

import datetime as dt
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from benchmarks import m5_panel, scale, weekly_cycle, wql
from benchmarks.cases import Bench, SkippedError
from benchmarks.clock import DAGSTER, Clock
from benchmarks.run import main, measured
from benchmarks.stockouts import TREATMENTS, Shop, best_credibility, hide, see
from forecast_platform.contracts import QUANTILES


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


@pytest.mark.nightly
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


@pytest.mark.nightly
def test_a_shop_is_measured_by_its_size(tmp_path: Path) -> None:
    cost = scale.measure(tmp_path, 20, 75, ("seasonal_naive",))
    assert (cost.series, cost.days) == (20, 75)
    assert {"landing", "SQL models", "features", "forecasts", "plan", "fixed"} <= set(cost.day)
    assert min(cost.history.values()) >= 0
    assert min(cost.megabytes.values()) > 0
    lines = scale.tables([cost, cost])
    assert sum(line.startswith("| forecasts |") for line in lines) == 2
    scale.picture([cost, cost], tmp_path / "scale.png")
    assert (tmp_path / "scale.png").read_bytes().startswith(b"\x89PNG")


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


def kaggle(folder: Path) -> m5_panel.M5:
    """Two items in stores of two states, days 8 to 70; the second item has a price from day 22."""
    first, days = dt.date(2015, 1, 3), np.arange(8, 78)
    columns = {f"d_{day}": [day, 0, 1, 2] for day in range(8, 71)}
    keys = {"item_id": ["A", "B", "A", "B"], "store_id": ["CA_1", "CA_1", "TX_1", "TX_1"]}
    static = {"cat_id": ["C"] * 4, "dept_id": ["C_1"] * 4, "state_id": ["CA", "CA", "TX", "TX"]}
    pl.DataFrame({**keys, **static, **columns}).write_csv(folder / "sales_train_evaluation.csv")
    calendar = pl.DataFrame({"d": [f"d_{day}" for day in range(1, 78)]}).with_columns(
        date=pl.Series([first + dt.timedelta(days=day) for day in range(77)]),
        wm_yr_wk=pl.Series([11101 + day // 7 for day in range(77)]),
        event_name_1=pl.lit(None, dtype=pl.String), event_type_1=pl.lit(None, dtype=pl.String),
        event_name_2=pl.lit(None, dtype=pl.String), event_type_2=pl.lit(None, dtype=pl.String),
        snap_CA=pl.Series([day % 2 for day in range(77)]), snap_TX=pl.lit(0),
    )  # fmt: skip
    calendar.write_csv(folder / "calendar.csv")
    prices = [
        (store, item, 11101 + week, 2.0 + week)
        for store in ("CA_1", "TX_1")
        for item, start in (("A", 0), ("B", 3))
        for week in range(start, len(days) // 7 + 1)
    ]
    names = ["store_id", "item_id", "wm_yr_wk", "sell_price"]
    pl.DataFrame(prices, schema=names, orient="row").write_csv(folder / "sell_prices.csv")
    return m5_panel.read(folder)


def test_the_m5_files_are_read_as_kaggle_means_them(tmp_path: Path) -> None:
    m5 = kaggle(tmp_path)
    panel = m5.panel
    assert list(zip(panel.items, panel.locations, strict=True)) == [
        ("A", "CA_1"), ("A", "TX_1"), ("B", "CA_1"), ("B", "TX_1")
    ]  # fmt: skip
    assert (panel.first_day, panel.n_days) == (dt.date(2015, 1, 10), 63)
    assert panel.demand[0].tolist() == list(range(8, 71))
    # Nothing is known of an item before its first price.
    assert np.isnan(panel.demand[2, :14]).all()
    assert panel.demand[2, 14:].tolist() == [0.0] * 49
    assert m5.prices[0, [0, 6, 7]].tolist() == [3.0, 3.0, 4.0]
    # Benefit days are a state's own, and known for the week to come.
    paid = panel.future["is_payday"]
    assert paid.shape == (4, 70)
    assert paid[:, :4].tolist() == [[1, 0, 1, 0], [0, 0, 0, 0]] * 2
    origin = m5.origins(1)[0]
    actual = panel.demand[:, origin + 1 :]
    assert m5.wrmsse(origin, actual) == 0 < m5.wrmsse(origin, actual + 1)


def test_quantile_losses_are_compared_cell_by_cell() -> None:
    rng = np.random.default_rng(3)
    demand = rng.poisson(4, size=(2, 40, 28)).astype(float)
    exact = np.broadcast_to(np.quantile(demand, QUANTILES), (*demand.shape, len(QUANTILES)))
    items = np.array([f"item{row}" for row in range(40)], dtype=object)
    said = {"ours": exact, "AutoARIMA": exact + 2}
    lines = list(wql.report(said, demand, items))
    assert lines[0].startswith("weighted quantile loss, 40 series x 2 origins x 28 days")
    assert "better in 100.0 % of resamples" in lines[-1]
    same = list(wql.report({"ours": exact, "AutoARIMA": exact}, demand, items))
    assert "+0.0 %" in same[-1]


def test_the_sample_holds_series_that_sold(tmp_path: Path) -> None:
    panel = kaggle(tmp_path).panel
    assert wql.sample(panel, 10).tolist() == [0, 1, 3]
    assert set(wql.sample(panel, 2).tolist()) < {0, 1, 3}


def shelves(rng: np.random.Generator) -> Shop:
    """Poisson sales of 300 series by the hour; the shelf is empty from some hour on, one day in 3.

    Sales of the hours out of stock are zero but on the days that had full stock.
    """
    rate = rng.gamma(4, 0.25, size=(300, 1, 1))
    profile = np.r_[np.zeros(6), np.linspace(2, 0.5, 16), 0, 0]
    sales = rng.poisson(rate * profile / profile.sum() * 8, size=(300, 56, 24)).astype(np.float32)
    empty_from = np.where(rng.random((300, 56)) < 1 / 3, rng.integers(6, 22, (300, 56)), 24)
    out = np.arange(24) >= empty_from[..., None]
    names = np.array([f"item{row:03}" for row in range(300)], dtype=object)
    return Shop(names, names, names, dt.date(2024, 4, 1), np.where(out, 0, sales), out)


def test_what_is_hidden_was_there_and_is_recovered_without_bias() -> None:
    rng = np.random.default_rng(5)
    shop = shelves(rng)
    hidden, days = hide(shop, 0.3, rng)
    assert not days[~shop.full].any()
    assert days.sum() == pytest.approx(0.3 * shop.full.sum(), rel=0.1)
    patterns = {row.tobytes() for row in shop.out[~shop.full]}
    assert {row.tobytes() for row in hidden.out[days]} <= patterns
    assert (hidden.out[~days] == shop.out[~days]).all()

    seen = see(hidden, best_credibility(hidden, 0.3, rng))
    truth = shop.sales.sum(axis=2)
    value = {name: treat(seen) for name, treat in TREATMENTS.items()}
    for name, demand in value.items():
        known = hidden.full & ~np.isnan(demand)
        assert (known == hidden.full).all(), name
        assert (demand[known] == truth[known]).all(), name
    assert np.isnan(value["masking"][~hidden.full]).all()
    bias = {name: demand[days].sum() / truth[days].sum() - 1 for name, demand in value.items()}
    assert bias["zero-filling"] < -0.3
    assert abs(bias["recovered by the hour"]) < 0.02
    error = {name: np.abs(demand - truth)[days].sum() for name, demand in value.items()}
    assert error["recovered by the hour"] < 0.6 * error["zero-filling"]
    assert error["recovered by the hour"] < error["lower bound"]


def test_days_of_high_demand_are_hidden_first_where_that_is_asked() -> None:
    shop = shelves(np.random.default_rng(5))
    truth = shop.sales.sum(axis=2)
    means = []
    for skew in (0.0, 1.0):
        _, days = hide(shop, 0.3, np.random.default_rng(6), skew)
        means.append(truth[days].mean() / truth[shop.full].mean())
    assert means[0] == pytest.approx(1, abs=0.03)
    assert means[1] > 1.1


def test_a_weekly_cycle_adds_up(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    panel = weekly_cycle.large_panel(kaggle(tmp_path).panel, 50, 60)
    assert panel.demand.shape == (50, 60)
    assert len(set(panel.items)) == 50
    assert np.isnan(panel.demand).any(axis=1).sum() not in (0, 50)
    steps = weekly_cycle.cycle(panel, ["seasonal_naive", "weekday_mean"], workers=1, paths=20)
    total = steps.total()
    assert len(steps.done) == 6
    assert total.seconds == pytest.approx(sum(step.seconds for step in steps.done))
    assert total.peak_gb == max(step.peak_gb for step in steps.done) > 0.05
    assert "50 of 50 series answered" in capsys.readouterr().out
