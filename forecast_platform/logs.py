"""Lines of log: as text, or as JSON for programs; secrets are masked in both.

One class of loggers does it for whatever a library logs with: its handlers get our filter and, for
JSON, our formatter. Dagster's messages carry the run, the job, the asset and the partition.
"""

from __future__ import annotations

import datetime as dt
import json
import logging
import re
from collections.abc import Iterable, Iterator
from typing import Any
from urllib.parse import unquote

from pydantic import SecretStr

from forecast_platform.errors import PlatformError
from forecast_platform.settings import Settings

_META = "dagster_meta"
_PARTITION = "dagster/partition"
_RANGE = ("dagster/asset_partition_range_start", "dagster/asset_partition_range_end")
_MASK = "***"
_SHORTEST = 4
"""Shorter secrets are none, and would mask words."""
_NAMES_A_SECRET = re.compile("key|secret|token|password|sas", re.IGNORECASE)


def configure(settings: Settings) -> None:
    """Let every logger of this process write as the settings say."""
    masked = MaskFilter(secrets(settings))
    formatter = JsonFormatter() if settings.log_format == "json" else None

    class PlatformLogger(logging.Logger):
        def addHandler(self, hdlr: logging.Handler) -> None:  # noqa: N802
            _dress(hdlr, masked, formatter)
            super().addHandler(hdlr)

    logging.setLoggerClass(PlatformLogger)
    for name in (None, "dagster", "dagster-webserver"):
        for handler in logging.getLogger(name).handlers:
            _dress(handler, masked, formatter)
    own = logging.getLogger("forecast_platform")
    if not own.handlers:
        _dress(handler := logging.StreamHandler(), masked, formatter)
        own.addHandler(handler)
        own.setLevel(logging.INFO)
        own.propagate = False


def mask_records(settings: Settings) -> MaskFilter:
    """Take secrets out of every record made in this process, whoever's handlers write it."""
    masked = MaskFilter(secrets(settings))

    def make(*args: Any, **options: Any) -> logging.LogRecord:
        record = logging.LogRecord(*args, **options)
        masked.filter(record)
        return record

    logging.setLogRecordFactory(make)
    return masked


def _dress(
    handler: logging.Handler, masked: MaskFilter, formatter: logging.Formatter | None
) -> None:
    if isinstance(handler, logging.StreamHandler):
        handler.addFilter(masked)
        if formatter:
            handler.setFormatter(formatter)


class MaskFilter(logging.Filter):
    """Takes secrets out of messages and tracebacks.

    Args:
        secrets: What no line may hold.
    """

    def __init__(self, secrets: Iterable[str]) -> None:
        super().__init__()
        told = {s for s in secrets if len(s) >= _SHORTEST}
        told |= {json.dumps(s)[1:-1] for s in told}  # as they stand inside JSON
        known = sorted(told, key=len, reverse=True)
        self._pattern = re.compile("|".join(map(re.escape, known))) if known else None

    def filter(self, record: logging.LogRecord) -> bool:
        """Mask a record; it is always let through."""
        if self._pattern:
            record.msg, record.args = self.masked(record.getMessage()), ()
            if record.exc_info and not record.exc_text:
                record.exc_text = logging.Formatter().formatException(record.exc_info)
            record.exc_text = record.exc_text and self.masked(record.exc_text)
            if meta := getattr(record, _META, None):
                told = self.masked(meta["orig_message"])
                setattr(record, _META, {**meta, "orig_message": told})
        return True

    def masked(self, text: str) -> str:
        """The text without the secrets."""
        return self._pattern.sub(_MASK, text) if self._pattern else text


class JsonFormatter(logging.Formatter):
    """One JSON object per line.

    Its keys: time, level, logger and message; of a run also run_id, job, step, asset, partition
    (a range as `first...last`); error, where something failed.
    """

    def format(self, record: logging.LogRecord) -> str:
        """The line of a record."""
        message = record.getMessage()
        line = {
            "time": dt.datetime.fromtimestamp(record.created, dt.UTC).isoformat(),
            "level": record.levelname.lower(),
            "logger": record.name,
        }
        if meta := getattr(record, _META, None):
            line |= {name: value for name, value in _of_run(meta).items() if value}
            # What Dagster puts before and after: names of the run, the error.
            _, _, error = message.partition("\n\n")
            message = meta["orig_message"] or message
            if error:
                line["error"] = error
        if record.exc_info and not record.exc_text:
            record.exc_text = self.formatException(record.exc_info)
        if record.exc_text:
            line["error"] = record.exc_text
        return json.dumps({**line, "message": message}, ensure_ascii=False)


def _of_run(meta: dict[str, Any]) -> dict[str, str | None]:
    tags, event = meta["job_tags"] or {}, meta["dagster_event"]
    asset = getattr(event, "asset_key", None) if event else None
    partition = getattr(event, "partition", None) if event else None
    spanned = "...".join(tags[name] for name in _RANGE if name in tags)
    return {
        "run_id": meta["run_id"],
        "job": meta["job_name"],
        "step": meta["step_key"],
        "asset": asset.to_user_string() if asset else None,
        "partition": partition or tags.get(_PARTITION) or spanned,
    }


def secrets(settings: Settings) -> Iterator[str]:
    """What must not be told: secret settings, the passwords in them, secrets of sources."""
    values = (getattr(settings, name) for name in type(settings).model_fields)
    found = [secret.get_secret_value() for value in values for secret in _held(value)]
    for value in [*found, *_secrets_of_sources(settings)]:
        yield value
        yield from _parts(value)


def _parts(address: str) -> Iterator[str]:
    """What of an address is secret by itself; of one that nobody can read too."""
    scheme, _, rest = address.partition("://")
    # An unquoted @ may belong to the password or end it: libraries differ.
    pieces = rest.partition(":")[2].split("@")
    for count in range(1, len(pieces)):
        password = "@".join(pieces[:count])
        yield from (password, unquote(password))
    path = re.split("[?#]", rest)[0].partition("/")[2]
    if scheme.startswith("http") and len(path) >= _SHORTEST:
        # Who knows the path of a webhook can post to it.
        yield f"/{path}"


def _held(value: object) -> Iterable[SecretStr]:
    if isinstance(value, dict):
        # Of a storage's options, not those that are no secret, such as "true" or a region.
        value = [one for name, one in value.items() if _NAMES_A_SECRET.search(name)]
    several = value if isinstance(value, list) else [value]
    return (one for one in several if isinstance(one, SecretStr))


def _secrets_of_sources(settings: Settings) -> Iterator[str]:
    from forecast_platform.connect.config import RestSource, load_sources

    for source in load_sources(settings.sources_path).values():
        secret = (
            source.auth and source.auth.secret if isinstance(source, RestSource) else source.address
        )
        try:
            if secret:
                yield secret.read()
        except PlatformError:
            continue  # It is missing: nothing can tell it.
