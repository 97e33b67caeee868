"""Paths in object storage, with those of `pathlib`'s methods that the platform uses.

Requests are retried by the library for `_RETRY_SECONDS`; what then still fails is a `StorageError`
that says what to do and holds no secret.
"""

from __future__ import annotations

import datetime as dt
import io
import os
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

from forecast_platform.errors import StorageError
from forecast_platform.storage.failures import NO_BUCKET, reason, refusal

if TYPE_CHECKING:
    from obstore.store import ObjectStore

_MAX_RETRIES = 10
_RETRY_SECONDS = 45
_PREFIXES = re.compile(r"^(aws|azure|google)_")
_CLIENT_OPTIONS = {
    "allow_http", "allow_invalid_certificates", "connect_timeout", "proxy_ca_certificate",
    "proxy_excludes", "proxy_url", "timeout", "user_agent",
}  # fmt: skip
_FLAGS = {"allow_http", "allow_invalid_certificates"}


@dataclass(frozen=True)
class Storage:
    """A place in object storage and how to reach it.

    Attributes:
        url: `s3://bucket/prefix`, `gs://bucket/prefix` or `az://container/prefix`.
        options: Of Rust's object_store crate, such as `aws_endpoint_url`; what is not given is
            taken from the environment (`AWS_ACCESS_KEY_ID` and so on). Never shown.
    """

    url: str
    options: Mapping[str, str] = field(default_factory=dict, repr=False, hash=False)

    def __truediv__(self, key: str) -> StorePath:
        return StorePath(self, key)

    @property
    def max_retries(self) -> int:
        """How often a request is made again that fails by no fault of its own."""
        return int(self.options.get("max_retries", _MAX_RETRIES))

    @property
    def delta_options(self) -> dict[str, str]:
        """Options for deltalake: a commit is a conditional put, so that of two one wins."""
        own = {"max_retries": str(self.max_retries), "retry_timeout": f"{_RETRY_SECONDS}s"}
        if self.url.startswith("s3:"):
            own["aws_conditional_put"] = "etag"
        return own | dict(self.options)

    @property
    def polars_options(self) -> dict[str, Any]:
        """As `delta_options`, in the types that polars wants."""
        return {**self.delta_options, "max_retries": self.max_retries}

    @property
    def client(self) -> ObjectStore:
        """The library's client, one per process."""
        return _client(self.url, tuple(sorted(self.options.items())), self.max_retries)

    def refused(self, error: BaseException, what: str = "cannot be used") -> StorageError:
        """What went wrong as one sentence without secrets."""
        return refusal(self.url, self.options, error, what)


@lru_cache
def _client(url: str, options: tuple[tuple[str, str], ...], max_retries: int) -> ObjectStore:
    # Not at the top: a home that lies in a folder needs no such library.
    try:
        from obstore.exceptions import BaseError
        from obstore.store import from_url
    except ImportError as error:
        raise StorageError(
            'Object storage needs one more library: install "forecast-platform[storage]".'
        ) from error
    opened_at: Callable[..., ObjectStore] = from_url
    retries = {"max_retries": max_retries, "retry_timeout": dt.timedelta(seconds=_RETRY_SECONDS)}
    config: dict[str, Any] = {}
    for_client: dict[str, Any] = {}
    for name, value in options:
        bare = _PREFIXES.sub("", name.lower())
        if bare in _CLIENT_OPTIONS:
            for_client[bare] = value.lower() == "true" if bare in _FLAGS else value
        elif bare != "max_retries":
            config[name] = value
    try:
        store: ObjectStore = opened_at(
            url, config=config, client_options=for_client, retry_config=retries
        )
    except (BaseError, ValueError) as error:
        raise StorageError(
            f"storage_options do not fit {url}: {reason(str(error))}. Give options of the "
            "object_store crate, as docs/storage.md shows."
        ) from None
    return store


class Entry(NamedTuple):
    """An object as a listing tells it: `mtime` in seconds since 1970, `size` in bytes."""

    path: StorePath
    size: int
    mtime: float
    etag: str | None


