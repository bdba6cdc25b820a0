"""The outbox, and what hands e-mails to a mail server."""

from collections.abc import Sequence
from typing import Protocol

from heartguard_auth.mail.domain import ClaimedEntry, Email, EmailState, OutboxEntry
from heartguard_common.core.retry import AttemptError


class MailError(AttemptError):
    """An e-mail was not sent; `reason` quotes neither the e-mail nor the mail server."""


class MailServerUnavailable(MailError):  # noqa: N818  a state of the server
    """The mail server takes no e-mail at all now."""


class Deferred(MailError):  # noqa: N818  a state of the e-mail
    """The mail server does not take this e-mail now."""


class Undeliverable(MailError):  # noqa: N818  a state of the e-mail
    """The e-mail can't be sent, now or later."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason, permanent=True)


class Outbox(Protocol):
    """E-mails that wait to be sent, and survive crashes. Without a mail server nothing is stored.

    A use case that sends something calls `enqueue` inside its own transaction: the thread `mail` sends the e-mail after
    the commit, and never without one. The e-mail may arrive twice, with the same Message-ID.
    """

    def enqueue(self, to: str, subject: str, text: str, *, org_id: int, sender: int | None) -> None:
        """Have an e-mail sent once the current transaction has committed.

        It counts as the organization's, as the sender's (the operator is None and has no limit), and as one that the
        address gets from any organization.
        Raises `LimitError` when one of them has had as many as are allowed in a day.
        """

    def enqueue_alarm(self, email: Email, email_id: str) -> None:
        """Have an e-mail of the alarm service sent once the current transaction has committed; its id is given."""

    def alarm_state(self, email_id: str) -> EmailState | None:
        """What has become of an e-mail of the alarm service; None where there is none, or since a day none any more."""

    def may_send_code(self, email: str) -> bool:
        """Whether another code may be sent to an address today."""

    def code_sent(self, email: str) -> None:
        """Count a code that was sent to an address, with the current transaction."""

    def request_code(self, email: str) -> None:
        """Store a request for a password code to this address, whether or not there is an account."""

    def request_confirmation(self, email: str) -> None:
        """Store a request for a code that confirms this address, whether or not there is an account."""

    def claim(self) -> ClaimedEntry | None:
        """The entry that has waited longest, kept from other workers for a while; None when nothing is due."""

    def open(self, entry: ClaimedEntry) -> OutboxEntry:
        """The content of an entry. Raises ValueError where it can't be decrypted: the secret has changed."""

    def release(self, entry: ClaimedEntry) -> None:
        """Give an entry back untried: it is due as before."""

    def finish(self, entry: ClaimedEntry, *, quiet_seconds: int = 0) -> None:
        """Remove an entry; with `quiet_seconds` further requests like it are ignored for that long."""

    def postpone(self, entry: ClaimedEntry, due_ns: int | None) -> None:
        """Try an entry again at that time, in nanoseconds since the epoch; None: not before the operator says so."""

    def delete_for(self, addresses: Sequence[str]) -> None:
        """Remove every entry for these addresses."""


class Mailer(Protocol):
    """Hands e-mails to a mail server."""

    def send(self, email: Email, email_id: str) -> None:
        """Hand over one e-mail.

        Raises `Undeliverable` where trying this e-mail again can't help, `Deferred` where it may, and
        `MailServerUnavailable` where no e-mail could be sent now.
        """
