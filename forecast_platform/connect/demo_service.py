"""A small web service of the demo shop: tables as pages of JSON behind a bearer token."""

from __future__ import annotations

import json
from collections.abc import Mapping
from hmac import compare_digest
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

Rows = list[dict[str, Any]]

_LARGEST_PAGE = 1000


class Handler(BaseHTTPRequestHandler):
    """Answers `GET /<table>?page=1&size=100[&day=2026-03-01][&since=...]`."""

    server: ShopService
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        """One page of a table: `{"total": rows of all pages, "rows": [...]}`."""
        address = urlsplit(self.path)
        asked = {name: values[-1] for name, values in parse_qs(address.query).items()}
        given = self.headers.get("Authorization", "")
        if not compare_digest(given.encode(), f"Bearer {self.server.token}".encode()):
            self.answer(401, {"error": "a bearer token is needed"})
            return
        rows = self.server.tables.get(address.path.strip("/"))
        if rows is None:
            self.answer(404, {"error": "no such table"})
            return
        try:
            page, size = int(asked.get("page", 1)), int(asked.get("size", 100))
        except ValueError:
            self.answer(400, {"error": "page and size are whole numbers"})
            return
        if "day" in asked:
            rows = [row for row in rows if row["date"] == asked["day"]]
        if "since" in asked:
            rows = [row for row in rows if row["changed_at"] >= asked["since"]]
        size = max(1, min(size, _LARGEST_PAGE))
        start = max(0, page - 1) * size
        self.answer(200, {"total": len(rows), "rows": rows[start : start + size]})

    def answer(self, status: int, content: object) -> None:
        """Send JSON."""
        body = json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing at the terminal."""


class ShopService(ThreadingHTTPServer):
    """The service on this machine alone.

    Args:
        tables: Rows by name of the table.
        token: Bearer token it asks for.
        port: 0 takes any that is free.
        handler: What answers requests.
    """

    daemon_threads = True

    def __init__(
        self,
        tables: Mapping[str, Rows],
        token: str,
        port: int = 0,
        handler: type[Handler] = Handler,
    ) -> None:
        super().__init__(("127.0.0.1", port), handler)
        self.tables = dict(tables)
        self.token = token
