"""A training that was killed goes on: what it had estimated is not estimated again."""

from __future__ import annotations

import datetime as dt
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from forecast_platform.home import Home
from forecast_platform.resuming import forget, once, pieces, training_key
from forecast_platform.settings import Settings
from tests import command_line as shop

FAMILIES = ("seasonal_naive", "theta")
TRAIN = """
import datetime as dt, os, signal, sys
from forecast_platform import progress
from forecast_platform.home import Home
from forecast_platform.settings import settings
from forecast_platform.training import crown, train_family

def told(what, share=None):
    if "judging on" in what or "fitting" in what or "broken off" in what:
        print(what, flush=True)
    if sys.argv[2] in what:
        os.kill(os.getpid(), signal.SIGKILL)

home, cutoff = Home(settings()), dt.date.fromisoformat(sys.argv[1])
with progress.listening(told):
    for family in settings().models:
        train_family(home, family, cutoff)
    crown(home, cutoff)
"""
MODELS = {"FORECAST_PLATFORM_MODELS": str([*FAMILIES]).replace("'", '"')}


def train(home: Path, kill_at: str = "never") -> tuple[int, list[str]]:
    """Train both families; returns how the process ended and what it said of estimating."""
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", TRAIN, str(shop.CUTOFF), kill_at],
        env=shop.environment(home, **MODELS), capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert "Traceback" not in done.stderr, done.stderr
    return done.returncode, [line.partition(" series")[0] for line in done.stdout.splitlines()]


def estimated(told: list[str]) -> list[tuple[str, str]]:
    """Family and what was done."""
    return [
        (family, deed)
        for line in told
        for family in FAMILIES
        for deed in ("judging", "fitting", "broken off")
        if line.startswith(family) and deed in line
    ]


def model(home: Path, family: str) -> dict[str, bytes]:
    """Every file of a model, but for its numbers in MLflow."""
    folder = home / "models" / family / str(shop.CUTOFF)
    return {
        file.relative_to(folder).as_posix(): file.read_bytes()
        for file in sorted(folder.rglob("*"))
        if file.is_file() and file.name != "record.json"
    }


def test_a_killed_training_goes_on_to_the_same_models(
    tmp_path_factory: pytest.TempPathFactory, tmp_path: Path
) -> None:
    whole = shop.demo(tmp_path_factory.getbasetemp())[0]
    home = shop.copy(whole, tmp_path / "home")
    first, second = FAMILIES
    shutil.rmtree(home / "models" / first)
    ended, told = train(home, kill_at=f"{second} {shop.CUTOFF}: fitting")
    assert (ended, estimated(told)[-1]) == (-signal.SIGKILL, (second, "fitting"))
    ended, told = train(home)
    assert (ended, estimated(told)) == (0, [(first, "broken off"), (second, "fitting")])
    assert "model.json" in model(home, first)
    assert model(home, first) == model(whole, first)
    assert model(home, second)
    assert not (home / "models" / "_judged" / str(shop.CUTOFF)).exists()


def test_other_settings_and_other_data_estimate_again(
    tmp_path_factory: pytest.TempPathFactory, tmp_path: Path
) -> None:
    home = shop.copy(shop.demo(tmp_path_factory.getbasetemp())[0], tmp_path / "home")
    key = training_key(Home(Settings(home=home)), shop.CUTOFF)
    assert key == training_key(Home(Settings(home=home)), shop.CUTOFF)
    assert key != training_key(Home(Settings(home=home, seed=8)), shop.CUTOFF)
    item = shop.old_items(home)[0]
    sale = f"{shop.CUTOFF},{item},S01,9,2.5"
    shop.land(home, "sales", "late.csv",
              shop.csv("date,item_id,location_id,units,unit_price", sale))  # fmt: skip
    shop.works(home, "run", "--select", "features")
    assert key != training_key(Home(Settings(home=home)), shop.CUTOFF)


def test_a_piece_that_was_not_finished_or_was_changed_is_made_again(tmp_path: Path) -> None:
    folder = tmp_path / "piece"

    def make() -> None:
        (folder / "model").write_text("estimated")

    def fail() -> None:
        (folder / "half").write_text("esti")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        once(folder, "key", fail)
    assert once(folder, "key", make)
    assert [file.name for file in folder.iterdir()] == ["model"]
    assert not once(folder, "key", make)
    assert once(folder, "other key", make)
    os.truncate(folder / "model", 3)
    assert once(folder, "other key", make)
    assert (folder / "model").read_text() == "estimated"


def test_what_was_never_finished_is_forgotten_after_a_while(tmp_path: Path) -> None:
    home, now = Home(Settings(home=tmp_path)), dt.datetime.now(dt.UTC)
    old, new = (pieces(home, shop.CUTOFF - dt.timedelta(days=days)) for days in (7, 0))
    assert forget(home, now) == []
    for folder in (old, new):
        once(folder / "theta", "key", lambda: None)
    long_ago = (now - dt.timedelta(days=100)).timestamp()
    os.utime(old, (long_ago, long_ago))
    assert forget(home, now - dt.timedelta(days=90)) == [old.name]
    assert [folder.name for folder in old.parent.iterdir()] == [new.name]
