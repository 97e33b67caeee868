"""Who wants to know how far long work has come. Work tells, whoever watches listens."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

Listener = Callable[[str, float | None], None]
"""Called with what is being done and, where known, the share of it that is done (0 to 1)."""

_listeners: list[Listener] = []


def tell(what: str, share: float | None = None) -> None:
    """Tell every listener of this process."""
    for listener in _listeners:
        listener(what, share)


@contextmanager
def listening(listener: Listener) -> Iterator[None]:
    """Hear what is told inside the block."""
    _listeners.append(listener)
    try:
        yield
    finally:
        _listeners.remove(listener)
