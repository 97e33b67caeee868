"""The process behind `forecast-platform ui --only watch`."""

from __future__ import annotations

import argparse
import signal
import sys

from forecast_platform.defs.activity import records
from forecast_platform.home import Home
from forecast_platform.settings import settings
from forecast_platform.watching.server import web_server
from forecast_platform.watching.sight import Watch


def main() -> None:
    """Serve until the process is stopped."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--host", required=True)
    parser.add_argument("--port", required=True, type=int)
    at = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    chosen = settings()
    with (
        records(chosen) as kept,
        web_server(Watch(Home(chosen), kept), at.host, at.port) as server,
    ):
        server.serve_forever()


if __name__ == "__main__":
    main()
