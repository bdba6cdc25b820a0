"""Channels in PostgreSQL."""

from collections.abc import Sequence
from dataclasses import asdict

from heartguard_alarm.domain.channels import CODE_SECONDS, Channel, SentCode, Target
from heartguard_alarm.store.columns import nanoseconds
from heartguard_alarm.store.encryption import TargetCipher
from heartguard_common.core.clock import NANOSECONDS, rfc3339
from heartguard_common.core.retry import AttemptError
from heartguard_common.messages.alarm import Language
from heartguard_common.stores.database import Database, Row, text

_COLUMNS = f"""
c.org_id, c.id, c.name, c.kind, c.service, c.user_id, c.shown, c.language, {nanoseconds("c.created_at")} AS created_ns,
c.created_by, {nanoseconds("c.verified_at")} AS verified_ns
"""
_ONE = "org_id = :org_id AND id = :id"
_FIND = f"SELECT {_COLUMNS} FROM heartguard_core.alarm_channels AS c WHERE {_ONE}"  # noqa: S608
_LIST = f"""
SELECT {_COLUMNS} FROM heartguard_core.alarm_channels AS c
WHERE c.org_id = :org_id AND (cast(:after AS uuid) IS NULL OR c.id > cast(:after AS uuid)) ORDER BY c.id LIMIT :limit
"""  # noqa: S608
_COUNT = "SELECT count(*) AS channels FROM heartguard_core.alarm_channels WHERE org_id = :org_id"
_ADD = """
INSERT INTO heartguard_core.alarm_channels (org_id, id, name, kind, service, user_id, target, shown, language,
    created_at, created_by, verified_at, code_hash, code_until)
VALUES (:org_id, :id, :name, :kind, :service, :user_id, :target, :shown, :language, cast(:created AS timestamptz),
    :created_by, cast(:verified AS timestamptz), :code_hash, cast(:code_until AS timestamptz))
"""
_CHANGE = f"UPDATE heartguard_core.alarm_channels SET name = :name, language = :language WHERE {_ONE}"  # noqa: S608
_TARGET = f"SELECT target FROM heartguard_core.alarm_channels WHERE {_ONE}"  # noqa: S608
_CODE = f"""
SELECT code_hash, {nanoseconds("code_until")} AS until_ns, code_attempts FROM heartguard_core.alarm_channels
WHERE {_ONE} AND code_hash IS NOT NULL
"""  # noqa: S608
_REPLACE_CODE = f"""
UPDATE heartguard_core.alarm_channels
SET code_hash = :code_hash, code_until = cast(:code_until AS timestamptz), code_attempts = 0 WHERE {_ONE}
"""  # noqa: S608
_GUESSED = f"UPDATE heartguard_core.alarm_channels SET code_attempts = code_attempts + 1 WHERE {_ONE}"  # noqa: S608
_VERIFIED = f"""
UPDATE heartguard_core.alarm_channels
SET verified_at = cast(:now AS timestamptz), code_hash = NULL, code_until = NULL WHERE {_ONE}
"""  # noqa: S608
_DELETE = f"DELETE FROM heartguard_core.alarm_channels WHERE {_ONE}"  # noqa: S608
_LANGUAGE = """
SELECT p.value #>> '{}' AS language FROM heartguard_core.user_preferences AS p JOIN heartguard_core.users AS u
    ON u.id = p.user_id WHERE u.id = :user_id AND u.org_id = :org_id AND p.key = 'language'
"""
_OF_PERSON = f"""
SELECT {_COLUMNS} FROM heartguard_core.alarm_channels AS c
WHERE c.org_id = :org_id AND c.user_id = :person ORDER BY c.id
"""  # noqa: S608
_ERASE = """
DELETE FROM heartguard_core.alarm_channels
WHERE org_id = :org_id AND (cast(:person AS bigint) IS NULL OR user_id = :person)
"""
LANGUAGES: dict[str, Language] = {"en": "en", "es": "es"}


