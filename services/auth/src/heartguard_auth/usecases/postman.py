"""The letters of auth, sent beside the requests: nobody's answer waits for a mail server, or tells by its time."""

import logging

from heartguard_auth.domain import Account, Letter, Waiting, letter
from heartguard_auth.ports import Mailer, Undeliverable
from heartguard_auth.usecases.parts import Rules, Stores
from heartguard_auth.usecases.passwords import RESET_SECONDS, issue_code

POLL_SECONDS = 1.0
FIRST_RETRY_SECONDS = 5.0
LONGEST_RETRY_SECONDS = 900.0
# Somebody who asks for one code after the other does not fill a stranger's mailbox.
QUIET_SECONDS = 120
_log = logging.getLogger("heartguard.auth")


class Postman:
    """Empties the outbox, one entry after the other."""

    def __init__(self, rules: Rules, stores: Stores, mailer: Mailer) -> None:
        self._rules = rules
        self._s = stores
        self._mailer = mailer

    def run(self) -> float:
        """Deal with the entry that has waited longest; returns the seconds until it is worth looking again."""
        entry = self._s.outbox.claim()
        if entry is None:
            return POLL_SECONDS
        try:
            if entry.letter is not None:
                self._mailer.send(entry.letter, entry.id)
                self._s.outbox.drop(entry)
            else:
                self._send_code(entry)
        except Undeliverable as error:
            _log.warning("letter %s is given up: %s", entry.id, error)
            self._s.outbox.drop(entry)
        except OSError as error:
            wait = min(FIRST_RETRY_SECONDS * 2 ** (entry.attempts - 1), LONGEST_RETRY_SECONDS)
            # Not the error's text, which may quote the address.
            _log.warning("letter %s waits %s s after a %s", entry.id, wait, type(error).__name__)
            self._s.outbox.postpone(entry, wait)
        return 0

    def _send_code(self, entry: Waiting) -> None:
        account = self._s.accounts.by_email(entry.forgotten or "")
        written = self._code_letter(account) if account is not None and account.active else None
        if written is not None:
            self._mailer.send(written, entry.id)
        with self._s.transactions.transaction():
            if account is not None and written is not None:
                self._s.audit.changed(None, "auth.password_code_sent", f"user:{account.id}", org_id=account.org_id)
            self._s.outbox.drop(entry, quiet_seconds=QUIET_SECONDS)

    def _code_letter(self, account: Account) -> Letter | None:
        """A letter with a code made for it: one that waited for the mail server would be old when it arrives.

        None where the account has changed since it was read.
        """
        issued = issue_code(self._s, account)
        if issued is None:
            return None
        minutes = RESET_SECONDS // 60
        return letter(self._rules.letters["password_reset"], account.email, code=issued[0], minutes=minutes)
