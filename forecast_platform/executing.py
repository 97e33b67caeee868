"""Independent pieces of work, done side by side: on a Ray cluster, or here in threads or processes.

Results come in the order of the pieces and are the same wherever the pieces are done. What differs
is only who does them: numpy alone is needed here, Ray only where an address is given. Does not
belong here: what the work is.
"""

from __future__ import annotations

import pickle
import socket
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor, ThreadPoolExecutor
from functools import lru_cache, partial
from importlib.metadata import PackageNotFoundError, version
from itertools import islice
from logging import ERROR
from multiprocessing import get_context
from typing import Any, TypeVar

from forecast_platform.errors import ClusterError

Piece = TypeVar("Piece")
Result = TypeVar("Result")
_Ticket = TypeVar("_Ticket")

IN_FLIGHT = 4
"""Pieces handed out per core: enough that no core waits, few enough to hold in memory."""
RETRIES = 5
"""How often a piece is done again after the node or process that did it died."""
ANSWER_SECONDS = 5.0

_SAME_EVERYWHERE = ("forecast-platform", "numpy", "numba")


def spread(
    work: Callable[..., Result],
    pieces: Iterable[Piece],
    *shared: Any,
    workers: int = 1,
    ray_address: str | None = None,
    processes: bool = False,
) -> Iterator[Result]:
    """Do `work(piece, *shared)` for every piece; results in the order of the pieces.

    Args:
        work: A function of a module, for processes and clusters have to find it; its result must
            depend on nothing but its arguments. What it raises is raised here.
        pieces: Taken as they are needed, so that few of them are held at once.
        shared: What all pieces need. A cluster is sent it once per node.
        workers: Threads or processes here, where no cluster is named.
        ray_address: `auto`, `host:port` of a cluster this machine belongs to, or
            `ray://host:port` of any; None to stay on this machine. Each piece takes one core.
        processes: Processes instead of threads, for work that holds the interpreter's lock.

    Raises:
        ClusterError: If the cluster cannot be used, or loses a piece again and again.
    """
    if ray_address:
        return _on_ray(work, pieces, shared, ray_address)
    if workers == 1:
        return (work(piece, *shared) for piece in pieces)
    return _in_pool(work, pieces, shared, workers, processes)


def nodes(ray_address: str) -> list[tuple[str, int]]:
    """Name and cores of each node of a cluster that is alive.

    Raises:
        ClusterError: If the cluster cannot be used.
    """
    alive = [node for node in _connected(ray_address).nodes() if node["Alive"]]
    return [(node["NodeName"], int(node["Resources"].get("CPU", 0))) for node in alive]


def _in_pool(
    work: Callable[..., Result],
    pieces: Iterable[Piece],
    shared: tuple[Any, ...],
    workers: int,
    processes: bool,
) -> Iterator[Result]:
    # Not fork: the caller may hold threads and locks of polars, torch or Dagster.
    pool: ThreadPoolExecutor | ProcessPoolExecutor = (
        ProcessPoolExecutor(workers, get_context("forkserver"))
        if processes
        else ThreadPoolExecutor(workers)
    )

    def hand_out(piece: Piece) -> Future[Result]:
        return pool.submit(work, piece, *shared)

    with pool:
        yield from _in_order(hand_out, Future.result, Future.cancel, pieces, workers)


def _on_ray(
    work: Callable[..., Result], pieces: Iterable[Piece], shared: tuple[Any, ...], address: str
) -> Iterator[Result]:
    ray = _connected(address)
    # No retry of what the work itself raises: it would raise again.
    task = ray.remote(num_cpus=1, max_retries=RETRIES, retry_exceptions=False)(_done_there)
    # Packed by us: Ray would hand out arrays that cannot be written to, for which kernels would be
    # compiled anew, perhaps to sums in another order.
    pack = ray.cloudpickle.dumps
    held = ray.put(pack(shared))
    cores = max(1, int(ray.cluster_resources().get("CPU", 1)))

    def hand_out(piece: Piece) -> Any:
        return task.remote(_versions(), pack((work, piece)), held)

    yield from _in_order(hand_out, partial(_fetched, ray, address), ray.cancel, pieces, cores)


