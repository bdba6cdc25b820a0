"""E-mails, and entries of the outbox."""

import string
from dataclasses import dataclass
from typing import Literal

EMAIL, PASSWORD_CODE, EMAIL_CODE, ALARM = "email", "password_code", "email_code", "alarm"
"""The kinds of entries of the outbox: an e-mail, requests for codes that set a password or confirm an address, and an
e-mail of the alarm service, which asks what has become of it.
"""


@dataclass(frozen=True)
class Email:
    """An e-mail to one person, as plain text."""

    to: str
    subject: str
    text: str


@dataclass(frozen=True)
class ClaimedEntry:
    """An entry of the outbox, still encrypted, that no other worker gets until its lease ends."""

    id: str
    kind: str
    encrypted: str


@dataclass(frozen=True)
class EmailState:
    """What has become of an e-mail of the alarm service: how many attempts have failed, and why the last one."""

    status: Literal["waiting", "sent", "failed"]
    attempts: int = 0
    error: str | None = None


@dataclass(frozen=True)
class OutboxEntry:
    """The content of an outbox entry: an `email` to send, or the address that a code was requested for."""

    email: Email | None = None
    code_for: str | None = None


def render_email(template: str, to: str, **values: object) -> Email:
    """An e-mail from a template, whose first line is `Subject: ...` and whose `${names}` are filled in."""
    head, _, text = string.Template(template).substitute(values).partition("\n\n")
    return Email(to, head.removeprefix("Subject: "), text)
