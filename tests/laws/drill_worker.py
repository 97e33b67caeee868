"""What drills run in processes that can be killed, forked from one that has the platform loaded.

A run calls the bodies of the assets in the order of the graph, as the orchestrator would, up to
their publication; runs by Dagster itself are in `test_drills_daemon.py`. Loaded beforehand by the
fork server: this imports what a run needs.
"""

from __future__ import annotations

import importlib
import inspect
import os
import resource
import signal
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import count, cycle
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import law_home
import law_runs

law_runs.start()
os.environ["FORECAST_PLATFORM_TIMEZONE"] = "America/New_York"  # Its clocks change on 10 March.

# What a run imports on the way, so that it need not: a fork starts with all of it.
for _name in (
    "dlt", "duckdb", "great_expectations", "holidays", "matplotlib.backends.backend_agg",
    "forecast_platform.connect.pull", "forecast_platform.connect.rest",
    "forecast_platform.defs.verdicts", "forecast_platform.issuing", "forecast_platform.quality",
    "forecast_platform.replenishment.outcome", "forecast_platform.sources.landing",
    "forecast_platform.sql.run", "forecast_platform.replenishment.service_front",
    "forecast_platform.replenishment.choice.chosen",
):  # fmt: skip
    importlib.import_module(_name)

import numpy as np  # noqa: E402

from forecast_platform.contracts import tables  # noqa: E402
from forecast_platform.definitions import defs  # noqa: E402
from forecast_platform.defs import pictures  # noqa: E402
from forecast_platform.defs.assets.plan import RecordConfig  # noqa: E402
from forecast_platform.defs.operate import Operator  # noqa: E402
from forecast_platform.defs.selection import assets_of  # noqa: E402
from forecast_platform.drawing import canvas  # noqa: E402
from forecast_platform.drift import pictures as drift_pictures  # noqa: E402
from forecast_platform.errors import LakeError, PlatformError, refused_by_system  # noqa: E402
from forecast_platform.features.demand import DemandFeature, Statistic, of_demand  # noqa: E402
from forecast_platform.home import Home  # noqa: E402
from forecast_platform.lake import delta  # noqa: E402
from forecast_platform.lake.days import ONE_DAY  # noqa: E402
from forecast_platform.replenishment.choice import pictures as choice_pictures  # noqa: E402
from forecast_platform.settings import settings  # noqa: E402
from forecast_platform.storage import storage_failure  # noqa: E402
from forecast_platform.upgrading import upgrade_lake  # noqa: E402

DONE, BROKEN, REFUSED = 0, 1, 3
"""Exit codes: ended well; with a traceback; with a sentence that says what to do."""

_GRAPH = defs.resolve_asset_graph()


class Hand(Operator):
    """Runs the graph without the orchestrator."""

    def __init__(self, home: Home) -> None:
        super().__init__(home, defs, None)  # type: ignore[arg-type]

    def _run(self, names: Sequence[str], first: Any = None, last: Any = None,
             config: Any = None) -> None:  # fmt: skip
        wanted = {*assets_of(names, _GRAPH)}
        days = [first + i * ONE_DAY for i in range((last - first).days + 1)] if first else []
        done: set[int] = set()
        for key in _GRAPH.toposorted_asset_keys:
            asset = defs.resolve_assets_def(key)
            if key.to_user_string() in wanted and id(asset) not in done:
                done.add(id(asset))
                self._make(asset, days, (config or {}).get(key.to_user_string(), {}))

    def _make(self, asset: Any, days: list[Any], config: dict[str, Any]) -> None:
        body = asset.op.compute_fn.decorated_fn
        given = {
            "context": SimpleNamespace(
                partition_keys=[str(day) for day in days],
                add_asset_metadata=lambda *_, **__: None,
                log=SimpleNamespace(info=lambda *_: None, warning=lambda *_: None),
            ),
            "home": SimpleNamespace(home=self.home),
            "config": RecordConfig(**config.get("config", {})),
        }
        made = body(**{name: given[name] for name in inspect.signature(body).parameters})
        if inspect.isgenerator(made):
            next(made)  # All is published by then; what follows tells of it.
            made.close()


for _pictures in (pictures, drift_pictures, choice_pictures):
    _pictures.png = lambda *_, **__: b""
canvas()
_FIRST = DemandFeature("mean", Statistic.MEAN, 7)
of_demand(np.ones((1, 20), np.float32), 3, [_FIRST])  # Loads the compiler's registries.


def run(folder: Path, fault: tuple[Any, ...] = (), until: str | None = None) -> None:
    """Land and follow as `forecast-platform run` does, with a fault on the way."""
    with _ended(folder), _with(fault):
        hand = _hand(folder)
        hand.land()
        hand.follow(until=until)


def build(folder: Path, first: Any, last: Any) -> None:
    """A new home that trained and issued its newest days."""
    with _ended(folder):
        hand = _hand(folder)
        hand.land()
        hand.follow(until="features")
        hand.issue(first, last)
        hand.follow()