def _in_order(
    hand_out: Callable[[Piece], _Ticket],
    fetch: Callable[[_Ticket], Result],
    cancel: Callable[[_Ticket], object],
    pieces: Iterable[Piece],
    cores: int,
) -> Iterator[Result]:
    todo, waiting = iter(pieces), deque[_Ticket]()
    try:
        while True:
            waiting.extend(hand_out(one) for one in islice(todo, IN_FLIGHT * cores - len(waiting)))
            if not waiting:
                return
            yield fetch(waiting.popleft())
    finally:
        for ticket in waiting:
            cancel(ticket)


def _fetched(ray: Any, address: str, ticket: Any) -> Any:
    try:
        return pickle.loads(ray.get(ticket))
    except ray.exceptions.RayTaskError as error:  # raised by the work, or before it began
        cause = error.cause
        if isinstance(cause, ImportError):
            raise ClusterError(
                f"A node of the Ray cluster {address} cannot import the platform ({cause}): "
                "install it there, of the same version, or run its nodes from the same image."
            ) from error
        raise cause from None
    except ray.exceptions.RayError as error:
        first = str(error).strip().partition("\n")[0]
        raise ClusterError(
            f"The Ray cluster {address} lost a piece of work {RETRIES + 1} times, or lost touch "
            f"({type(error).__name__}: {first}): see `ray status` and the nodes' memory, then run "
            "the same again."
        ) from error


def _done_there(wanted: dict[str, str], packed: bytes, shared: bytes) -> bytes:
    """Do packed work on a node of a cluster, if the node would do it as we would."""
    if wanted != (found := _versions()):
        ours, theirs = (
            ", ".join(f"{name} {of[name]}" for name in wanted if wanted[name] != found[name])
            for of in (wanted, found)
        )
        raise ClusterError(
            f"A node of the Ray cluster has {theirs}, this machine {ours}, and results would "
            "differ: run both from the same image."
        )
    work, piece = pickle.loads(packed)
    return pickle.dumps(work(piece, *pickle.loads(shared)), protocol=5)


@lru_cache
def _versions() -> dict[str, str]:
    found = {}
    for name in _SAME_EVERYWHERE:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "of unknown version"
    return found


_address: str | None = None
"""Of the cluster this process was connected to by `_connected`."""


def _connected(address: str) -> Any:
    """The module `ray`, connected; in a piece of work on a cluster, to that cluster."""
    global _address
    try:
        import ray
    except ImportError as error:
        raise ClusterError(
            f"The setting ray_address names {address}, but Ray is not installed: "
            "`pip install 'forecast-platform[cluster]'`, or leave the setting out."
        ) from error
    if ray.is_initialized():
        if _address in (None, address):
            return ray
        ray.shutdown()
    _answers(address)
    try:
        ray.init(address, log_to_driver=False, logging_level=ERROR)
    except (ConnectionError, RuntimeError, ValueError, OSError, AssertionError) as error:
        reason = " ".join(str(error).split())
        raise ClusterError(
            f"The Ray cluster {address} cannot be used: {reason} Start it with `ray start`, of the "
            "same versions of Ray and Python, or leave the setting ray_address out."
        ) from error
    _address = address
    return ray


def _answers(address: str) -> None:
    """Refuse an address at which nothing listens: Ray itself would wait for minutes."""
    host, _, port = address.removeprefix("ray://").rpartition(":")
    if address == "auto":
        return
    if not host or not port.isdecimal():
        raise ClusterError(
            f"The setting ray_address cannot be {address!r}: auto, host:port or ray://host:port "
            "was expected."
        )
    try:
        socket.create_connection((host.strip("[]"), int(port)), ANSWER_SECONDS).close()
    except (OSError, OverflowError) as error:
        raise ClusterError(
            f"Nothing answers at the Ray address {address} ({error}): start the cluster there with "
            "`ray start --head`, or leave the setting ray_address out."
        ) from error
