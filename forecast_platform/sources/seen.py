"""Checksums of landed objects by their etag, so that what did not change is not downloaded again.

Only for a landing folder in object storage, where an etag tells one version of an object from all
others. On disk nothing tells as much as the bytes, and reading them is cheap.
"""

from __future__ import annotations

import hashlib
import json

from forecast_platform.sources.files import LandedFile, checksum_of
from forecast_platform.storage import Place, StorePath

_FILE = ".checksums.json"


class Seen:
    """The checksums known, in a hidden object of the landing folder.

    Args:
        landing: The landing folder.
    """

    def __init__(self, landing: Place) -> None:
        self._path = landing / _FILE if isinstance(landing, StorePath) else None
        self._known: dict[str, str] = {}
        if self._path is not None:
            try:
                self._known = json.loads(self._path.version()[1] or b"{}")
            except ValueError:
                self._known = {}
        self._now: dict[str, str] = {}

    def checksum(self, file: LandedFile, salt: bytes) -> str:
        """As `checksum_of`, without reading a version that was read before."""
        if not isinstance(file.path, StorePath):
            return checksum_of(file.path, salt)
        of_salt = hashlib.sha256(salt).hexdigest()[:16]
        version = f"{file.path} {file.etag} {of_salt}"
        checksum = self._known.get(version)
        if checksum is None:
            etag, content = file.path.version()
            version = f"{file.path} {etag} {of_salt}"
            checksum = hashlib.sha256(content + salt).hexdigest()
        self._now[version] = checksum
        return checksum

    def save(self) -> None:
        """Keep what is known of the objects that are there now."""
        if self._path is not None and self._now != self._known:
            self._path.write_bytes(json.dumps(self._now).encode())