class PostgresChannels:
    """The table `alarm_channels`."""

    def __init__(self, database: Database, cipher: TargetCipher) -> None:
        self._database = database
        self._cipher = cipher

    def find(self, org_id: int, channel_id: str, *, lock: bool = False) -> Channel | None:
        """A channel. `lock`: nobody else changes it until the transaction ends."""
        with self._database.transaction() as connection:
            statement = f"{_FIND} FOR UPDATE OF c" if lock else _FIND
            row = connection.execute(text(statement), {"org_id": org_id, "id": channel_id}).first()
        return None if row is None else _channel(row)

    def list(self, org_id: int, after: str | None, limit: int) -> Sequence[Channel]:
        """Up to `limit` channels with an id above `after`, by id."""
        values = {"org_id": org_id, "after": after, "limit": limit}
        with self._database.transaction() as connection:
            return [_channel(row) for row in connection.execute(text(_LIST), values)]

    def count(self, org_id: int) -> int:
        """How many channels an organization has."""
        return int(self._database.one(text(_COUNT), {"org_id": org_id}).channels)

    def add(self, channel: Channel, target: Target, hashed_code: str | None) -> None:
        """Store a new channel; where it leads to is encrypted."""
        until = rfc3339(channel.created_ns + CODE_SECONDS * NANOSECONDS)
        values = {
            **asdict(channel),
            "target": None if target.text is None else self._cipher.encrypt(target.text),
            "created": rfc3339(channel.created_ns),
            "verified": None if channel.verified_ns is None else rfc3339(channel.verified_ns),
            "code_hash": hashed_code,
            "code_until": None if hashed_code is None else until,
        }
        self._execute(_ADD, **values)

    def change(self, channel: Channel) -> None:
        """Store the name and the language of a channel."""
        self._execute(_CHANGE, **asdict(channel))

    def target(self, channel: Channel) -> str:
        """The address or URL that a channel leads to. Raises `AttemptError` where it can't be decrypted."""
        with self._database.transaction() as connection:
            row = connection.execute(text(_TARGET), {"org_id": channel.org_id, "id": channel.id}).first()
        if row is None or row.target is None:
            raise AttemptError("the channel was deleted", permanent=True)
        return self._cipher.decrypt(row.target)

    def replace_code(self, channel: Channel, hashed_code: str, now_ns: int) -> None:
        """Accept a new code, and not the one before; none of the guesses before counts."""
        until = rfc3339(now_ns + CODE_SECONDS * NANOSECONDS)
        self._execute(_REPLACE_CODE, org_id=channel.org_id, id=channel.id, code_hash=hashed_code, code_until=until)

    def code(self, channel: Channel) -> SentCode | None:
        """The code that was sent to the address of a channel."""
        with self._database.transaction() as connection:
            row = connection.execute(text(_CODE), {"org_id": channel.org_id, "id": channel.id}).first()
        return None if row is None else SentCode(row.code_hash, row.until_ns, row.code_attempts)

    def guessed(self, channel: Channel) -> None:
        """Count a wrong code."""
        self._execute(_GUESSED, org_id=channel.org_id, id=channel.id)

    def verified(self, channel: Channel, now_ns: int) -> None:
        """From now on messages are sent to a channel."""
        self._execute(_VERIFIED, org_id=channel.org_id, id=channel.id, now=rfc3339(now_ns))

    def delete(self, channel: Channel) -> None:
        """Remove a channel."""
        self._execute(_DELETE, org_id=channel.org_id, id=channel.id)

    def language(self, channel: Channel) -> Language:
        """The language of messages: that of the member's preferences, else that of the channel."""
        with self._database.transaction() as connection:
            values = {"org_id": channel.org_id, "user_id": channel.user_id}
            row = connection.execute(text(_LANGUAGE), values).first()
        return channel.language if row is None else LANGUAGES.get(row.language, channel.language)

    def of_person(self, org_id: int, person: int) -> Sequence[Channel]:
        """The channels that lead to a person."""
        with self._database.transaction() as connection:
            return [_channel(row) for row in connection.execute(text(_OF_PERSON), {"org_id": org_id, "person": person})]

    def erase(self, org_id: int, person: int | None) -> int:
        """Remove the channels of an organization, or those that lead to one person; returns how many."""
        with self._database.transaction() as connection:
            return connection.execute(text(_ERASE), {"org_id": org_id, "person": person}).rowcount

    def _execute(self, statement: str, **values: object) -> None:
        with self._database.transaction() as connection:
            connection.execute(text(statement), values)


def _channel(row: Row) -> Channel:
    return Channel(**{**row._asdict(), "id": str(row.id)})
