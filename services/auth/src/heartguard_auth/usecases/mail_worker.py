"""Sends auth's e-mails in the background: no answer waits for a mail server or shows by its time that one is sent."""

from functools import partial

from heartguard_auth.domain import Account, Claimed, Email, render_email
from heartguard_auth.ports import Mailer, MailServerUnavailable
from heartguard_auth.usecases.dependencies import Rules, Stores
from heartguard_auth.usecases.passwords import RESET_SECONDS, issue_code
from heartguard_common.core.errors import ServiceError
from heartguard_common.core.retry import RetryPolicy
from heartguard_common.jobs.dead_letters import DeadLetterStore
from heartguard_common.jobs.items import ItemRunner

POLL_SECONDS = 1.0
QUEUE = "mail"
# 30 s, 1, 2, 4 ... 60 minutes: an e-mail that the server will not take is given up after about three hours.
RETRY = RetryPolicy(max_attempts=10, first_delay=30.0, longest_delay=3600.0)
OUTAGE_RETRY = RetryPolicy(None, first_delay=5.0, longest_delay=300.0)
# Repeated requests for a code must not fill somebody else's mailbox.
QUIET_SECONDS = 120


class MailWorker:
    """Empties the outbox, one entry after the other.

    An entry that fails waits by itself. While the mail server is unavailable all entries wait, and no attempt is
    counted.
    """

    def __init__(self, rules: Rules, stores: Stores, mailer: Mailer, dead_letters: DeadLetterStore) -> None:
        self._rules = rules
        self._s = stores
        self._mailer = mailer
        self._emails = ItemRunner(dead_letters, QUEUE, RETRY, outages=(MailServerUnavailable, ServiceError))

    def run(self) -> float:
        """Deal with the entry that has waited longest; returns the seconds until it is worth looking again.

        Raises `MailServerUnavailable`, and GEN_503 when PostgreSQL is unavailable: the entry is due again when its
        lease has ended.
        """
        entry = self._s.outbox.claim()
        if entry is None:
            return POLL_SECONDS
        try:
            self._emails.attempt(
                entry.id, partial(self._deliver, entry), postpone=partial(self._s.outbox.postpone, entry)
            )
        except MailServerUnavailable:
            self._s.outbox.release(entry)
            raise
        return 0

    def _deliver(self, entry: Claimed) -> None:
        held = self._s.outbox.open(entry)
        if held.email is None:
            self._send_code(entry, held.forgotten or "")
        else:
            self._mailer.send(held.email, entry.id)
            with self._s.transactions.transaction():
                self._s.outbox.finish(entry)
                self._emails.succeeded(entry.id)

    def _send_code(self, entry: Claimed, email: str) -> None:
        account = self._s.accounts.by_email(email)
        if account is not None and not (account.active and self._s.outbox.may_send_code(account.email)):
            account = None
        written = None if account is None else self._code_email(account)
        if written is not None:
            self._mailer.send(written, entry.id)
        with self._s.transactions.transaction():
            if account is not None and written is not None:
                self._s.outbox.code_sent(account.email)
                self._s.audit.changed(None, "auth.password_code_sent", f"user:{account.id}", org_id=account.org_id)
            self._s.outbox.finish(entry, quiet_seconds=QUIET_SECONDS)
            self._emails.succeeded(entry.id)

    def _code_email(self, account: Account) -> Email | None:
        """An e-mail with a new code: one that waited for the mail server would be old when it arrives.

        None where the account has changed since it was read.
        """
        issued = issue_code(self._s, account)
        if issued is None:
            return None
        minutes = RESET_SECONDS // 60
        return render_email(
            self._rules.email_templates["password_reset"], account.email, code=issued[0], minutes=minutes
        )