@dataclass(frozen=True)
class StorePath:
    """An object, or a folder of objects, by its key under the storage's address."""

    storage: Storage
    key: str

    def __str__(self) -> str:
        return f"{self.storage.url}/{self.key}"

    def __truediv__(self, name: str) -> StorePath:
        return StorePath(self.storage, f"{self.key}/{name}")

    @property
    def name(self) -> str:
        """Last part of the key."""
        return self.key.rpartition("/")[2]

    @property
    def parent(self) -> StorePath:
        """The folder it lies in."""
        return StorePath(self.storage, self.key.rpartition("/")[0])

    def exists(self) -> bool:
        """Whether there is such an object."""
        return self.etag() is not None

    def etag(self) -> str | None:
        """What tells this version of the object from others; None if there is no object."""
        try:
            with self._asking():
                found = self.storage.client.head(self.key)
        except FileNotFoundError:
            return None
        return found["e_tag"] or f"{found['size']} {found['last_modified']}"

    def read_bytes(self) -> bytes:
        """The content, of one version.

        Raises:
            FileNotFoundError: If there is no such object.
            StorageError: If the storage does not answer or refuses.
        """
        with self._asking():
            return bytes(self.storage.client.get(self.key).bytes())

    def version(self) -> tuple[str | None, bytes]:
        """Etag and content of one version; None and nothing if there is no object."""
        try:
            with self._asking():
                found = self.storage.client.get(self.key)
                return found.meta["e_tag"], bytes(found.bytes())
        except FileNotFoundError:
            return None, b""

    def read_text(self, encoding: str = "utf-8") -> str:
        """The content as text."""
        return self.read_bytes().decode(encoding)

    def open(self, mode: str = "rb") -> io.BytesIO:
        """The content as a file to read."""
        return io.BytesIO(self.read_bytes())

    def write_bytes(self, content: bytes) -> str | None:
        """Put the object whole, in the place of an older one; returns its etag."""
        with self._asking():
            return self.storage.client.put(self.key, content)["e_tag"]

    def put_if(self, content: bytes, etag: str | None) -> str | None:
        """Put the object if it is still the version `etag` (None: if there is none).

        Returns:
            The new version's etag, or None if another was faster. A write that was answered by an
            error and made all the same counts as another: compare the content.
        """
        from obstore.exceptions import AlreadyExistsError, PreconditionError

        mode: Any = "create" if etag is None else {"e_tag": etag}
        try:
            with self._asking(AlreadyExistsError, PreconditionError):
                return self.storage.client.put(self.key, content, mode=mode)["e_tag"]
        except (AlreadyExistsError, PreconditionError, FileNotFoundError):
            return None

    def unlink(self) -> None:
        """Delete the object; nothing happens if there is none."""
        try:
            with self._asking():
                self.storage.client.delete(self.key)
        except FileNotFoundError:
            return

    def mkdir(self, parents: bool = True, exist_ok: bool = True) -> None:
        """Nothing: object storage has no folders to make."""

    def iterdir(self) -> list[StorePath]:
        """Objects and folders right in it, sorted."""
        with self._asking():
            found = self.storage.client.list_with_delimiter(self.key)
        keys = [*found["common_prefixes"], *(one["path"] for one in found["objects"])]
        return [StorePath(self.storage, key) for key in sorted(keys)]

    def walk(self, after: StorePath | None = None) -> Iterator[Entry]:
        """All objects in it and its folders, those whose keys follow that of `after`."""
        with self._asking():
            for batch in self.storage.client.list(self.key, offset=after.key if after else None):
                for one in batch:
                    path = StorePath(self.storage, one["path"])
                    yield Entry(path, one["size"], one["last_modified"].timestamp(), one["e_tag"])

    def relative_to(self, folder: StorePath) -> str:
        """Its key in a folder, with forward slashes."""
        return self.key.removeprefix(f"{folder.key}/")

    @contextmanager
    def _asking(self, *expected: type[Exception]) -> Iterator[None]:
        from obstore.exceptions import BaseError

        try:
            yield
        except expected:
            raise
        except FileNotFoundError as error:
            if re.search(NO_BUCKET, str(error)):
                raise self.storage.refused(error) from None
            raise
        except (BaseError, OSError, ValueError) as error:
            raise self.storage.refused(error) from None


Place: TypeAlias = Path | StorePath
"""A folder or file, on this machine's disk or in object storage."""


def children(folder: Place) -> list[Place]:
    """Files and folders right in a folder, sorted; none where it is not there."""
    if isinstance(folder, StorePath):
        return list(folder.iterdir())
    return [*sorted(folder.iterdir())] if folder.is_dir() else []


def write_whole(path: Place, content: bytes) -> None:
    """Write a file so that a reader sees the old bytes or the new ones, never a part."""
    if isinstance(path, StorePath):
        path.write_bytes(content)
        return
    # A leading dot and a foreign ending keep the unfinished file out of every reader's sight.
    unfinished = path.with_name(f".{path.name}.{os.getpid()}.unfinished")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        unfinished.write_bytes(content)
        unfinished.replace(path)
    except OSError:
        with suppress(OSError):
            unfinished.unlink()
        raise
