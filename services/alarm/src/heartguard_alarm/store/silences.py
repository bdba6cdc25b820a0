"""Silences in PostgreSQL."""

from collections.abc import Sequence
from dataclasses import asdict

from heartguard_alarm.domain.silences import LONGEST_NS, Silence
from heartguard_alarm.store.columns import nanoseconds
from heartguard_common.core.clock import rfc3339
from heartguard_common.stores.database import Database, Row, text

_COLUMNS = f"""
s.org_id, s.id, s.user_id AS person, s.rule_id, s.reason, {nanoseconds("s.starts_at")} AS starts_ns,
{nanoseconds("s.ends_at")} AS ends_ns, s.created_by, {nanoseconds("s.created_at")} AS created_ns
"""
_FIND = f"SELECT {_COLUMNS} FROM heartguard_core.alarm_silences AS s WHERE s.org_id = :org_id AND s.id = :id"  # noqa: S608
_LIST = f"""
SELECT {_COLUMNS} FROM heartguard_core.alarm_silences AS s
WHERE s.org_id = :org_id AND s.ends_at > cast(:now AS timestamptz)
    AND (cast(:before AS uuid) IS NULL OR s.id < cast(:before AS uuid)) ORDER BY s.id DESC LIMIT :limit
"""  # noqa: S608
_COUNT = """
SELECT count(*) AS silences FROM heartguard_core.alarm_silences
WHERE org_id = :org_id AND ends_at > cast(:now AS timestamptz)
"""
_OLD = "DELETE FROM heartguard_core.alarm_silences WHERE org_id = :org_id AND ends_at < cast(:old AS timestamptz)"
_ADD = """
INSERT INTO heartguard_core.alarm_silences (org_id, id, user_id, rule_id, reason, starts_at, ends_at, created_by,
    created_at)
VALUES (:org_id, :id, :person, :rule_id, :reason, cast(:starts AS timestamptz), cast(:ends AS timestamptz),
    :created_by, cast(:created AS timestamptz))
"""
_END = """
UPDATE heartguard_core.alarm_silences SET ends_at = cast(:now AS timestamptz) WHERE org_id = :org_id AND id = :id
"""
_DELETE = "DELETE FROM heartguard_core.alarm_silences WHERE org_id = :org_id AND id = :id"
_UNTIL = f"""
SELECT {nanoseconds("max(s.ends_at)")} AS until_ns FROM heartguard_core.alarm_silences AS s
WHERE s.org_id = :org_id AND s.starts_at <= cast(:now AS timestamptz) AND s.ends_at > cast(:now AS timestamptz)
    AND (s.user_id IS NULL OR s.user_id = :person) AND (s.rule_id IS NULL OR s.rule_id = cast(:rule_id AS uuid))
"""  # noqa: S608
_OF_PERSON = f"""
SELECT {_COLUMNS} FROM heartguard_core.alarm_silences AS s
WHERE s.org_id = :org_id AND s.user_id = :person ORDER BY s.id
"""  # noqa: S608
_ERASE = """
DELETE FROM heartguard_core.alarm_silences
WHERE org_id = :org_id AND (cast(:person AS bigint) IS NULL OR user_id = :person)
"""


class PostgresSilences:
    """The table `alarm_silences`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def find(self, org_id: int, silence_id: str, *, lock: bool = False) -> Silence | None:
        """A silence. `lock`: nobody else changes it until the transaction ends."""
        with self._database.transaction() as connection:
            statement = f"{_FIND} FOR UPDATE OF s" if lock else _FIND
            row = connection.execute(text(statement), {"org_id": org_id, "id": silence_id}).first()
        return None if row is None else _silence(row)

    def list(self, org_id: int, now_ns: int, before: str | None, limit: int) -> Sequence[Silence]:
        """Up to `limit` silences that have not ended, with an id below `before`, the greatest first."""
        return self._all(_LIST, org_id=org_id, now=rfc3339(now_ns), before=before, limit=limit)

    def count(self, org_id: int, now_ns: int) -> int:
        """How many silences of an organization have not ended."""
        return int(self._database.one(text(_COUNT), {"org_id": org_id, "now": rfc3339(now_ns)}).silences)

    def add(self, silence: Silence) -> None:
        """Store a new silence, and remove those that ended more than 30 days ago."""
        values = {
            **asdict(silence),
            "starts": rfc3339(silence.starts_ns),
            "ends": rfc3339(silence.ends_ns),
            "created": rfc3339(silence.created_ns),
            "old": rfc3339(silence.created_ns - LONGEST_NS),
        }
        with self._database.transaction() as connection:
            connection.execute(text(_OLD), values)
            connection.execute(text(_ADD), values)

    def end(self, silence: Silence, now_ns: int) -> None:
        """End a silence now; one that has not begun is removed."""
        values = {"org_id": silence.org_id, "id": silence.id, "now": rfc3339(now_ns)}
        with self._database.transaction() as connection:
            connection.execute(text(_DELETE if silence.starts_ns > now_ns else _END), values)

    def until(self, org_id: int, person: int, rule_id: str, now_ns: int) -> int | None:
        """When the silences end that hold now for a rule and person, the latest of them; None without one."""
        values = {"org_id": org_id, "person": person, "rule_id": rule_id, "now": rfc3339(now_ns)}
        found = self._database.one(text(_UNTIL), values).until_ns
        return None if found is None else int(found)

    def of_person(self, org_id: int, person: int) -> Sequence[Silence]:
        """The silences that name a person."""
        return self._all(_OF_PERSON, org_id=org_id, person=person)

    def erase(self, org_id: int, person: int | None) -> int:
        """Remove the silences of an organization, or those of one person; returns how many."""
        with self._database.transaction() as connection:
            return connection.execute(text(_ERASE), {"org_id": org_id, "person": person}).rowcount

    def _all(self, statement: str, **values: object) -> Sequence[Silence]:
        with self._database.transaction() as connection:
            return [_silence(row) for row in connection.execute(text(statement), values)]


def _silence(row: Row) -> Silence:
    rule_id = None if row.rule_id is None else str(row.rule_id)
    return Silence(**{**row._asdict(), "id": str(row.id), "rule_id": rule_id})