def rebuild(folder: Path, source: Path) -> None:
    """Make a new home with the models and closed records of another, in one go."""
    with _ended(folder):
        law_runs.adopt_models(source, folder)
        records = law_home.closed_records(source, law_home.RECORDS[::-1])
        hand = _hand(folder)
        hand.land()
        hand.follow(until="features")
        for name, rows, days in records:
            hand.home.lake.replace_days(tables()[name], rows, days)
        hand.follow()


def pull(folder: Path, source: str, token: str) -> None:
    """Pull a source into the landing folder."""
    with _ended(folder):
        from forecast_platform.connect import pull as pulling

        os.environ["SHOP_TOKEN"] = token
        _hand(folder)
        pulling.pull(settings(), source)


def upgrade(folder: Path, fault: tuple[Any, ...] = ()) -> None:
    """What `forecast-platform upgrade` does, with a fault on the way."""
    with _ended(folder), _with(fault):
        _hand(folder)
        upgrade_lake(settings())
        hand = _hand(folder)
        hand.land()
        hand.follow()


def _hand(folder: Path) -> Hand:
    os.environ["FORECAST_PLATFORM_HOME"] = str(folder)
    settings.cache_clear()
    return Hand(Home(settings()))


@contextmanager
def _ended(folder: Path) -> Iterator[None]:
    """Turn how it ends into an exit code, and what went wrong into a text beside the home."""
    said = folder.with_suffix(".said")
    try:
        yield
    except PlatformError as error:
        said.write_text(f"error: {error}")
        os._exit(REFUSED)
    except BaseException as error:
        said.write_text(traceback.format_exc())
        # As the command line tells what a person can mend from what is a fault.
        told = storage_failure(settings().storage, error) or refused_by_system(error)
        os._exit(REFUSED if told else BROKEN)
    os._exit(DONE)


@contextmanager
def _with(fault: tuple[Any, ...]) -> Iterator[None]:
    match fault:
        case ("killed", number, when):
            _at_commit(number, when, lambda: os.kill(os.getpid(), signal.SIGKILL))
        case ("refused", number):
            _at_commit(number, "before", _refuse)
        case ("file size", limit):
            resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
        case ("clock", now, number, jump):
            _set_clock(now)
            _at_commit(number, "after", lambda: _set_clock(time.time() + jump))
    yield


def _refuse() -> None:
    raise LakeError("the disk is full")


def _at_commit(number: int, when: str, do: Callable[[], None]) -> None:
    """Do something before or after the `number`-th commit of the lake."""
    commits, real = count(1), delta._commit

    def commit(path: Path, write: Any) -> None:
        is_it = next(commits) == number
        if is_it and when == "before":
            do()
        real(path, write)
        if is_it and when == "after":
            do()

    delta._commit = commit


_clock, _clock_ns = time.time, time.time_ns


def _set_clock(now: float) -> None:
    """Let the clock of this process say `now`, and go on from there; no closed history."""
    os.environ.pop("FORECAST_PLATFORM_END_DATE", None)
    ahead = now - _clock()
    time.time = lambda: _clock() + ahead
    time.time_ns = lambda: _clock_ns() + int(ahead * 1e9)
    settings.cache_clear()


def watch(folder: Path, over: Any, seen: Any) -> None:
    """Read tables again and again; what every day of them held goes into `seen`."""
    lake = law_home.at(folder).lake
    found: set[law_home.Content] = set()
    troubles: set[str] = set()
    names = cycle(law_home.READ)
    while not over.wait(0.05):
        try:
            found |= law_home.seen(lake, next(names))
        except Exception as error:
            troubles.add(f"a reader had to do with {error!r}")
    seen.send((found, troubles))


def left(folder: Path, seen: Any) -> None:
    """What a run that broke off left to readers, whether it was recorded or not."""
    lake = law_home.at(folder).lake
    seen.send(set().union(*(law_home.seen(lake, name) for name in law_home.READ)))


def judge(lived: Path, made: Path, files: dict[str, int], said: Any) -> None:
    """Send what is wrong with a home, and the contents that were ever published in it."""
    os.environ["FORECAST_PLATFORM_HOME"] = str(lived)
    settings.cache_clear()
    home = Home(settings())
    newest = (home.state().span() or (None, None))[1]
    landed = {name: rows for name, rows in law_home.landed_rows(lived).items() if name in files}
    wrong = [
        *law_home.unaccounted(home),
        *([f"landed {landed}, sent {files}"] if landed != files else []),
        *([f"stale: {stale}"] if (stale := home.stale()) else []),
        *law_home.differences(lived, made, law_home.DATA),
        *law_home.differences(lived, made, law_home.RECORDS, days=(newest, newest)),
    ]
    said.send((wrong, _published(home)))


def settled(folder: Path, files: dict[str, int], said: Any) -> None:
    """Send whether all files have landed and nothing is stale."""
    landed = law_home.landed_rows(folder)
    said.send(landed == files and not law_home.stale(folder))


def published(folder: Path, seen: Any) -> None:
    """Send the contents that were ever published in a home."""
    seen.send(_published(law_home.at(folder)))


def _published(home: Home) -> set[law_home.Content]:
    return {*home.lake.ledger.history().select("table", "day", "content").iter_rows()}
