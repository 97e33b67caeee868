"""Histories of a shop drawn from a seed: what arrives, what breaks meanwhile, and the verdict.

A fault is a function in `FAULTS`, or in `STORED_FAULTS` where the home's tables lie in object
storage: it lets one run of the platform go wrong.
"""

from __future__ import annotations

import datetime as dt
import multiprocessing
import os
import random
import shutil
import subprocess
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import law_shop as shop

from forecast_platform.contracts import LANDED
from forecast_platform.lake.days import ONE_DAY
from forecast_platform.sources import list_landed
from forecast_platform.storage import Place, Storage
from tests import command_line
from tests.connect import test_rest as rest
from tests.connect.conftest import TOKEN, FaultyService
from tests.storage import store_server

FORK = multiprocessing.get_context("forkserver")
DONE, REFUSED, KILLED = 0, 3, -9
"""How a run may end: well, with a sentence that says what to do, or by SIGKILL."""

_COMMITS = 45
"""More than a run of one arrival makes."""
_MIDNIGHT = dt.datetime(2024, 3, 14, 4, tzinfo=dt.UTC).timestamp()
"""Beginning of the first day after the shop's opening, by the clocks of New York."""
_HOUR = 3600
_SOURCES = """
sources:
  web:
    kind: rest
    address: ADDRESS
    auth: {kind: bearer, secret: {env: SHOP_TOKEN}}
    requests_per_second: 1000
    attempts: 3
    backoff_seconds: 0
    tables:
      sales:
        path: lines
        rows: rows
        pages: {kind: number, size: 4, size_parameter: size, total: total}
        columns: {sku: item_id, branch: location_id, pieces: units}
"""


def prepare() -> None:
    """Have a process load the platform, from which all others are forked."""
    here = Path(__file__).parent
    path = [str(here), str(here.parents[1]), os.environ.get("PYTHONPATH", "")]
    os.environ["PYTHONPATH"] = os.pathsep.join(path)
    FORK.set_forkserver_preload(["drill_worker", "drill_driver"])


def opened(folder: Path) -> Path:
    """A home that landed the shop, trained, and issued its newest three days."""
    prepare()
    home = folder / "home"
    shop.put(home / "landing", shop.opening())
    assert do("build", home, shop.LAST - 2 * ONE_DAY, shop.LAST) == DONE
    return home


def start(function: str, *args: object) -> Any:
    """Start a function of `drill_worker` in a process of its own."""
    process = FORK.Process(target=_call, args=(function, *args))
    process.start()
    return process


def do(function: str, *args: object) -> int:
    """Do it to its end; the exit code."""
    process = start(function, *args)
    process.join()
    return int(process.exitcode)


def ask(function: str, *args: object) -> Any:
    """Do it to its end; what it sent."""
    ours, theirs = FORK.Pipe(duplex=False)
    process = start(function, *args, theirs)
    theirs.close()
    answer = ours.recv()
    process.join()
    return answer


def _call(function: str, *args: object) -> None:
    import drill_worker

    getattr(drill_worker, function)(*args)


@dataclass
class Shop:
    """A home that lives through a history.

    Args:
        folder: Where the home and what is compared with it lie.
        draw: What is random.
        service: The shop's web service.
    """

    folder: Path
    draw: random.Random
    service: FaultyService
    files: shop.Files = field(default_factory=shop.opening)
    allowed: set[Any] = field(default_factory=set)
    seen: set[Any] = field(default_factory=set)
    told: list[str] = field(default_factory=list)

    @property
    def home(self) -> Path:
        """The home folder."""
        return self.folder / "home"

    @property
    def landing(self) -> Place:
        """Where files land."""
        return self.home / "landing"

    def arrive(self, files: shop.Files) -> None:
        """Files land, each in one step."""
        self.files |= files
        shop.put(self.landing, files)

    def run(self, *fault: object, ends: tuple[int, ...] = (DONE,)) -> int:
        """Run the platform with a fault; how it ended, which has to be one of `ends`."""
        return self.expect(do("run", self.home, fault), ends)

    def expect(self, code: int, ends: tuple[int, ...]) -> int:
        """Note an end that none may have."""
        if code not in ends:
            said = self.home.with_suffix(".said")
            text = said.read_text() if said.exists() else ""
            self.told.append(f"ended with {code}, not {ends}: {text}")
        return code


