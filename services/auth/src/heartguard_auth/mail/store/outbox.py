"""E-mails that wait to be sent, in PostgreSQL, so that a crash loses none; addresses and texts are encrypted."""

import json
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path

from cryptography.fernet import InvalidToken

from heartguard_auth.accounts.domain import email_key
from heartguard_auth.mail.domain import (
    ALARM,
    EMAIL,
    EMAIL_CODE,
    PASSWORD_CODE,
    ClaimedEntry,
    Email,
    EmailState,
    OutboxEntry,
)
from heartguard_auth.shared.store.text_encryption import cipher, keyed_hash
from heartguard_auth.shared.store.timestamps import nanoseconds, timestamptz
from heartguard_common.core.clock import NANOSECONDS, Clock
from heartguard_common.core.ids import uuid7
from heartguard_common.core.limit_table import SYSTEM
from heartguard_common.core.limits import LimitError, Limits
from heartguard_common.stores.database import Database, text

TEMPLATES = Path(__file__).resolve().with_name("templates")
CODES = "codes_per_recipient_per_day"
LIFETIME_SECONDS = 86_400
# An e-mail that failed for good waits for the operator as long as an invitation is valid.
DEAD_LETTER_SECONDS = 7 * 86_400
ASK_AGAIN_SECONDS = 120
# Longer than the slowest mail server may take, so that no other worker gets the entry meanwhile.
LEASE_SECONDS = 300


def email_templates() -> dict[str, str]:
    """The templates of the e-mails by name; each begins with its subject."""
    return {file.stem: file.read_text(encoding="utf-8") for file in TEMPLATES.glob("*.txt")}


class NoOutbox:
    """Without a mail server no e-mail is sent."""

    def enqueue(self, to: str, subject: str, text: str, *, org_id: int, sender: int | None) -> None:
        """Do nothing."""

    def enqueue_alarm(self, email: Email, email_id: str) -> None:
        """Do nothing."""

    def alarm_state(self, email_id: str) -> EmailState | None:  # noqa: ARG002  all are the same
        """Failed: there is no mail server."""
        return EmailState("failed", 0, "no mail server is configured")

    def may_send_code(self, email: str) -> bool:  # noqa: ARG002  nothing is sent
        """False."""
        return False

    def code_sent(self, email: str) -> None:
        """Do nothing."""

    def request_code(self, email: str) -> None:
        """Do nothing."""

    def request_confirmation(self, email: str) -> None:
        """Do nothing."""

    def claim(self) -> ClaimedEntry | None:
        """None: nothing waits."""
        return None

    def open(self, entry: ClaimedEntry) -> OutboxEntry:
        """Never called: nothing was claimed."""
        raise ValueError(entry.id)

    def release(self, entry: ClaimedEntry) -> None:
        """Do nothing."""

    def finish(self, entry: ClaimedEntry, *, quiet_seconds: int = 0) -> None:
        """Do nothing."""

    def postpone(self, entry: ClaimedEntry, due_ns: int | None) -> None:
        """Do nothing."""

    def delete_for(self, addresses: Sequence[str]) -> None:
        """Do nothing."""


