"""Work is spread over a real Ray cluster of two nodes, and comes out as if it had stayed here."""

from __future__ import annotations

import datetime as dt
import operator
import os
import re
import signal
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from forecast_platform import executing
from forecast_platform.doctor import examine
from forecast_platform.errors import ClusterError
from forecast_platform.executing import IN_FLIGHT, spread
from forecast_platform.forecasting import judge, rolling_origins
from forecast_platform.models import arima, create
from forecast_platform.panel import Panel
from forecast_platform.replenishment.choice.evaluate import Case, Figures
from forecast_platform.settings import Settings

ray = pytest.importorskip("ray")


class Nodes:
    """A cluster whose head and workers each have one core of this machine."""

    def __init__(self, workers: int) -> None:
        from ray.cluster_utils import Cluster

        quickly_missed = {"health_check_period_ms": 1000, "health_check_failure_threshold": 8}
        self.cluster = Cluster()
        self.add(include_dashboard=False, _system_config=quickly_missed)
        self.address: str = self.cluster.address
        self.workers = [self.add() for _ in range(workers)]

    def add(self, **more: Any) -> Any:
        """A node more; Ray gives it 30 s to start, which on a busy machine it may miss."""
        for attempt in range(4):
            try:
                return self.cluster.add_node(num_cpus=1, object_store_memory=100 << 20, **more)
            except Exception as error:
                if "timed out during startup" not in str(error) or attempt == 3:
                    raise
        return None

    def kill(self) -> None:
        """SIGKILL a worker's raylet, with which all of the node's processes end."""
        raylet = self.workers.pop().all_processes["raylet"][0].process
        os.kill(raylet.pid, signal.SIGKILL)
        raylet.wait()

    def close(self) -> None:
        ray.shutdown()
        self.cluster.shutdown()


@pytest.fixture(scope="module")
def nodes() -> Iterator[Nodes]:
    running = Nodes(workers=1)
    yield running
    running.close()


def many(series: int = 40, days: int = 200) -> Panel:
    """Weekly series, of which the first hardly sells."""
    rng = np.random.default_rng(6)
    week = np.resize([0.7, 0.8, 0.9, 1.0, 1.2, 1.5, 0.9], days)
    demand = rng.poisson(np.linspace(0.2, 20, series)[:, None] * week).astype(np.float32)
    names = np.array([f"item{row:03}" for row in range(series)], dtype=object)
    shops = np.full(series, "shop", dtype=object)
    return Panel(names, shops, dt.date(2024, 1, 1), demand, np.ones(demand.shape, dtype=bool))


def where(piece: int, pause: float) -> tuple[int, str]:
    time.sleep(pause)
    return piece, ray.get_runtime_context().get_node_id()


def killing(piece: int) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def estimated(nodes: Nodes | None, panel: Panel, family: str = "arima", **more: Any) -> Any:
    model = create(family, ray_address=nodes.address if nodes else None)
    model.fit(panel, seed=1, **more)
    return model.predict()


def test_pieces_come_back_in_their_order_from_all_nodes(nodes: Nodes) -> None:
    told = list(spread(where, range(30), 0.05, ray_address=nodes.address))
    assert [piece for piece, _ in told] == list(range(30))
    assert len({node for _, node in told}) == 2


@pytest.mark.parametrize("processes", [False, True])
def test_pieces_come_back_in_their_order_from_this_machine(processes: bool) -> None:
    found = spread(operator.mul, range(20), 3, workers=2, processes=processes)
    assert list(found) == list(range(0, 60, 3))


def test_few_pieces_are_held_at_once(nodes: Nodes) -> None:
    for how, cores in (({"workers": 2}, 2), ({"ray_address": nodes.address}, 2)):
        taken = []
        pieces = (taken.append(piece) or piece for piece in range(1000))
        found = spread(operator.mul, pieces, 2, **how)
        assert [next(found) for _ in range(3)] == [0, 2, 4]
        found.close()
        assert len(taken) <= IN_FLIGHT * cores + 2


def test_what_the_work_raises_is_raised_here(nodes: Nodes) -> None:
    for how in ({}, {"workers": 2}, {"ray_address": nodes.address}):
        with pytest.raises(ZeroDivisionError):
            list(spread(operator.truediv, [1, 2], 0, **how))