@dataclass
class StoredShop(Shop):
    """A shop whose landing folder, tables and models lie in object storage.

    Args:
        address: Of the storage's server.
    """

    address: str = ""

    @property
    def landing(self) -> Place:
        """Where files land."""
        return self._storage / "landing"

    @property
    def _storage(self) -> Storage:
        url = f"s3://{store_server.BUCKET}/{self.folder.name}"
        return Storage(url, store_server.options(self.address))

    def ask_at(self, address: str) -> None:
        """Let the platform find the storage at an address."""
        self.home.mkdir(exist_ok=True)
        options = store_server.options(address) | {"max_retries": "2"}
        said = "".join(f'{name} = "{value}"\n' for name, value in options.items())
        (self.home / "settings.toml").write_text(
            f'storage_url = "{self._storage.url}"\n[storage_options]\n{said}'
        )


def arrivals(draw: random.Random) -> shop.Files:
    """Files that come together."""
    item, past = draw.choice(shop.ITEMS), draw.randrange(-4, shop.DAYS)
    kinds: list[Callable[[], shop.Files]] = [
        lambda: shop.new_days(draw.randint(1, 3)),
        lambda: shop.late_sales([(past, item, draw.randint(-3, 60))]),
        lambda: shop.corrected_sales(
            draw.randrange(4), draw.randrange(40), draw.randrange(30), draw.randrange(3)
        ),
        lambda: shop.again(draw.randrange(shop.DAYS)),
        lambda: {"sales/dirty.csv": shop.DIRT},
        lambda: {"products/products.csv": shop.products((draw.choice([1, 1.2, 3]), 1.5, 4.0))},
        lambda: {"prices/late.csv": shop.prices([(shop.day(past), item, draw.choice([1.5, 9]))])},
        lambda: {"purchase_orders/more.csv": shop.purchase_orders(
            [(shop.day(past), "PO-X", item, 24, shop.day(past + 5), None)])},
        lambda: {"inventory/recount.csv": shop.csv(
            "date,item_id,location_id,on_hand",
            [(shop.day(past), item, shop.PLACE, draw.randint(0, 5))])},
    ]  # fmt: skip
    chosen = draw.sample(kinds, draw.randint(1, 2))
    return {name: content for make in chosen for name, content in make().items()}


def killed(one: Shop) -> None:
    """SIGKILL just before or after a commit."""
    when = one.draw.choice(["before", "after"])
    one.run("killed", one.draw.randint(1, _COMMITS), when, ends=(DONE, KILLED))


def killed_at_any_time(one: Shop) -> None:
    """SIGKILL wherever it happens to be."""
    process = start("run", one.home)
    process.join(one.draw.uniform(0.05, 1.2))
    process.kill()
    process.join()
    one.expect(process.exitcode, (DONE, KILLED))


def disk_full(one: Shop) -> None:
    """A file system with a few kilobytes left."""
    used = _used(one.home)
    if not _sized(one.home, used + one.draw.choice([8, 40, 100, 250]) * 1024):
        one.run("file size", one.draw.choice([500, 3_000, 9_000]), ends=(DONE, REFUSED))
        return
    one.run(ends=(DONE, REFUSED))
    _sized(one.home, 2**30)


def two_at_once(one: Shop) -> None:
    """Two runs at the same time."""
    both = [start("run", one.home) for _ in range(2)]
    for process in both:
        process.join()
        one.expect(process.exitcode, (DONE,))


def clock(one: Shop) -> None:
    """A clock that jumps over midnight, forwards or backwards, while a run lands the new day."""
    one.arrive(shop.new_days(1))
    now, jump = one.draw.choice([(_MIDNIGHT - 60, _HOUR), (_MIDNIGHT + 60, -_HOUR)])
    one.run("clock", now, one.draw.randint(1, _COMMITS), jump)


def source(one: Shop) -> None:
    """A web service that refuses, breaks off, or answers something else."""
    faults = [rest.too_many, rest.broken, rest.half_a_page, rest.wrong_json]
    numbers = sorted(one.draw.sample(range(30, shop.DAYS), 3))
    one.service.tables["lines"] = [
        {"date": str(shop.day(n)), "sku": item, "branch": shop.PLACE, "changed_at": str(n),
         "pieces": one.draw.randint(1, 9)}
        for n in numbers for item in shop.ITEMS
    ]  # fmt: skip
    (one.home / "sources.yaml").write_text(_SOURCES.replace("ADDRESS", one.service.address))
    one.service.faults[:] = one.draw.choices(faults, k=one.draw.randint(1, 5))
    one.expect(do("pull", one.home, "web", TOKEN), (DONE, REFUSED))
    one.run()
    one.service.faults.clear()
    one.expect(do("pull", one.home, "web", TOKEN), (DONE,))


def older_home(one: Shop) -> None:
    """A home of an older version is upgraded, and the upgrade is killed."""
    one.run()
    one.allowed |= ask("published", one.home)
    command_line.make_older(one.home)
    number, when = one.draw.randint(1, _COMMITS), one.draw.choice(["before", "after"])
    one.expect(do("upgrade", one.home, ("killed", number, when)), (DONE, KILLED))
    one.expect(do("upgrade", one.home), (DONE,))