class PostgresOutbox:
    """The table `mail_outbox`; `secret` encrypts what is in it. `limits` count recipients by keyed hashes."""

    def __init__(self, database: Database, secret: str, clock: Clock, limits: Limits) -> None:
        self._database = database
        self._limits = limits
        self._secret = secret
        self._cipher = cipher("outbox", secret)
        self._clock = clock

    def enqueue(self, to: str, subject: str, text: str, *, org_id: int, sender: int | None) -> None:
        """Have an e-mail sent once the current transaction has committed. Raises `LimitError`."""
        # A refusal ends the transaction, so that nothing of it stays counted.
        self._limits.take(SYSTEM, "invitations_per_recipient_per_day", self._limit_key(to))
        if sender is not None:
            self._limits.take(org_id, "emails_per_day_per_member", str(sender))
        self._limits.take(org_id, "emails_per_day")
        self._put(EMAIL, to, asdict(Email(to, subject, text)))

    def enqueue_alarm(self, email: Email, email_id: str) -> None:
        """Have an e-mail of the alarm service sent once the current transaction has committed; its id is given."""
        self._put(ALARM, email.to, asdict(email), email_id)

    def alarm_state(self, email_id: str) -> EmailState | None:
        """What has become of an e-mail of the alarm service; None where there is none, or since a day none any more."""
        with self._database.transaction() as connection:
            row = connection.execute(text(_ALARM_STATE), {"id": email_id}).one_or_none()
        if row is None:
            return None
        if row.done:
            return EmailState("sent")
        return EmailState("failed" if row.parked else "waiting", row.attempts or 0, row.reason)

    def may_send_code(self, email: str) -> bool:
        """Whether another code may be sent to an address today."""
        if self._limits.left(SYSTEM, CODES, self._limit_key(email)):
            return True
        self._limits.refused(CODES)
        return False

    def code_sent(self, email: str) -> None:
        """Count a code that was sent to an address, with the current transaction."""
        with suppress(LimitError):  # another was sent concurrently
            self._limits.take(SYSTEM, CODES, self._limit_key(email))

    def _limit_key(self, email: str) -> str:
        return keyed_hash("recipient", self._secret, email_key(email))[:32]

    def request_code(self, email: str) -> None:
        """Store a request for a password code to this address, if none is waiting."""
        self._put(PASSWORD_CODE, email, {"email": email})

    def request_confirmation(self, email: str) -> None:
        """Store a request for a code that confirms this address, if none is waiting."""
        self._put(EMAIL_CODE, email, {"email": email})

    def claim(self) -> ClaimedEntry | None:
        """The entry that has waited longest, kept from other workers for a while; None when nothing is due."""
        now = self._clock.now_ns()
        values = {"now": timestamptz(now), "until": timestamptz(now + LEASE_SECONDS * NANOSECONDS)}
        with self._database.transaction() as connection:
            row = connection.execute(text(_CLAIM), values).one_or_none()
        return None if row is None else ClaimedEntry(str(row.id), row.kind, row.sealed)

    def open(self, entry: ClaimedEntry) -> OutboxEntry:
        """The content of an entry. Raises ValueError where it can't be decrypted: the secret has changed."""
        try:
            document = json.loads(self._cipher.decrypt(entry.encrypted.encode()))
        except InvalidToken as error:
            raise ValueError("encrypted under another secret") from error
        if entry.kind in (EMAIL, ALARM):
            return OutboxEntry(email=Email(**document))
        return OutboxEntry(code_for=document["email"])

    def release(self, entry: ClaimedEntry) -> None:
        """Give an entry back untried: it is due as before."""
        self.postpone(entry, self._clock.now_ns())

    def finish(self, entry: ClaimedEntry, *, quiet_seconds: int = 0) -> None:
        """Remove an entry; with `quiet_seconds` further requests like it are ignored for that long.

        One of the alarm service stays for a day without its content, so that a repeated request sends nothing again.
        """
        if entry.kind == ALARM:
            until = timestamptz(self._clock.now_ns() + LIFETIME_SECONDS * NANOSECONDS)
            self._execute(_KEEP, id=entry.id, until=until)
            return
        until = timestamptz(self._clock.now_ns() + quiet_seconds * NANOSECONDS)
        self._execute(_QUIET if quiet_seconds else _DROP, id=entry.id, until=until)

    def postpone(self, entry: ClaimedEntry, due_ns: int | None) -> None:
        """Try an entry again at that time, in nanoseconds since the epoch; None: not before the operator says so."""
        if due_ns is None:
            until = timestamptz(self._clock.now_ns() + DEAD_LETTER_SECONDS * NANOSECONDS)
            self._execute(_PARK, id=entry.id, until=until)
        else:
            self._execute(_POSTPONE, id=entry.id, due=timestamptz(due_ns))

    def retry(self, entry_id: str) -> None:
        """Make an entry due now; it expires as late as a new one."""
        now = self._clock.now_ns()
        self._execute(
            _RETRY, id=entry_id, now=timestamptz(now), until=timestamptz(now + LIFETIME_SECONDS * NANOSECONDS)
        )

    def drop(self, entry_id: str) -> None:
        """Remove an entry."""
        self._execute(_DROP, id=entry_id)

    def delete_for(self, addresses: Sequence[str]) -> None:
        """Remove every entry for these addresses."""
        if addresses:
            self._execute(_DELETE_FOR, recipients=[self._recipient_hash(address) for address in addresses])

    def overdue(self) -> list[str]:
        """Stop retrying the e-mails that could not be sent for `LIFETIME_SECONDS`; returns their ids."""
        now = self._clock.now_ns()
        values = {"now": timestamptz(now), "until": timestamptz(now + DEAD_LETTER_SECONDS * NANOSECONDS)}
        with self._database.transaction() as connection:
            return [str(row.id) for row in connection.execute(text(_OVERDUE), values)]

    def purge(self) -> None:
        """Remove expired entries, and the dead letters of entries that no longer exist."""
        with self._database.transaction() as connection:
            for statement in _PURGE:
                connection.execute(text(statement), {"now": timestamptz(self._clock.now_ns())})

    def waiting(self) -> int:
        """How many entries are neither sent nor given up."""
        with self._database.transaction() as connection:
            return int(connection.execute(text(_WAITING)).scalar_one())

    def oldest_seconds(self) -> float:
        """How long the oldest waiting entry has waited, in seconds; 0 without one."""
        with self._database.transaction() as connection:
            oldest = connection.execute(text(_OLDEST)).scalar_one()
        return 0.0 if oldest is None else max(0.0, (self._clock.now_ns() - nanoseconds(oldest)) / NANOSECONDS)

    def _recipient_hash(self, address: str) -> str:
        return keyed_hash("outbox", self._secret, email_key(address))

    def _put(self, kind: str, address: str, document: dict[str, object], entry_id: str | None = None) -> None:
        now, recipient = self._clock.now_ns(), self._recipient_hash(address)
        self._execute(
            _PUT,
            id=entry_id or uuid7(self._clock),
            kind=kind,
            once={PASSWORD_CODE: recipient, EMAIL_CODE: f"{recipient}:{EMAIL_CODE}"}.get(kind),
            recipient=recipient,
            sealed=self._cipher.encrypt(json.dumps(document).encode()).decode(),
            now=timestamptz(now),
            until=timestamptz(now + LIFETIME_SECONDS * NANOSECONDS),
            again=timestamptz(now - ASK_AGAIN_SECONDS * NANOSECONDS),
        )

    def _execute(self, statement: str, **values: object) -> None:
        with self._database.transaction() as connection:
            connection.execute(text(statement), values)


