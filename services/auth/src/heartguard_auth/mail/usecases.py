"""Sends e-mails in the background: no answer waits for a mail server, or shows by its time whether one is sent."""

from collections.abc import Callable, Mapping
from functools import partial

from heartguard_auth.accounts.domain import Account
from heartguard_auth.accounts.ports import Accounts
from heartguard_auth.errors import NO_RECIPIENT
from heartguard_auth.mail.domain import ClaimedEntry, Email, EmailState
from heartguard_auth.mail.ports import Mailer, MailServerUnavailable, Outbox
from heartguard_auth.shared.ports import CommonPorts
from heartguard_common.core.errors import ServiceError
from heartguard_common.core.retry import RetryPolicy
from heartguard_common.jobs.dead_letters import DeadLetterStore
from heartguard_common.jobs.items import ItemRunner
from heartguard_common.messages import AlarmEmail

POLL_SECONDS = 1.0
QUEUE = "mail"
# 30 s, 1, 2, 4 ... 60 minutes: an e-mail that the server will not take is given up after about three hours.
RETRY = RetryPolicy(max_attempts=10, first_delay=30.0, longest_delay=3600.0)
OUTAGE_RETRY = RetryPolicy(None, first_delay=5.0, longest_delay=300.0)
# Repeated requests for a code must not fill another person's mailbox.
QUIET_SECONDS = 120


class MailWorker:
    """Empties the outbox, one entry after the other.

    An entry that fails is retried later, and delays no other. While the mail server is unavailable all entries wait,
    and no attempt is counted. `code_emails` return, by the kind of the entry, an e-mail with a new code for an account,
    or None where none is to be sent or the account has changed since it was read.
    """

    def __init__(
        self,
        common: CommonPorts,
        *,
        accounts: Accounts,
        outbox: Outbox,
        code_emails: Mapping[str, Callable[[Account], Email | None]],
        mailer: Mailer,
        dead_letters: DeadLetterStore,
    ) -> None:
        self._common = common
        self._accounts = accounts
        self._outbox = outbox
        self._code_emails = code_emails
        self._mailer = mailer
        self._emails = ItemRunner(dead_letters, QUEUE, RETRY, outages=(MailServerUnavailable, ServiceError))

    def run(self) -> float:
        """Send the entry that has waited longest; returns the seconds until the next call.

        Raises `MailServerUnavailable`, and GEN_503 when PostgreSQL is unavailable: the entry is due again when its
        lease has ended.
        """
        entry = self._outbox.claim()
        if entry is None:
            return POLL_SECONDS
        try:
            self._emails.attempt(
                entry.id, partial(self._deliver, entry), postpone=partial(self._outbox.postpone, entry)
            )
        except MailServerUnavailable:
            self._outbox.release(entry)
            raise
        return 0

    def _deliver(self, entry: ClaimedEntry) -> None:
        content = self._outbox.open(entry)
        if content.email is None:
            self._send_code(entry, content.code_for or "")
        else:
            self._mailer.send(content.email, entry.id)
            with self._common.transactions.transaction():
                self._outbox.finish(entry)
                self._emails.succeeded(entry.id)

    def _send_code(self, entry: ClaimedEntry, email: str) -> None:
        account = self._accounts.by_email(email)
        if account is not None and not (account.active and self._outbox.may_send_code(account.email)):
            account = None
        # Made only now: a code that waited for the mail server would be old when it arrives.
        written = None if account is None else self._code_emails[entry.kind](account)
        if written is not None:
            self._mailer.send(written, entry.id)
        with self._common.transactions.transaction():
            if account is not None and written is not None:
                self._outbox.code_sent(account.email)
                action = f"auth.{entry.kind}_sent"
                self._common.audit.changed(None, action, f"user:{account.id}", org_id=account.org_id)
            self._outbox.finish(entry, quiet_seconds=QUIET_SECONDS)
            self._emails.succeeded(entry.id)


class AlarmEmails:
    """E-mails of the alarm service to members and to addresses that it has verified."""

    def __init__(self, common: CommonPorts, *, accounts: Accounts, outbox: Outbox) -> None:
        self._common = common
        self._accounts = accounts
        self._outbox = outbox

    def send(self, asked: AlarmEmail) -> EmailState:
        """Store an e-mail that is not known yet, and say what has become of it.

        So a request that is repeated, after a crash of the caller too, sends one e-mail. Raises AUTH_085.
        """
        with self._common.transactions.transaction():
            to = self._recipient(asked)
            if to is None:
                raise ServiceError(NO_RECIPIENT)
            known = self._outbox.alarm_state(asked["id"])
            if known is not None:
                return known
            if asked.get("verifies", False):
                if not self._outbox.may_send_code(to):
                    return EmailState("failed", 0, "the address has got as many codes as it may in a day")
                self._outbox.code_sent(to)
            self._outbox.enqueue_alarm(Email(to, asked["subject"], asked["text"]), asked["id"])
        return EmailState("waiting")

    def _recipient(self, asked: AlarmEmail) -> str | None:
        """The address, None where nothing may be sent. The organization or member is not deleted meanwhile."""
        user_id = asked.get("user_id")
        if not self._common.authority.admits(asked["org_id"], user_id):
            return None
        if user_id is None:
            return asked.get("address")
        account = self._accounts.by_id(user_id)
        return account.email if account is not None and account.active and account.org_id == asked["org_id"] else None
