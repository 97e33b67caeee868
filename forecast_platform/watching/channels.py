"""Where alerts go: a webhook, e-mail. Errors name hosts, never passwords or tokens."""

from __future__ import annotations

import json
import smtplib
import ssl
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from email.message import EmailMessage
from http.client import HTTPException, InvalidURL
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from forecast_platform.errors import PlatformError
from forecast_platform.settings import Settings

Channel = Callable[[Mapping[str, Any]], None]
"""Sends one message, or raises ChannelError."""

_TIMEOUT_SECONDS = 10
_PORTS = {"smtp": 25, "smtp+starttls": 587, "smtps": 465}


class ChannelError(PlatformError):
    """A message could not be sent; it is sent again later."""


def channels(settings: Settings) -> dict[str, Channel]:
    """The channels that the settings name."""
    named: dict[str, Channel] = {}
    if settings.webhook_url:
        address = settings.webhook_url.get_secret_value()
        named["webhook"] = lambda message: post(address, message)
    if settings.alert_email and settings.smtp_url:
        to, server = settings.alert_email, settings.smtp_url.get_secret_value()
        named["e-mail"] = lambda message: mail(server, to, message)
    return named


def post(address: str, message: Mapping[str, Any]) -> None:
    """Post a message as JSON.

    Raises:
        ChannelError: If the host does not take it.
    """
    try:
        request = urllib.request.Request(
            address, json.dumps(message).encode(), {"Content-Type": "application/json"}
        )
        urllib.request.urlopen(request, timeout=_TIMEOUT_SECONDS).close()
    except urllib.error.HTTPError as error:
        raise ChannelError(f"{_host(address)} answers {error.code}; mend webhook_url.") from None
    except (OSError, ValueError, HTTPException) as error:
        raise ChannelError(f"{_host(address)} does not answer ({_kind(error)}).") from None


def mail(server: str, to: str, message: Mapping[str, Any]) -> None:
    """Send a message as e-mail.

    Args:
        server: `smtps://`, `smtp+starttls://` or `smtp://`, with `user:password@` where the
            server asks for it; `?from=` names the sender, else the user or the first receiver.
        to: Receivers, with commas between.
        message: What `alerts.message` gives.

    Raises:
        ChannelError: If the server does not take it.
    """
    try:
        parts = urlsplit(server)
        where, port = parts.hostname or "localhost", parts.port or _PORTS[parts.scheme]
    except ValueError:
        raise ChannelError("smtp_url is no address; mend it.") from None
    user, password = unquote(parts.username or ""), unquote(parts.password or "")
    try:
        letter = EmailMessage()
        letter["Subject"] = message["subject"]
        letter["To"] = to
        named = parse_qs(parts.query).get("from", [user if "@" in user else to.split(",")[0]])
        letter["From"] = named[0].strip()
        letter.set_content(message["text"])
        with _session(parts.scheme, where, port) as session:
            if user:
                session.login(user, password)
            session.send_message(letter)
    except (smtplib.SMTPException, OSError, ValueError) as error:
        raise ChannelError(f"{where}:{port} does not take e-mail ({_kind(error)}).") from None


def _session(scheme: str, host: str, port: int) -> smtplib.SMTP:
    if scheme == "smtps":
        context = ssl.create_default_context()
        return smtplib.SMTP_SSL(host, port, timeout=_TIMEOUT_SECONDS, context=context)
    session = smtplib.SMTP(host, port, timeout=_TIMEOUT_SECONDS)
    if scheme == "smtp+starttls":
        try:
            session.starttls(context=ssl.create_default_context())
        except BaseException:
            session.close()
            raise
    return session


def _kind(error: Exception) -> str:
    """What went wrong, without what the other side was sent."""
    if isinstance(error, smtplib.SMTPAuthenticationError):
        return "it refuses user or password; mend smtp_url"
    if isinstance(error, smtplib.SMTPResponseException):
        return f"it answers {error.smtp_code}"
    if isinstance(error, InvalidURL):
        return "it is no address; mend webhook_url"
    inner = getattr(error, "reason", None)
    cause = inner if isinstance(inner, Exception) else error
    told = getattr(cause, "verify_message", None) or getattr(cause, "strerror", None)
    return str(told or type(cause).__name__)


def _host(address: str) -> str:
    try:
        return urlsplit(address).hostname or "webhook_url"
    except ValueError:
        return "webhook_url"
