"""Sends e-mails in the background: no answer waits for a mail server, or shows by its time whether one is sent."""

import logging
from collections.abc import Callable

from heartguard_auth.accounts.domain import Account
from heartguard_auth.accounts.ports import Accounts
from heartguard_auth.mail.domain import ClaimedEntry, Email
from heartguard_auth.mail.ports import Mailer, MailError, MailServerUnavailable, Outbox, Undeliverable
from heartguard_auth.shared.ports import CommonPorts
from heartguard_common.core.errors import ServiceError
from heartguard_common.jobs.dead_letters import DeadLetterStore, Failure, Patience, reason_of

POLL_SECONDS = 1.0
QUEUE = "mail"
# 30 s, 1, 2, 4 ... 60 minutes: an e-mail that the server will not take is given up after about three hours.
PATIENCE = Patience(attempts=10, first_seconds=30.0, longest_seconds=3600.0)
FIRST_OUTAGE_SECONDS = 5.0
LONGEST_OUTAGE_SECONDS = 300.0
# Repeated requests for a code must not fill another person's mailbox.
QUIET_SECONDS = 120
_log = logging.getLogger("heartguard.auth")


class MailWorker:
    """Empties the outbox, one entry after the other.

    An entry that fails is retried later, and delays no other. While the mail server is unavailable all entries wait,
    and no attempt is counted. `code_email` returns an e-mail with a new password code for an account, or None where the
    account has changed since it was read.
    """

    def __init__(
        self,
        common: CommonPorts,
        *,
        accounts: Accounts,
        outbox: Outbox,
        code_email: Callable[[Account], Email | None],
        mailer: Mailer,
        dead_letters: DeadLetterStore,
    ) -> None:
        self._common = common
        self._accounts = accounts
        self._outbox = outbox
        self._code_email = code_email
        self._mailer = mailer
        self._dead_letters = dead_letters
        self._outages = 0

    def run(self) -> float:
        """Send the entry that has waited longest; returns the seconds until the next call.

        Raises GEN_503 when PostgreSQL is unavailable; the entry is due again when its lease has ended.
        """
        entry = self._outbox.claim()
        if entry is None:
            return POLL_SECONDS
        try:
            self._deliver(entry)
        except MailServerUnavailable as error:
            self._outbox.release(entry)
            wait = min(FIRST_OUTAGE_SECONDS * 2.0**self._outages, LONGEST_OUTAGE_SECONDS)
            self._outages = min(self._outages + 1, 30)
            _log.warning("the mail server is unavailable, all e-mails wait %s s: %s", wait, error.reason)
            return wait
        except ServiceError:
            raise
        except Exception as error:  # noqa: BLE001  no error of one entry may stop the others
            self._failed(entry, error)
        self._outages = 0
        return 0

    def _deliver(self, entry: ClaimedEntry) -> None:
        content = self._outbox.open(entry)
        if content.email is None:
            self._send_code(entry, content.code_for or "")
        else:
            self._mailer.send(content.email, entry.id)
            with self._common.transactions.transaction():
                self._outbox.finish(entry)
                self._dead_letters.succeeded(QUEUE, [entry.id])

    def _failed(self, entry: ClaimedEntry, error: Exception) -> None:
        # Without the error's text, which may quote the address.
        reason = error.reason if isinstance(error, MailError) else reason_of(error)
        with self._common.transactions.transaction():
            failure = Failure(QUEUE, entry.id, reason, lasting=isinstance(error, Undeliverable))
            self._outbox.postpone(entry, self._dead_letters.failed(failure, PATIENCE).due_ns)

    def _send_code(self, entry: ClaimedEntry, email: str) -> None:
        account = self._accounts.by_email(email)
        if account is not None and not (account.active and self._outbox.may_send_code(account.email)):
            account = None
        # Made only now: a code that waited for the mail server would be old when it arrives.
        written = None if account is None else self._code_email(account)
        if written is not None:
            self._mailer.send(written, entry.id)
        with self._common.transactions.transaction():
            if account is not None and written is not None:
                self._outbox.code_sent(account.email)
                self._common.audit.changed(None, "auth.password_code_sent", f"user:{account.id}", org_id=account.org_id)
            self._outbox.finish(entry, quiet_seconds=QUIET_SECONDS)
            self._dead_letters.succeeded(QUEUE, [entry.id])
