"""Alerts are told once when they begin and once when they end, whatever fails between."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any

import pytest

from forecast_platform.watching.alerts import Book, message
from forecast_platform.watching.channels import ChannelError
from forecast_platform.watching.findings import Finding

NOW = dt.datetime(2026, 3, 1, 8, tzinfo=dt.UTC)
HOUR = dt.timedelta(hours=1)
FULL = Finding("disk", False, "1 GB free", "free space", group="disk")
REFUSED = Finding("sales/a.csv", False, "no column", "mend it", group="landing")


class Sent:
    """A channel that can be out of order."""

    def __init__(self) -> None:
        self.messages: list[Mapping[str, Any]] = []
        self.works = True

    def __call__(self, sent: Mapping[str, Any]) -> None:
        if not self.works:
            raise ChannelError("no answer")
        self.messages.append(sent)

    def told(self) -> list[tuple[list[str], list[str]]]:
        """Names of what began and of what ended, by message."""
        return [
            ([a["what"] for a in m["began"]], [a["what"] for a in m["ended"]])
            for m in self.messages
        ]


class Sensor:
    """Ticks over a book that is written and read again each time, as the daemon does it."""

    def __init__(self, **channels: Sent) -> None:
        self.cursor: str | None = None
        self.channels = channels
        self.now = NOW

    def tick(self, *findings: Finding) -> list[str]:
        book = Book.read(self.cursor)
        book.note(findings, self.channels, self.now)
        failures = book.deliver(self.channels)
        self.cursor = book.write()
        self.now += dt.timedelta(minutes=1)
        return failures


def test_an_alert_is_sent_once_when_it_begins_and_once_when_it_is_over() -> None:
    hook = Sent()
    sensor = Sensor(webhook=hook)
    for findings in [(FULL,), (FULL,), (FULL,), (), ()]:
        assert sensor.tick(*findings) == []
    assert hook.told() == [(["disk"], []), ([], ["disk"])]
    (over,) = hook.messages[1]["ended"]
    assert over["since"] == NOW.isoformat()
    assert over["until"] == (NOW + dt.timedelta(minutes=3)).isoformat()


def test_many_at_once_are_one_message() -> None:
    hook = Sent()
    sensor = Sensor(webhook=hook)
    files = [Finding(f"sales/{n}.csv", False, "no column", "mend") for n in range(40)]
    sensor.tick(*files)
    sensor.tick(files[0], FULL)
    assert [(len(began), len(ended)) for began, ended in hook.told()] == [(40, 0), (1, 39)]
    assert hook.messages[1]["subject"].startswith("forecast-platform: 1 wrong and 39 over")


def test_a_channel_that_fails_is_told_later_and_the_other_is_not_told_twice() -> None:
    hook, mail = Sent(), Sent()
    sensor = Sensor(webhook=hook, mail=mail)
    hook.works = False
    assert sensor.tick(FULL) == ["1 alerts wait to be sent by webhook: no answer"]
    assert len(sensor.tick(FULL, REFUSED)) == 1
    assert sensor.tick(REFUSED) == ["3 alerts wait to be sent by webhook: no answer"]
    hook.works = True
    assert sensor.tick(REFUSED) == []
    assert hook.told() == [(["disk", "sales/a.csv"], ["disk"])]
    assert mail.told() == [(["disk"], []), (["sales/a.csv"], []), ([], ["disk"])]


def test_a_channel_that_breaks_silences_neither_the_other_nor_itself() -> None:
    class Broken(Sent):
        def __call__(self, sent: Mapping[str, Any]) -> None:
            if not self.works:
                raise LookupError("https://hooks.example/s3cret")
            super().__call__(sent)

    hook, mail = Broken(), Sent()
    sensor = Sensor(webhook=hook, mail=mail)
    hook.works = False
    assert sensor.tick(FULL) == ["1 alerts wait to be sent by webhook: LookupError"]
    assert mail.told() == [(["disk"], [])]
    hook.works = True
    assert sensor.tick(FULL) == []
    assert hook.told() == [(["disk"], [])]


def test_what_is_made_soon_is_not_told() -> None:
    hook = Sent()
    sensor = Sensor(webhook=hook)
    stale = Finding("up to date", False, "stale", "run", patience=HOUR)
    sensor.tick(stale)
    sensor.tick()
    sensor.tick(stale)
    assert hook.told() == []
    sensor.now += HOUR
    sensor.tick(stale)
    assert hook.told() == [(["up to date"], [])]
    assert hook.messages[0]["began"][0]["since"] == (NOW + dt.timedelta(minutes=2)).isoformat()


def test_a_channel_set_later_is_told_what_is_open() -> None:
    sensor = Sensor()
    sensor.tick(FULL)
    hook = sensor.channels["webhook"] = Sent()
    sensor.tick(FULL, REFUSED)
    assert hook.told() == [(["disk", "sales/a.csv"], [])]


def test_what_cannot_be_looked_at_is_not_over() -> None:
    hook = Sent()
    sensor = Sensor(webhook=hook)
    sensor.tick(REFUSED)
    unseen = Finding("landing", False, "unreadable", "mend", group="landing", unseen=True)
    sensor.tick(unseen)
    sensor.tick(REFUSED)
    assert hook.told() == [(["sales/a.csv"], []), (["landing"], []), ([], ["landing"])]


def test_a_message_says_what_since_when_and_the_command() -> None:
    book = Book()
    failed = Finding("features failed", False, "no power (run 1)", "`forecast-platform run`",
                     since=NOW - HOUR)  # fmt: skip
    book.note([failed], ["webhook"], NOW)
    text = message(book.untold["webhook"])["text"]
    assert text == (
        "WRONG  features failed: no power (run 1)\n"
        "       since 2026-03-01 07:00 UTC\n"
        "       mend: `forecast-platform run`"
    )


@pytest.mark.parametrize("days", [1, 30])
def test_a_book_of_a_channel_that_never_answers_stays_small(days: int) -> None:
    hook = Sent()
    hook.works = False
    sensor = Sensor(webhook=hook)
    for n in range(600 * days // 30):
        sensor.tick(*[REFUSED] * (n % 2))
    assert len(sensor.cursor or "") < 300_000
