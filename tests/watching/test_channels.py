"""Alerts leave by a real webhook and a real mail server; errors tell no secret."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from pydantic import SecretStr, ValidationError

from forecast_platform.settings import Settings
from forecast_platform.watching.channels import ChannelError, channels, mail, post
from tests.running.conftest import free_port
from tests.watching.listeners import mail_server, make_certificate, webhook

MESSAGE = {"subject": "1 wrong (disk)", "text": "WRONG  disk: 1 GB free, señor"}


def test_a_webhook_gets_the_message_as_json() -> None:
    with webhook() as hook:
        post(hook.address, MESSAGE)
        assert hook.messages == [MESSAGE]


def test_a_webhook_that_refuses_is_said_without_its_token() -> None:
    with webhook() as hook:
        hook.answer = 500
        with pytest.raises(ChannelError, match=r"127\.0\.0\.1 answers 500") as refused:
            post(hook.address, MESSAGE)
    with pytest.raises(ChannelError, match=r"127\.0\.0\.1 does not answer") as gone:
        post(hook.address, MESSAGE)
    assert "s3cret" not in f"{refused.value} {gone.value}"
    assert gone.value.__suppress_context__


@contextmanager
def speaks_no_http() -> Iterator[int]:
    """A server that answers with a line of its own; its port."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def answer() -> None:
            connection, _ = server.accept()
            with connection:
                connection.recv(65536)
                connection.sendall(b"220 mail.example ready\r\n")

        thread = threading.Thread(target=answer)
        thread.start()
        yield server.getsockname()[1]
        thread.join()


def test_a_webhook_that_speaks_no_http_is_said() -> None:
    with (
        speaks_no_http() as port,
        pytest.raises(ChannelError, match=r"127\.0\.0\.1 does not answer \(BadStatusLine\)"),
    ):
        post(f"http://127.0.0.1:{port}/s3cret", MESSAGE)


@pytest.mark.parametrize("address", ["http://host:80a/s3cret", "http://[host/s3cret"])
def test_a_webhook_whose_address_is_none_is_said_without_its_token(address: str) -> None:
    with pytest.raises(ChannelError, match="webhook_url") as refused:
        post(address, MESSAGE)
    assert "s3cret" not in str(refused.value)


@pytest.mark.parametrize(
    "server", ["smtp://shop:s3cret@host:25x", "smtp://shop:s3[cret@host", "smtp://shop:s3/cret@h"]
)
def test_a_mail_server_whose_address_is_none_is_said_without_its_password(server: str) -> None:
    with pytest.raises(ChannelError, match="smtp_url is no address") as refused:
        mail(server, "a@b.example", MESSAGE)
    assert "s3" not in str(refused.value)


def test_a_letter_reaches_every_receiver() -> None:
    with mail_server() as server:
        to = "stock@shop.example, boss@shop.example"
        mail(f"smtp://127.0.0.1:{server.port}?from=robot@shop.example", to, MESSAGE)
    (letter,) = server.letters
    assert (letter["From"], letter["To"]) == ("robot@shop.example", to)
    assert letter["Subject"] == MESSAGE["subject"]
    body = letter.get_payload(decode=True)
    assert isinstance(body, bytes)
    assert body.decode().strip() == MESSAGE["text"]


def test_a_letter_goes_by_tls_with_a_password(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    certificate = make_certificate(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    with mail_server(certificate) as server:
        where = f"localhost:{server.port}"
        mail(f"smtp+starttls://shop%40shop.example:s3same@{where}", "a@b.example", MESSAGE)
        assert [letter["From"] for letter in server.letters] == ["shop@shop.example"]
        with pytest.raises(ChannelError, match="refuses user or password") as wrong:
            mail(f"smtp+starttls://shop:wr0ng@{where}", "a@b.example", MESSAGE)
        assert "wr0ng" not in str(wrong.value)
        with pytest.raises(ChannelError, match="does not take e-mail"):
            mail(f"smtp://shop:s3same@{where}", "a@b.example", MESSAGE)
    assert len(server.letters) == 1


def test_a_mail_server_that_nobody_vouches_for_is_refused(tmp_path: Path) -> None:
    with (
        mail_server(make_certificate(tmp_path)) as server,
        pytest.raises(ChannelError, match="self-signed certificate"),
    ):
        mail(f"smtp+starttls://shop:s3same@localhost:{server.port}", "a@b.example", MESSAGE)


def test_channels_are_those_of_the_settings(tmp_path: Path) -> None:
    address = SecretStr(f"http://127.0.0.1:{free_port()}/x")
    server = SecretStr("smtps://mail.example")
    assert channels(Settings(home=tmp_path)) == {}
    assert [*channels(Settings(home=tmp_path, webhook_url=address))] == ["webhook"]
    both = Settings(home=tmp_path, webhook_url=address, smtp_url=server, alert_email="a@b.example")
    assert [*channels(both)] == ["webhook", "e-mail"]


@pytest.mark.parametrize(
    ("name", "value"), [("webhook_url", "hooks.example/t0ken"), ("smtp_url", "http://u:t0ken@host")]
)
def test_an_address_of_another_kind_is_refused(name: str, value: str, tmp_path: Path) -> None:
    with pytest.raises(ValidationError, match="should start with"):
        Settings(home=tmp_path, **{name: SecretStr(value)})
