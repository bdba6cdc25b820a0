"""The letters of auth, sent beside the requests: nobody's answer waits for a mail server, or tells by its time."""

import logging

from heartguard_auth.domain import Account, Claimed, Letter, letter
from heartguard_auth.ports import Mailer, MailError, MailServerAway, Undeliverable
from heartguard_auth.usecases.parts import Rules, Stores
from heartguard_auth.usecases.passwords import RESET_SECONDS, issue_code
from heartguard_common.dead_letters import DeadLetterStore, Failure, Patience, reason_of
from heartguard_common.errors import ServiceError

POLL_SECONDS = 1.0
QUEUE = "mail"
# 30 s, 1, 2, 4 ... 60 minutes: a letter that the server will not take is given up after about three hours.
PATIENCE = Patience(attempts=10, first_seconds=30.0, longest_seconds=3600.0)
FIRST_OUTAGE_SECONDS = 5.0
LONGEST_OUTAGE_SECONDS = 300.0
# Somebody who asks for one code after the other does not fill a stranger's mailbox.
QUIET_SECONDS = 120
_log = logging.getLogger("heartguard.auth")


class Postman:
    """Empties the outbox, one entry after the other.

    An entry that fails rests by itself. A mail server that is away is no entry's fault: all wait, and none is counted.
    """

    def __init__(self, rules: Rules, stores: Stores, mailer: Mailer, letters: DeadLetterStore) -> None:
        self._rules = rules
        self._s = stores
        self._mailer = mailer
        self._letters = letters
        self._outages = 0

    def run(self) -> float:
        """Deal with the entry that has waited longest; returns the seconds until it is worth looking again.

        Raises GEN_503 when PostgreSQL is away; the entry is due again when its lease has ended.
        """
        entry = self._s.outbox.claim()
        if entry is None:
            return POLL_SECONDS
        try:
            self._deliver(entry)
        except MailServerAway as error:
            self._s.outbox.release(entry)
            wait = min(FIRST_OUTAGE_SECONDS * 2.0**self._outages, LONGEST_OUTAGE_SECONDS)
            self._outages = min(self._outages + 1, 30)
            _log.warning("the mail server is away, all letters wait %s s: %s", wait, error.reason)
            return wait
        except ServiceError:
            raise
        except Exception as error:  # noqa: BLE001  whatever one entry raises, the others must go on
            self._failed(entry, error)
        self._outages = 0
        return 0

    def _deliver(self, entry: Claimed) -> None:
        held = self._s.outbox.open(entry)
        if held.letter is None:
            self._send_code(entry, held.forgotten or "")
        else:
            self._mailer.send(held.letter, entry.id)
            with self._s.transactions.transaction():
                self._s.outbox.finish(entry)
                self._letters.succeeded(QUEUE, [entry.id])

    def _failed(self, entry: Claimed, error: Exception) -> None:
        # Not the error's text, which may quote the address.
        reason = error.reason if isinstance(error, MailError) else reason_of(error)
        with self._s.transactions.transaction():
            failure = Failure(QUEUE, entry.id, reason, lasting=isinstance(error, Undeliverable))
            self._s.outbox.postpone(entry, self._letters.failed(failure, PATIENCE).due_ns)

    def _send_code(self, entry: Claimed, email: str) -> None:
        account = self._s.accounts.by_email(email)
        if account is not None and not (account.active and self._s.outbox.may_send_code(account.email)):
            account = None
        written = None if account is None else self._code_letter(account)
        if written is not None:
            self._mailer.send(written, entry.id)
        with self._s.transactions.transaction():
            if account is not None and written is not None:
                self._s.outbox.code_sent(account.email)
                self._s.audit.changed(None, "auth.password_code_sent", f"user:{account.id}", org_id=account.org_id)
            self._s.outbox.finish(entry, quiet_seconds=QUIET_SECONDS)
            self._letters.succeeded(QUEUE, [entry.id])

    def _code_letter(self, account: Account) -> Letter | None:
        """A letter with a code made for it: one that waited for the mail server would be old when it arrives.

        None where the account has changed since it was read.
        """
        issued = issue_code(self._s, account)
        if issued is None:
            return None
        minutes = RESET_SECONDS // 60
        return letter(self._rules.letters["password_reset"], account.email, code=issued[0], minutes=minutes)
