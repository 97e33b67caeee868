"""A local S3 server, and a proxy before it that fails or dawdles as object storage may."""

from __future__ import annotations

import http.client
import itertools
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

BUCKET = "shop"
_LASTING = {"gone", "denied"}
Answer = tuple[int, list[tuple[str, str]], bytes]
_FAILURE: Answer = (500, [], b"<Error><Code>InternalError</Code></Error>")
_REFUSAL: Answer = (
    403, [], b"<Error><Code>InvalidAccessKeyId</Code><Message>No such key.</Message>"
    b"<AWSAccessKeyId>shop-key</AWSAccessKeyId></Error>",
)  # fmt: skip


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def s3_server() -> Iterator[str]:
    """Address of a server that has the bucket."""
    port = free_port()
    program = Path(sys.executable).parent / "moto_server"
    with _running([str(program), "-H", "127.0.0.1", "-p", str(port)], port):
        address = f"http://127.0.0.1:{port}"
        urllib.request.urlopen(urllib.request.Request(f"{address}/{BUCKET}", method="PUT"))
        yield address


@contextmanager
def failing(address: str, every: int, how: str) -> Iterator[str]:
    """Address of a proxy that treats every n-th request badly.

    Args:
        address: The server behind it.
        every: n.
        how: `before` answers 500 unasked, `after` does what was asked and answers 500 all the
            same, `slow` lets it wait for a second; `gone` fails every one after the n-th, and
            `denied` as `gone`, because the keys are wrong.
    """
    port = free_port()
    target = address.rpartition(":")[2]
    with _running([sys.executable, __file__, str(port), target, str(every), how], port):
        yield f"http://127.0.0.1:{port}"


@contextmanager
def _running(words: list[str], port: int) -> Iterator[None]:
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    process = subprocess.Popen(words, env=os.environ | {"PYTHONWARNINGS": "ignore"}, **quiet)
    try:
        while not _answers(port):
            assert process.poll() is None, words
            time.sleep(0.05)
        yield
    finally:
        process.terminate()
        process.wait()


def _answers(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def options(address: str) -> dict[str, str]:
    """How to reach it."""
    return {
        "aws_endpoint_url": address, "aws_access_key_id": "shop-key",
        "aws_secret_access_key": "shop-secret", "aws_region": "us-east-1",
        "aws_allow_http": "true",
    }  # fmt: skip


def _serve(port: int, target: int, every: int, how: str) -> None:
    numbers = itertools.count(1)

    class Proxy(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            number = next(numbers)
            is_bad = number > every if how in _LASTING else number % every == 0
            status, headers, content = _REFUSAL if how == "denied" else _FAILURE
            if is_bad and how == "slow":
                time.sleep(1)
            if not is_bad or how in {"after", "slow"}:
                behind = http.client.HTTPConnection("127.0.0.1", target)
                behind.request(self.command, self.path, body, dict(self.headers))
                said = behind.getresponse()
                given = said.read()
                if not is_bad or how == "slow":
                    status, headers, content = said.status, said.getheaders(), given
                behind.close()
            self.send_response(status)
            length = str(len(content))
            for name, value in headers:
                if name.lower() == "content-length" and self.command == "HEAD":
                    length = value
                elif name.lower() not in {"content-length", "connection", "transfer-encoding"}:
                    self.send_header(name, value)
            self.send_header("Content-Length", length)
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(content)

        do_GET = do_PUT = do_POST = do_DELETE = do_HEAD = answer  # noqa: N815

        def log_message(self, *_: object) -> None:
            return

    ThreadingHTTPServer(("127.0.0.1", port), Proxy).serve_forever()


if __name__ == "__main__":
    _serve(int(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), sys.argv[4])
