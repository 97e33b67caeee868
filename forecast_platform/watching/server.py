"""The health page, its JSON and the metrics, over HTTP.

| path | for | answers |
|---|---|---|
| `/` | people | what is wrong and the command that mends it, and how things are |
| `/health` | containers, load balancers | 200, or 503 if the platform cannot do its work |
| `/health/live` | containers | 200 while this process answers |
| `/metrics` | Prometheus | text format |
"""

from __future__ import annotations

import datetime as dt
import json
import logging
from collections.abc import Callable
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from forecast_platform.watching.findings import Finding
from forecast_platform.watching.metrics import Metrics, exposition
from forecast_platform.watching.page import page
from forecast_platform.watching.sight import Sight, Watch

VITAL = ("disk", "databases", "daemon")
"""Groups without which nothing can be made; the lake too, where it cannot be read at all."""

_log = logging.getLogger(__name__)
_Answer = tuple[HTTPStatus, str, bytes]


def web_server(watch: Watch, host: str, port: int) -> ThreadingHTTPServer:
    """A server over one home, not started yet."""
    metrics = Metrics(watch.sight, lambda: dt.datetime.now(watch.home.settings.zone).date())
    answers: dict[str, Callable[[], _Answer]] = {
        "/": lambda: (HTTPStatus.OK, "text/html; charset=utf-8", page(watch.sight()).encode()),
        "/health": lambda: health(watch.sight()),
        "/health/live": lambda: (HTTPStatus.OK, "application/json", b'{"status": "live"}'),
        "/metrics": lambda: (HTTPStatus.OK, "text/plain; version=0.0.4", exposition(metrics)),
    }

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            answer = answers.get(self.path.partition("?")[0])
            if answer is None:
                return self.send_error(HTTPStatus.NOT_FOUND)
            try:
                status, kind, body = answer()
            except Exception:
                # What breaks the look is news for whoever asked, and no reason to end.
                _log.exception("the look for %s failed", self.path)
                return self.send_error(HTTPStatus.INTERNAL_SERVER_ERROR, "The look failed")
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.send_header("Cache-Control", "no-store")
            self.end_headers()
            self.wfile.write(body)
            return None

        def log_message(self, format: str, *args: Any) -> None:
            """Scrapes are no news."""

    return ThreadingHTTPServer((host, port), Handler)


def health(seen: Sight) -> _Answer:
    """Whether the platform can do its work, and what is wrong, as JSON."""
    broken = [finding for finding in seen.wrong if is_vital(finding)]
    body = {
        "status": "unready" if broken else "ready",
        "time": seen.taken.isoformat(),
        "wrong": [
            {"what": f.what, "group": f.group, "told": f.told, "mend": f.mend,
             "vital": is_vital(f), "warns": f.warns}
            for f in seen.wrong
        ],
    }  # fmt: skip
    status = HTTPStatus.SERVICE_UNAVAILABLE if broken else HTTPStatus.OK
    return status, "application/json", json.dumps(body, indent=1).encode()


def is_vital(finding: Finding) -> bool:
    """Whether nothing can be made while that is wrong."""
    return finding.group in VITAL or finding.unseen
