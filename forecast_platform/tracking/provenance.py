"""What a training was made by: digests of the code and of the installed packages."""

from __future__ import annotations

import hashlib
from functools import cache
from importlib.metadata import distributions
from pathlib import Path

_PACKAGE = Path(__file__).resolve().parents[1]


@cache
def code_digest() -> str:
    """SHA-256 of the package's sources, names included."""
    digest = hashlib.sha256()
    for path in sorted(_PACKAGE.rglob("*.py")):
        digest.update(path.relative_to(_PACKAGE).as_posix().encode() + b"\0")
        digest.update(path.read_bytes() + b"\0")
    return digest.hexdigest()


@cache
def installed_packages() -> str:
    """The installed packages as lines `name==version`: what a lock file came to here."""
    found = {(one.name or "").lower(): one.version for one in distributions()}
    return "".join(f"{name}=={version}\n" for name, version in sorted(found.items()))


def packages_digest() -> str:
    """SHA-256 of `installed_packages`."""
    return hashlib.sha256(installed_packages().encode()).hexdigest()