# A request for a code that could not be sent replaces the earlier one, unless that was made within ASK_AGAIN_SECONDS.
_PUT = """
INSERT INTO heartguard_core.mail_outbox AS o (id, kind, once, recipient, sealed, created_at, due_at, expires_at)
VALUES (:id, :kind, :once, :recipient, :sealed, :now, :now, :until)
ON CONFLICT (once) DO UPDATE SET id = excluded.id, sealed = excluded.sealed, created_at = excluded.created_at,
    due_at = excluded.due_at, expires_at = excluded.expires_at, done = false
WHERE o.expires_at <= excluded.created_at OR (o.due_at = 'infinity' AND o.created_at <= :again)
"""
_CLAIM = """
UPDATE heartguard_core.mail_outbox SET due_at = :until
WHERE id = (
    SELECT id FROM heartguard_core.mail_outbox WHERE due_at <= :now AND expires_at > :now AND NOT done
    ORDER BY due_at LIMIT 1 FOR UPDATE SKIP LOCKED
)
RETURNING id, kind, sealed
"""
_DROP = "DELETE FROM heartguard_core.mail_outbox WHERE id = :id"
_QUIET = "UPDATE heartguard_core.mail_outbox SET done = true, due_at = :until, expires_at = :until WHERE id = :id"
# What is left of an e-mail of the alarm service says only that it was sent.
_KEEP = """
UPDATE heartguard_core.mail_outbox SET done = true, sealed = '', due_at = :until, expires_at = :until WHERE id = :id
"""
_ALARM_STATE = """
SELECT o.done, o.due_at = 'infinity' AS parked, d.attempts, d.reason
FROM heartguard_core.mail_outbox AS o LEFT JOIN heartguard_core.dead_letters AS d
    ON d.service = 'auth' AND d.queue = 'mail' AND d.item = o.id::text
WHERE o.id = :id AND o.kind = 'alarm'
"""
_POSTPONE = "UPDATE heartguard_core.mail_outbox SET due_at = :due WHERE id = :id"
_PARK = "UPDATE heartguard_core.mail_outbox SET due_at = 'infinity', expires_at = :until WHERE id = :id"
_RETRY = """
UPDATE heartguard_core.mail_outbox SET due_at = :now, expires_at = :until, created_at = :now WHERE id = :id AND NOT done
"""
_DELETE_FOR = "DELETE FROM heartguard_core.mail_outbox WHERE recipient = ANY(:recipients)"
# A request for a code is useless a day later.
_OVERDUE = """
UPDATE heartguard_core.mail_outbox SET due_at = 'infinity', expires_at = :until
WHERE expires_at <= :now AND kind IN ('email', 'alarm') AND NOT done AND due_at < 'infinity' RETURNING id
"""
_PURGE = (
    "DELETE FROM heartguard_core.mail_outbox WHERE expires_at <= :now",
    """
    DELETE FROM heartguard_core.dead_letters d WHERE d.service = 'auth' AND d.queue = 'mail' AND NOT EXISTS (
        SELECT FROM heartguard_core.mail_outbox o WHERE o.id::text = d.item)
    """,
)
_WAITING = "SELECT count(*) FROM heartguard_core.mail_outbox WHERE NOT done AND due_at < 'infinity'"
_OLDEST = """
SELECT min(created_at) FROM heartguard_core.mail_outbox WHERE NOT done AND due_at < 'infinity'
"""
