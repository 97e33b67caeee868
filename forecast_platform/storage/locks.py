"""One writer at a time: a lock file on disk, or a lease in object storage held by conditional puts.

A lease is an object that its holder puts anew every few seconds. Who waits and sees the same
version for `LEASE_SECONDS` takes it over by a put on condition of that version, so clocks of
machines need not agree; a holder that was killed on this machine is seen at once.
"""

from __future__ import annotations

import json
import os
import random
import socket
import threading
import time
import uuid
from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from types import TracebackType
from typing import TypeAlias

from filelock import FileLock

from forecast_platform.errors import StorageError
from forecast_platform.storage.paths import Place, StorePath

LEASE_SECONDS = 60.0
"""Longer than a request is retried, so that a holder can lose it only if it stands still."""

_RENEWALS = 6
_LONGEST_WAIT = 2.0


def lock(path: Place) -> Lock:
    """The lock at `path`; the same object can be taken again by the thread that holds it."""
    if isinstance(path, StorePath):
        return Lease(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    return FileLock(path)


class Lease:
    """A lock that is an object in storage.

    Args:
        path: Of the object.
    """

    def __init__(self, path: StorePath) -> None:
        self._path = path
        self._owner = threading.RLock()
        self._depth = 0
        self._etag: str | None = None
        self._renewed = 0.0
        self._beating: threading.Event | None = None
        self._talking = threading.Lock()

    def __enter__(self) -> Lease:
        self._owner.acquire()
        try:
            if self._depth == 0:
                self._take()
            self._depth += 1
        except BaseException:
            self._owner.release()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:  # fmt: skip
        self._depth -= 1
        try:
            if self._depth == 0:
                self._give_back()
        finally:
            self._owner.release()

    def confirm(self) -> None:
        """Make sure that it is still ours, before something is written that rests on it.

        Raises:
            StorageError: If another took it over.
        """
        if time.monotonic() - self._renewed > LEASE_SECONDS / 2:
            self._renew()
        if self._etag is None:
            raise StorageError(
                f"The lock {self._path} was lost because this process stood still for more than "
                f"{LEASE_SECONDS:.0f} seconds: run the same command again, it resumes."
            )

    def _take(self) -> None:
        wait, seen, since = 0.02, "", 0.0
        while (held := self._put(None)) is not None:
            etag, holder = held
            if etag != seen:
                seen, since = etag, time.monotonic()
            is_left = time.monotonic() - since > LEASE_SECONDS or _is_dead(holder)
            if is_left and self._put(etag) is None:
                break
            time.sleep(random.uniform(0.5, 1) * wait)
            wait = min(wait * 1.5, _LONGEST_WAIT)
        self._beating = threading.Event()
        threading.Thread(target=self._beat, args=(self._beating,), daemon=True).start()

    def _give_back(self) -> None:
        assert self._beating is not None
        self._beating.set()
        with self._talking:
            if self._etag is not None and time.monotonic() - self._renewed < LEASE_SECONDS / 2:
                # What cannot be given back is taken over once nobody renews it.
                with suppress(StorageError):
                    self._path.unlink()
            self._etag = None

    def _beat(self, ended: threading.Event) -> None:
        while not ended.wait(LEASE_SECONDS / _RENEWALS):
            # Tried again at the next beat; `confirm` tells if none came through in time.
            with suppress(StorageError):
                self._renew(ended)

    def _renew(self, ended: threading.Event | None = None) -> None:
        with self._talking:
            held = self._etag
            is_over = held is None or (ended is not None and ended.is_set())
            if not is_over and self._put(held) is not None:
                self._etag = None

    def _put(self, etag: str | None) -> tuple[str, dict[str, str]] | None:
        """Put a version of ours in the place of `etag`, or of nothing.

        Returns:
            None if it is ours now, else the version that is there and who holds it.
        """
        mine = _me() | {"version": uuid.uuid4().hex}
        begun = time.monotonic()
        put, holder = self._path.put_if(json.dumps(mine).encode(), etag), mine
        if put is None:
            now, content = self._path.version()
            put, holder = now or "", json.loads(content or b"{}")
        # A put that was made and answered by an error is told as made by another.
        if holder.get("version") != mine["version"]:
            return put, holder
        self._etag, self._renewed = put, begun
        return None


Lock: TypeAlias = FileLock | Lease
"""What a `with` statement takes."""


@lru_cache(1)
def _kernel() -> str:
    """The running kernel and its set of processes; empty where that cannot be told."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        return f"{boot} {Path('/proc/self/ns/pid').readlink()}"
    except OSError:
        return ""


def _me() -> dict[str, str]:
    return {"host": socket.gethostname(), "kernel": _kernel(), "process": str(os.getpid())}


def _is_dead(holder: dict[str, str]) -> bool:
    """Whether a process of this machine held it and is gone."""
    if not _kernel() or holder.get("kernel") != _kernel():
        return False
    try:
        os.kill(int(holder["process"]), 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        return False
    return False
