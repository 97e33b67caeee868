"""How far each source has been read: one small JSON file per source under `sources/`."""

from __future__ import annotations

import datetime as dt
import json
from dataclasses import dataclass, field
from typing import Any

from forecast_platform.connect.reader import SourceError
from forecast_platform.storage import Place, write_whole


@dataclass
class FeedState:
    """How far one table has been read.

    Args:
        watermark: Days of all changes up to this one have been read or are among the remaining.
        last: Newest business day seen.
        remaining: Days still to be read, sorted.
    """

    watermark: str | None = None
    last: dt.date | None = None
    remaining: list[dt.date] = field(default_factory=list)


class SourceState:
    """The file of one source, replaced whole at every write.

    Args:
        folder: Of all sources; made if it is not there.
        name: Of the source.
    """

    def __init__(self, folder: Place, name: str) -> None:
        self.path = folder / f"{name}.json"

    def read(self, table: str) -> FeedState:
        """What is known of a table; nothing before its first pull.

        Raises:
            SourceError: If the file is damaged.
        """
        entry = self._all().get(table)
        if entry is None:
            return FeedState()
        return FeedState(
            entry["watermark"],
            dt.date.fromisoformat(entry["last"]) if entry["last"] else None,
            [dt.date.fromisoformat(day) for day in entry["remaining"]],
        )

    def write(self, table: str, state: FeedState) -> None:
        """Keep what is known of a table."""
        entry = {
            "watermark": state.watermark,
            "last": str(state.last) if state.last else None,
            "remaining": [str(day) for day in state.remaining],
        }
        write_whole(self.path, json.dumps({**self._all(), table: entry}, indent=1).encode())

    def _all(self) -> dict[str, Any]:
        try:
            return dict(json.loads(self.path.read_text("utf-8")))
        except FileNotFoundError:
            return {}
        except ValueError as error:
            raise SourceError(
                f"{self.path} is damaged: delete it, and the next pull reads all days again."
            ) from error