@pytest.mark.parametrize(
    "family",
    ["arima", "auto_arima", pytest.param("arima_statsmodels", marks=pytest.mark.nightly)],
)
def test_a_cluster_estimates_the_same_bytes(
    nodes: Nodes, family: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    few = {"arima._BATCH": 3, "auto_arima._BATCH": 4, "arima_statsmodels._BLOCK": 3,
           "arima_statsmodels.PARALLEL_FROM": 1}  # fmt: skip
    for name, size in few.items():
        monkeypatch.setattr(f"forecast_platform.models.{name}", size)
    panel, told = many(12), []
    there = estimated(nodes, panel, family, progress=lambda *step: told.append(step))
    here = estimated(None, panel, family)
    assert there.mean.tobytes() == here.mean.tobytes()
    assert there.quantiles.tobytes() == here.quantiles.tobytes()
    assert told[-1] == (12, 1.0)
    assert len(told) >= 3


def test_a_node_killed_while_it_estimates_changes_nothing(
    nodes: Nodes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(arima, "_BATCH", 2)
    panel, killed = many(), []

    def kill_once(done: int, share: float) -> None:
        if not killed:
            killed.append(share)
            nodes.kill()

    there = estimated(nodes, panel, progress=kill_once)
    nodes.workers.append(nodes.add())
    assert killed[0] < 0.1
    assert there.quantiles.tobytes() == estimated(None, panel).quantiles.tobytes()


@pytest.mark.parametrize(
    "names",
    [
        ("seasonal_naive", "theta"),
        pytest.param(("lightgbm", "lstm"), marks=pytest.mark.nightly),
    ],
    ids=" ".join,
)
def test_families_and_folds_are_judged_alike(
    nodes: Nodes, names: tuple[str, str], tmp_path: Path
) -> None:
    panel = many(8)
    origins = rolling_origins(panel.last_day, 3, horizon=7, step=14)
    families = {name: partial(create, name, workers=2, effort=0.2) for name in names}
    told: list[tuple[str, int, float]] = []
    here, there = (
        judge(families, panel, origins, horizon=7, refit_every=2, keep=tmp_path / name,
              ray_address=address, progress=lambda *step: told.append(step))
        for name, address in (("here", None), ("there", nodes.address))
    )  # fmt: skip
    assert here.scores.equals(there.scores)
    assert here.series.equals(there.series)
    kept = [files(tmp_path / name) for name in ("here", "there")]
    assert len(kept[0]) == 6
    assert kept[0] == kept[1]
    assert told[-2:] == [(names[1], 2, 0.5), (names[1], 2, 1.0)]


def files(folder: Path) -> dict[str, dict[str, bytes]]:
    """Bytes of the arrays in a folder of kept forecasts, by file and name."""
    found = {}
    for path in sorted(folder.rglob("*.npz")):
        with np.load(path) as arrays:
            found[str(path.relative_to(folder))] = {k: arrays[k].tobytes() for k in arrays}
    return found


def test_policies_are_simulated_alike(nodes: Nodes, monkeypatch: pytest.MonkeyPatch) -> None:
    from forecast_platform.replenishment.choice import evaluate

    monkeypatch.setattr(evaluate, "_SKUS_AT_ONCE", 2)
    case = policies(5)
    here, there = (evaluate.evaluate(case, 3, address) for address in (None, nodes.address))
    for name in ("cost_paths", "fill_rate", "service", "reorder_point", "order_up_to"):
        assert getattr(here, name).tobytes() == getattr(there, name).tobytes()
    assert here.cost_paths.shape[1] == 5
    assert isinstance(there, Figures)


def policies(count: int) -> Case:
    rng = np.random.default_rng(4)
    given = {"protection": 12.0, "review": 7.0, "lead_time_std": 1.0, "holding": 0.5,
             "order_cost": 2.0, "margin": 4.0, "service_level": 0.95, "minimum": 1.0,
             "pack": 1.0, "max_cover": 365.0}  # fmt: skip
    return Case(
        [f"item{row}" for row in range(count)], rng.poisson(3, (count, 182)).astype(float),
        np.full(count, 5), np.zeros(count, dtype=np.int64),
        {name: np.full(count, value) for name, value in given.items()},
    )  # fmt: skip


@pytest.mark.nightly
def test_work_that_kills_its_process_each_time_is_given_up(
    nodes: Nodes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(executing, "RETRIES", 1)
    with pytest.raises(ClusterError, match=r"lost a piece of work 2 times.*memory"):
        list(spread(killing, [1], ray_address=nodes.address))


def test_a_node_with_other_versions_is_refused(
    nodes: Nodes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(executing, "_versions", lambda: {"numpy": "0.1", "numba": "0.2"})
    with pytest.raises(ClusterError, match=r"this machine numpy 0\.1, numba 0\.2.*same image"):
        list(spread(operator.neg, [1], ray_address=nodes.address))


def test_a_cluster_of_another_ray_is_refused(nodes: Nodes, monkeypatch: pytest.MonkeyPatch) -> None:
    ray.shutdown()
    monkeypatch.setattr(ray, "__version__", "2.1.0")
    with pytest.raises(ClusterError, match=r"Version mismatch.*2\.1\.0"):
        executing.nodes(nodes.address)


@pytest.mark.parametrize(
    ("address", "told"),
    [
        ("127.0.0.1:1", "Nothing answers at the Ray address 127.0.0.1:1"),
        ("ray://127.0.0.1:1", "Nothing answers at the Ray address ray://127.0.0.1:1"),
        ("somewhere", "cannot be 'somewhere': auto, host:port or ray://host:port"),
    ],
)
def test_an_address_that_does_not_answer_is_said(address: str, told: str) -> None:
    ray.shutdown()
    with pytest.raises(ClusterError, match=told):
        executing.nodes(address)


def test_the_doctor_looks_at_the_cluster(nodes: Nodes, tmp_path: Path) -> None:
    def found(address: str) -> Any:
        findings = examine(Settings(home=tmp_path, ray_address=address))
        return next(one for one in findings if one.what == "Ray cluster")

    seen = found(nodes.address)
    told = rf"[23] nodes, [23] cores at {re.escape(nodes.address)}"  # one may have been added
    assert seen.ok
    assert re.fullmatch(told, seen.told)
    ray.shutdown()
    assert not found("127.0.0.1:1").ok
