"""What the verbs share at a terminal: the console, its progress bar, how a program ends."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, NoReturn

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from forecast_platform import progress
from forecast_platform.settings import settings

if TYPE_CHECKING:
    from forecast_platform.defs.operate import Operator

console = Console()


def fail(told: str) -> NoReturn:
    """End the program with one sentence on stderr."""
    error = Console(stderr=True)
    line = escape(" ".join(told.split()))
    error.print(f"[red]error:[/] {line}", highlight=False, soft_wrap=True)
    sys.exit(1)


@contextmanager
def operator_of_home() -> Iterator[Operator]:
    """What runs the graph of the home folder."""
    from forecast_platform.defs.operate import operator

    with operator(settings()) as opened:
        yield opened


def _quiet() -> None:
    """Keep the libraries' own logs off a person's terminal; their pages have them."""
    import logging
    import warnings

    warnings.filterwarnings("ignore")
    os.environ.setdefault("PYTHONWARNINGS", "ignore")
    os.environ.setdefault("MLFLOW_LOGGING_LEVEL", "ERROR")
    logging.getLogger("dagster").setLevel(logging.CRITICAL)


@contextmanager
def watching(what: str) -> Iterator[progress.Listener]:
    """Show what is being done and for how long, and nothing of what libraries say."""
    _quiet()
    columns = (
        SpinnerColumn(), TextColumn("{task.description}"), BarColumn(bar_width=24),
        TimeElapsedColumn(),
    )  # fmt: skip
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task(what, total=None)
        current = ""

        def show(now: str, share: float | None) -> None:
            nonlocal current
            if now != current:
                current = now
                bar.console.print(f"[dim]{bar.tasks[0].elapsed or 0:6.1f} s[/]  {escape(now)}")
            bar.update(task, description=escape(now), total=1 if share is not None else None,
                       completed=share or 0)  # fmt: skip

        with progress.listening(show):
            yield show
