"""Errors a person can cause or mend. Each carries one sentence that says what to do."""

from __future__ import annotations

import errno
import sqlite3

_REFUSALS = (
    errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EPERM, errno.ENOTDIR, errno.EEXIST,
)  # fmt: skip


class PlatformError(Exception):
    """Base of every error that the command line shows as a sentence instead of a traceback."""


class ConfigurationError(PlatformError):
    """A setting, mapping file or option does not make sense."""


class LandingError(PlatformError):
    """A landed file cannot be read at all; the register of files keeps the reason."""


class LakeError(PlatformError):
    """A table is missing, of another version, or could not be written."""


class ContractError(PlatformError):
    """A frame does not have the columns and types that its table's contract promises."""


class ModelError(PlatformError):
    """A model is missing, unfitted or was asked for something it cannot do."""


class ClusterError(PlatformError):
    """The cluster that work is spread over cannot be reached, differs, or loses work."""


class StorageError(PlatformError):
    """Object storage does not answer, refuses, or was lost to another writer."""


class HomeVersionError(PlatformError):
    """The home folder was made by another version of the platform."""


def refused_by_system(error: BaseException | None) -> str | None:
    """What disk, rights or database refused, where an error comes from that; else None."""
    while error is not None:
        is_refusal = isinstance(error, OSError) and error.errno in _REFUSALS
        if is_refusal or isinstance(error, sqlite3.OperationalError):
            return str(error)
        error = error.__cause__
    return None
