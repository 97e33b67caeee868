"""Compiled loops over SKUs, and their work on several threads.

Imports the compiler; only modules that are themselves loaded where something is computed import
this one.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, TypeVar, cast

from numba import njit

_Function = TypeVar("_Function", bound=Callable[..., Any])

_PIECES_PER_THREAD = 8
_most_threads: ContextVar[int | None] = ContextVar("most_threads", default=None)

Array = Any
"""An array inside compiled code; shapes stand in the docstrings."""


def compiled(function: _Function) -> _Function:
    """Compile on first use, for the types it is called with, and keep the result on disk.

    The function releases the interpreter's lock; division by zero gives infinity as in numpy.
    """
    decorated: Any = njit(nogil=True, cache=True, error_model="numpy")(function)
    return cast(_Function, decorated)


@contextmanager
def at_most(threads: int) -> Iterator[None]:
    """Let `over_skus` take no more threads inside the block, say in one of many processes."""
    before = _most_threads.set(threads)
    try:
        yield
    finally:
        _most_threads.reset(before)


def over_skus(work: Callable[[int, int], None], skus: int, threads: int | None = None) -> None:
    """Call `work(first, last)` for pieces that cover all SKUs.

    Args:
        work: Releases the interpreter's lock while it runs; writes only what belongs to its SKUs.
        skus: Number of SKUs.
        threads: At most so many; by default as `at_most` says, else one for each processor this
            process may use.
    """
    workers = threads or _most_threads.get() or len(os.sched_getaffinity(0))
    step = max(1, -(-skus // (workers * _PIECES_PER_THREAD)))
    pieces = [(first, min(first + step, skus)) for first in range(0, skus, step)]
    if workers == 1 or len(pieces) == 1:
        for piece in pieces:
            work(*piece)
        return
    with ThreadPoolExecutor(workers) as pool:
        for done in [pool.submit(work, *piece) for piece in pieces]:
            done.result()
