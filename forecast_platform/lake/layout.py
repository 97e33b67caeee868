"""The version of the lake's folder: written once, compared at every opening."""

from __future__ import annotations

from pathlib import Path

from forecast_platform.errors import HomeVersionError, LakeError
from forecast_platform.storage import Place, write_whole

LAYOUT = 4
"""Version of the folder layout; raised when an older home can no longer be read."""

UNFINISHED = "lake.new"
"""Folder beside the lake in which an upgrade makes the new one."""
UPGRADE = (
    "Run `forecast-platform upgrade`: it keeps forecasts and plans as issued, and makes the other "
    "tables again."
)


def require_readable(root: Place) -> None:
    """Refuse a lake that a newer version wrote.

    Raises:
        HomeVersionError: If its layout is newer than this version knows.
    """
    marker = root / "_layout"
    found = marker.read_text().strip() if marker.exists() else "0"
    if found.isdigit() and int(found) > LAYOUT:
        raise HomeVersionError(
            f"{root} has layout {found}, this version reads layout {LAYOUT}: install the version "
            "that wrote it, or a newer one."
        )


def check_layout(root: Place) -> None:
    """Make the folder, or refuse one that another version wrote.

    Raises:
        HomeVersionError: If its layout is not the one of this version.
        LakeError: If it cannot be written.
    """
    marker = root / "_layout"
    try:
        unfinished = root.parent / UNFINISHED
        if isinstance(root, Path) and root != unfinished and unfinished.exists():
            raise HomeVersionError(f"The upgrade of {root} was broken off. {UPGRADE}")
        root.mkdir(parents=True, exist_ok=True)
        # Looked for before the marker: another process writes the marker first, then tables.
        has_tables = isinstance(root, Path) and any(root.glob("*/_delta_log"))
        if not marker.exists():
            if has_tables:
                raise HomeVersionError(
                    f"{root} was written before layouts had a version. {UPGRADE}"
                )
            write_whole(marker, f"{LAYOUT}\n".encode())
        found = marker.read_text().strip()
    except OSError as error:
        raise LakeError(f"The lake {root} cannot be used: {error}.") from error
    if found != str(LAYOUT):
        require_readable(root)
        raise HomeVersionError(
            f"{root} has layout {found}, this version reads layout {LAYOUT}. {UPGRADE}"
        )
