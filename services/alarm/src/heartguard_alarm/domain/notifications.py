"""Messages about alarms: what is due, what was sent, and how it reads."""

import string
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

from heartguard_common.messages import AlarmRuleRequest
from heartguard_common.messages.alarm import Language, MessageStatus, Severity

Outcome = Literal["sent", "failed", "cancelled"]
Templates = Mapping[str, str]
"""The texts by name and language, such as `alarm.en`; the first line is `Subject: ...`."""


@dataclass(frozen=True)
class Escalation:
    """An episode that is being notified, its next step, and what is known of the episode now.

    `ended` says why nobody is to be notified any more: acknowledged, closed, withdrawn or over; None while somebody is.
    """

    org_id: int
    episode_id: str
    policy_id: str
    step: int
    repeat: int
    person: int
    rule_id: str
    severity: Severity
    ended: str | None


class DueGroup(NamedTuple):
    """A policy of an organization, and people whose alarms have a step of it that is due."""

    org_id: int
    policy_id: str
    persons: frozenset[int]


class Notification(NamedTuple):
    """A message about an episode by one channel, as people see it."""

    step: int
    repeat: int
    channel_id: str
    service: str
    status: MessageStatus
    at_ns: int
    attempts: int
    error: str | None
    message_id: str | None


@dataclass(frozen=True)
class Message:
    """A message that waits to be sent; times are nanoseconds since the epoch.

    `reports` is the message that failed on another channel, of which this one tells; `reported` whether another one
    tells of this one. `handed_over`: the auth service has the e-mail, and nothing can be taken back.
    """

    org_id: int
    id: str
    policy_id: str
    channel_id: str
    details: bool
    reports: str | None
    created_ns: int
    handed_over: bool
    attempts: int
    reported: bool


@dataclass(frozen=True)
class Subject:
    """An episode that a message is about: who, by which version of which rule, and why it is no news any more."""

    episode_id: str
    person: int
    full_name: str | None
    settings: AlarmRuleRequest
    severity: Severity
    raised_ns: int
    ended: str | None


@dataclass(frozen=True)
class Text:
    """What is sent."""

    subject: str
    text: str


class Entry(NamedTuple):
    """An alarm in a text; `details` is None where it must not say whom it is about."""

    severity: Severity
    link: str
    details: str | None


def alarm_text(templates: Templates, language: Language, entries: Sequence[Entry]) -> Text:
    """A message about alarms, the most serious first."""
    return _render(templates, f"alarm.{language}", entries=_lines(language, entries), **_counted(language, entries))


def report_text(templates: Templates, language: Language, channel: str, entries: Sequence[Entry]) -> Text:
    """A message that says that a channel fails, with the alarms that it did not tell of."""
    values = {"entries": _lines(language, entries), "channel": channel, **_counted(language, entries)}
    return _render(templates, f"channel_fails.{language}", **values)


def channel_test_text(templates: Templates, language: Language, channel: str) -> Text:
    """A message that tries a channel."""
    return _render(templates, f"channel_test.{language}", channel=channel)


def code_text(templates: Templates, language: Language, code: str) -> Text:
    """A message with the code that verifies an address."""
    return _render(templates, f"channel_code.{language}", code=code)


def details_of(subject: Subject, value: float | None) -> str:
    """Whom an alarm is about and why, such as `Ann Lee: heart_rate bpm 131 (High)`."""
    who = subject.full_name or f"user:{subject.person}"
    seen = "" if value is None else f" {value:g}"
    return f"{who}: {subject.settings['measurement']} {subject.settings['field']}{seen} ({subject.settings['name']})"


_SEVERITIES: Mapping[Language, Mapping[Severity, str]] = {
    "en": {"critical": "critical", "warning": "warning", "info": "info"},
    "es": {"critical": "crítica", "warning": "aviso", "info": "información"},
}
_ALARMS: Mapping[Language, tuple[str, str]] = {"en": ("alarm", "alarms"), "es": ("alarma", "alarmas")}
_RANKS: Mapping[Severity, int] = {"critical": 0, "warning": 1, "info": 2}


def _counted(language: Language, entries: Sequence[Entry]) -> dict[str, str]:
    worst = min((it.severity for it in entries), key=_RANKS.__getitem__)
    one, several = _ALARMS[language]
    number = len(entries)
    return {"alarms": f"{number} {one if number == 1 else several}", "severity": _SEVERITIES[language][worst]}


def _lines(language: Language, entries: Sequence[Entry]) -> str:
    lines = []
    for it in sorted(entries, key=lambda it: _RANKS[it.severity]):
        said = "" if it.details is None else f": {_one_line(it.details)}"
        lines.append(f"- {_SEVERITIES[language][it.severity]}{said}\n  {it.link}")
    return "\n".join(lines)


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _render(templates: Templates, name: str, **values: str) -> Text:
    head, _, text = string.Template(templates[name]).substitute(values).partition("\n\n")
    return Text(" ".join(head.removeprefix("Subject: ").split()), text)
