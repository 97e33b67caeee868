"""Alerts: told once when something goes wrong and once when it is over, whatever fails between.

The book is a sensor's cursor: what is open, and what each channel has not been told yet. A message
that cannot be sent stays in the book and goes out with the next one.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from forecast_platform.watching.channels import Channel, ChannelError
from forecast_platform.watching.findings import Finding, wrong

_MOST_UNTOLD = 500
"""Events kept for a channel that does not answer; the oldest go first."""


@dataclass(frozen=True)
class Alert:
    """Something that is wrong, or was.

    Attributes:
        what: Its name.
        told: What was found.
        mend: What mends it.
        group: What was being looked at.
        since: Since when, in ISO format.
        seen: When it was seen first.
        begun: Whether anybody was to be told, its patience being over.
        until: When it was over; None while it is not.
    """

    what: str
    told: str
    mend: str
    group: str
    since: str
    seen: str
    begun: bool = False
    until: str | None = None


@dataclass
class Book:
    """Open alerts, and what each channel has to be told.

    Attributes:
        open: Open alerts by name, those still waited for included.
        untold: By channel, alerts as they began or ended.
    """

    open: dict[str, Alert] = field(default_factory=dict)
    untold: dict[str, list[Alert]] = field(default_factory=dict)

    @classmethod
    def read(cls, text: str | None) -> Book:
        """The book that was written as `text`; an empty one if there is none."""
        known: dict[str, Any] = json.loads(text or "{}")
        return cls(
            {name: Alert(**alert) for name, alert in known.get("open", {}).items()},
            {channel: [Alert(**alert) for alert in alerts]
             for channel, alerts in known.get("untold", {}).items()},
        )  # fmt: skip

    def write(self) -> str:
        """The book as text."""
        return json.dumps(asdict(self))

    @property
    def begun(self) -> list[Alert]:
        """Open alerts of which people are told, the oldest first."""
        return sorted((a for a in self.open.values() if a.begun), key=lambda alert: alert.since)

    def note(self, findings: Iterable[Finding], channels: Iterable[str], now: dt.datetime) -> None:
        """Compare what is wrong now with what was, and keep for each channel what changed.

        Args:
            findings: All that was looked at.
            channels: Names of the channels; a new one is told of all that is open.
            now: The time, with its zone.
        """
        found = wrong(findings)
        unseen = {finding.group for finding in found if finding.unseen}
        self.untold = {name: self.untold.get(name, self.begun) for name in channels}
        for alert in [*self.open.values()]:
            if alert.what not in {f.what for f in found} and alert.group not in unseen:
                del self.open[alert.what]
                if alert.begun:
                    self._tell(replace(alert, until=now.isoformat()))
        for finding in found:
            self._see(finding, now)

    def _see(self, finding: Finding, now: dt.datetime) -> None:
        seen = now.isoformat()
        since = finding.since.isoformat() if finding.since else seen
        before = self.open.get(finding.what)
        alert = replace(
            before or Alert(finding.what, "", "", finding.group, since, seen),
            told=finding.told, mend=finding.mend,
        )  # fmt: skip
        due = dt.datetime.fromisoformat(alert.seen) + finding.patience <= now
        if due and not alert.begun:
            alert = replace(alert, begun=True)
            self._tell(alert)
        self.open[finding.what] = alert

    def _tell(self, alert: Alert) -> None:
        for channel in self.untold:
            self.untold[channel] = [*self.untold[channel], alert][-_MOST_UNTOLD:]

    def deliver(self, channels: Mapping[str, Channel]) -> list[str]:
        """Send each channel one message with all that it was not told yet.

        Returns:
            Why a channel did not take its message; it is tried again at the next call.
        """
        failures = []
        for name, send in channels.items():
            if not (alerts := self.untold.get(name)):
                continue
            try:
                send(message(alerts))
                self.untold[name] = []
            except Exception as error:
                # Whatever breaks one channel, the others are told. Of errors that are not ours
                # only the class, since their text may hold an address with its password.
                why = error if isinstance(error, ChannelError) else type(error).__name__
                failures.append(f"{len(alerts)} alerts wait to be sent by {name}: {why}")
        return failures


def message(alerts: Sequence[Alert]) -> dict[str, Any]:
    """What a channel is sent.

    Returns:
        `subject` and `text` for people; `began` and `ended`, lists of alerts, for programs.
    """
    began = [alert for alert in alerts if alert.until is None]
    ended = [alert for alert in alerts if alert.until is not None]
    said = [f"{len(began)} wrong"] * bool(began) + [f"{len(ended)} over"] * bool(ended)
    names = ", ".join(alert.what for alert in alerts[:3]) + (", ..." if len(alerts) > 3 else "")
    lines = [
        f"WRONG  {a.what}: {a.told}\n       since {_time(a.since)}\n       mend: {a.mend}"
        for a in began
    ]
    lines += [f"OVER   {a.what}: {_time(a.since)} to {_time(a.until or '')}" for a in ended]
    told = ("what", "told", "mend", "since", "until")
    return {
        "subject": f"forecast-platform: {' and '.join(said)} ({names})",
        "text": "\n\n".join(lines),
        **{kind: [{name: getattr(alert, name) for name in told} for alert in some]
           for kind, some in (("began", began), ("ended", ended))},
    }  # fmt: skip


def _time(moment: str) -> str:
    return dt.datetime.fromisoformat(moment).astimezone(dt.UTC).strftime("%Y-%m-%d %H:%M UTC")