FAULTS: dict[str, Callable[[Shop], None]] = {
    "killed": killed,
    "killed at any time": killed_at_any_time,
    "disk full": disk_full,
    "two at once": two_at_once,
    "clock": clock,
    "source": source,
    "older home": older_home,
}


def storage(one: StoredShop) -> None:
    """Object storage that answers 500, does what it was asked and answers 500, or dawdles."""
    how, every = one.draw.choice([("before", 6), ("after", 9), ("slow", 90), ("gone", 60)])
    every += one.draw.randrange(every)
    with store_server.failing(one.address, every, how) as shaky:
        one.ask_at(shaky)
        one.run(ends=(DONE, REFUSED))
    one.ask_at(one.address)


STORED_FAULTS: dict[str, Callable[[Any], None]] = {
    "storage": storage,
    "killed": killed,
    "killed at any time": killed_at_any_time,
    "two at once": two_at_once,
}


def play(
    seed: int, template: Path, folder: Path, service: FaultyService, most_faults: int = 1
) -> list[str]:
    """Let a copy of a home live through the history of a seed; what is wrong afterwards."""
    one = Shop(folder, random.Random(seed), service)
    names = [*FAULTS]
    kinds = [names[seed % len(names)], *one.draw.choices(names, k=one.draw.randrange(most_faults))]
    with ExitStack() as stack:
        if "disk full" in kinds:
            stack.enter_context(_file_system(one.home))
        shutil.copytree(template, one.home, dirs_exist_ok=True)
        return _lived(one, kinds, FAULTS)


def play_stored(seed: int, address: str, folder: Path, service: FaultyService) -> list[str]:
    """Let a new home in object storage live through the history of a seed; what is wrong."""
    one = StoredShop(folder, random.Random(seed), service, address=address)
    names = [*STORED_FAULTS]
    kinds = ["storage", one.draw.choice(names)]
    one.ask_at(address)
    one.arrive(one.files)
    one.expect(do("build", one.home, shop.LAST, shop.LAST), (DONE,))
    return _lived(one, kinds, STORED_FAULTS)


def _lived(one: Shop, kinds: list[str], faults: Mapping[str, Callable[[Any], None]]) -> list[str]:
    """Arrivals and faults by turns, then the verdict: sentences, none if all is well."""
    with _watched(one, tolerant="older home" in kinds):
        for kind in kinds:
            one.arrive(arrivals(one.draw))
            faults[kind](one)
            if one.draw.random() < 0.5:
                one.run()
            else:
                # What arrives now hides what the run would have made of what it left.
                one.allowed |= ask("left", one.home)
        one.run()
    made = one.folder / "made"
    landed = {
        str(file.path.relative_to(one.landing)): file.path.read_bytes()
        for table in LANDED
        for file in list_landed(one.landing, table.name, 0, 0)
    }
    shop.put(made / "landing", landed)
    one.expect(do("rebuild", made, one.home), (DONE,))
    wrong, published = ask("judge", one.home, made, shop.rows_in(one.files))
    strange = {what[:2] for what in one.seen - one.allowed - published}
    half = [f"a reader saw another {table} of {day}" for table, day in sorted(strange)]
    return [f"{kinds}"] * bool(one.told + wrong + half) + one.told + wrong + half


@contextmanager
def _watched(one: Shop, tolerant: bool) -> Iterator[None]:
    """Have a process read all the time; while a lake takes another's place it may not find one."""
    over = FORK.Event()
    ours, theirs = FORK.Pipe(duplex=False)
    reader = start("watch", one.home, over, theirs)
    theirs.close()
    try:
        yield
    finally:
        over.set()
        one.seen, troubles = ours.recv()
        one.told += [] if tolerant else sorted(troubles)
        reader.join()


@contextmanager
def _file_system(folder: Path) -> Iterator[None]:
    """A file system of its own, where this may be made."""
    folder.mkdir(parents=True)
    command = ["mount", "-t", "tmpfs", "-o", "size=1g", "tmpfs", str(folder)]
    is_mounted = subprocess.run(command, capture_output=True, check=False).returncode == 0
    try:
        yield
    finally:
        if is_mounted:
            subprocess.run(["umount", "--lazy", str(folder)], check=True)


def _sized(folder: Path, size: int) -> bool:
    """Give a file system another size; whether that could be done."""
    command = ["mount", "-o", f"remount,size={size}", str(folder)]
    return folder.is_mount() and not subprocess.run(command, capture_output=True).returncode


def _used(folder: Path) -> int:
    return shutil.disk_usage(folder).used
