"""Letters that wait to be sent, in PostgreSQL, where a crash loses none; addresses and texts are encrypted."""

import json
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

from sqlalchemy import text

from heartguard_auth.domain import Letter, Waiting, email_key
from heartguard_auth.store.sealing import cipher, keyed_hash
from heartguard_auth.store.times import moment
from heartguard_common.clock import NANOSECONDS, Clock
from heartguard_common.database import Database
from heartguard_common.ids import uuid7
from heartguard_common.limits import SYSTEM, LimitError, Limits

LETTERS = Path(__file__).resolve().with_name("letters")
CODES = "codes_per_recipient_per_day"
KEEP_SECONDS = 86_400
# Longer than the slowest mail server may take: no second sender gets the entry meanwhile.
LEASE_SECONDS = 300


def letters() -> dict[str, str]:
    """The texts of our letters by name; each begins with its subject."""
    return {file.stem: file.read_text(encoding="utf-8") for file in LETTERS.glob("*.txt")}


class NoOutbox:
    """Without a mail server nobody is written to."""

    def enqueue(self, to: str, subject: str, text: str, *, org_id: int, sender: int) -> None:
        """Do nothing."""

    def may_send_code(self, email: str) -> bool:  # noqa: ARG002  nothing is sent to anybody
        """False."""
        return False

    def code_sent(self, email: str) -> None:
        """Do nothing."""

    def ask(self, email: str) -> None:
        """Do nothing."""

    def claim(self) -> Waiting | None:
        """None: nothing waits."""
        return None

    def drop(self, entry: Waiting, *, quiet_seconds: int = 0) -> None:
        """Do nothing."""

    def postpone(self, entry: Waiting, seconds: float) -> None:
        """Do nothing."""


class PostgresOutbox:
    """The table `mail_outbox`; `secret` encrypts what is in it. Of recipients `limits` know keyed hashes only."""

    def __init__(self, database: Database, secret: str, clock: Clock, limits: Limits) -> None:
        self._database = database
        self._limits = limits
        self._secret = secret
        self._cipher = cipher("outbox", secret)
        self._clock = clock

    def enqueue(self, to: str, subject: str, text: str, *, org_id: int, sender: int) -> None:
        """Have a letter sent once the transaction at hand has committed. Raises `LimitError`."""
        # The recipient's first: of what is refused nothing is used, since the transaction ends with it.
        self._limits.take(SYSTEM, "invitations_per_recipient_per_day", self._recipient(to))
        self._limits.take(org_id, "emails_per_day_per_member", str(sender))
        self._limits.take(org_id, "emails_per_day")
        self._put("letter", None, asdict(Letter(to, subject, text)))

    def may_send_code(self, email: str) -> bool:
        """Whether another code may be sent to an address today."""
        if self._limits.left(SYSTEM, CODES, self._recipient(email)):
            return True
        self._limits.refused(CODES)
        return False

    def code_sent(self, email: str) -> None:
        """Count a code that was sent to an address, with the transaction at hand."""
        with suppress(LimitError):  # another was sent at the same moment
            self._limits.take(SYSTEM, CODES, self._recipient(email))

    def _recipient(self, email: str) -> str:
        return keyed_hash("recipient", self._secret, email_key(email))[:32]

    def ask(self, email: str) -> None:
        """Note that somebody forgot the password of this address; one waiting note of each is enough."""
        once = keyed_hash("outbox", self._secret, email_key(email))
        self._put("forgotten", once, {"email": email})

    def claim(self) -> Waiting | None:
        """The entry that has waited longest, kept from other senders for a while; None when nothing is due."""
        now = self._clock.now_ns()
        values = {"now": moment(now), "until": moment(now + LEASE_SECONDS * NANOSECONDS)}
        with self._database.transaction() as connection:
            connection.execute(text(_EXPIRE), values)
            row = connection.execute(text(_CLAIM), values).one_or_none()
        if row is None:
            return None
        document = json.loads(self._cipher.decrypt(row.sealed.encode()))
        if row.kind == "letter":
            return Waiting(str(row.id), row.attempts, letter=Letter(**document))
        return Waiting(str(row.id), row.attempts, forgotten=document["email"])

    def drop(self, entry: Waiting, *, quiet_seconds: int = 0) -> None:
        """Forget an entry; one that was asked for is remembered for so long, and asked again in vain."""
        until = moment(self._clock.now_ns() + quiet_seconds * NANOSECONDS)
        with self._database.transaction() as connection:
            connection.execute(text(_QUIET if quiet_seconds else _DROP), {"id": entry.id, "until": until})

    def postpone(self, entry: Waiting, seconds: float) -> None:
        """Try an entry again after so many seconds."""
        due = moment(self._clock.now_ns() + int(seconds * NANOSECONDS))
        with self._database.transaction() as connection:
            connection.execute(text(_POSTPONE), {"id": entry.id, "due": due})

    def _put(self, kind: str, once: str | None, document: dict[str, Any]) -> None:
        now = self._clock.now_ns()
        values = {
            "id": uuid7(self._clock),
            "kind": kind,
            "once": once,
            "sealed": self._cipher.encrypt(json.dumps(document).encode()).decode(),
            "now": moment(now),
            "until": moment(now + KEEP_SECONDS * NANOSECONDS),
        }
        with self._database.transaction() as connection:
            connection.execute(text(_PUT), values)


_PUT = """
INSERT INTO heartguard_core.mail_outbox AS o (id, kind, once, sealed, created_at, due_at, expires_at)
VALUES (:id, :kind, :once, :sealed, :now, :now, :until)
ON CONFLICT (once) DO UPDATE SET id = excluded.id, sealed = excluded.sealed, created_at = excluded.created_at,
    due_at = excluded.due_at, expires_at = excluded.expires_at, attempts = 0
WHERE o.expires_at <= excluded.created_at
"""
_EXPIRE = "DELETE FROM heartguard_core.mail_outbox WHERE expires_at <= :now"
_CLAIM = """
UPDATE heartguard_core.mail_outbox SET due_at = :until, attempts = attempts + 1
WHERE id = (
    SELECT id FROM heartguard_core.mail_outbox WHERE due_at <= :now ORDER BY due_at LIMIT 1 FOR UPDATE SKIP LOCKED
)
RETURNING id, kind, sealed, attempts
"""
_DROP = "DELETE FROM heartguard_core.mail_outbox WHERE id = :id"
_QUIET = "UPDATE heartguard_core.mail_outbox SET due_at = :until, expires_at = :until WHERE id = :id"
_POSTPONE = "UPDATE heartguard_core.mail_outbox SET due_at = :due WHERE id = :id"
