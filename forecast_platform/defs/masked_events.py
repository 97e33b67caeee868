"""Secrets taken out of what Dagster's own processes write: errors in the event log, lines of log.

Code that fails may tell an address with its password; the event log keeps the error, pages show it,
and the daemon, which loads none of our definitions, logs it. All of them open the event log.
"""

from __future__ import annotations

import json
from typing import Any

from dagster import EventLogEntry
from dagster._core.storage.event_log import SqlEventLogStorage

from forecast_platform.logs import MaskFilter, mask_records
from forecast_platform.settings import settings

_TEXTS = ("message", "user_message", "stack")
"""Keys of what people read. A password may be the name of an asset, so others stay as they are."""


class MaskedEvents(SqlEventLogStorage):
    """Mixed into an event log storage; the process that opens it logs no secret from then on."""

    def __init__(self, *args: Any, **options: Any) -> None:
        self._mask = mask_records(settings())
        super().__init__(*args, **options)  # type: ignore[no-untyped-call]

    def _event_to_row(self, event: EventLogEntry) -> dict[str, Any]:
        row: dict[str, Any] = super()._event_to_row(event)
        if self._mask.masked(row["event"]) != row["event"]:
            row["event"] = json.dumps(_masked(json.loads(row["event"]), self._mask, is_text=False))
        return row


def _masked(value: Any, mask: MaskFilter, is_text: bool) -> Any:
    if isinstance(value, dict):
        return {key: _masked(one, mask, key in _TEXTS) for key, one in value.items()}
    if isinstance(value, list):
        return [_masked(one, mask, is_text) for one in value]
    return mask.masked(value) if is_text and isinstance(value, str) else value
