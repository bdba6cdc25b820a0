"""Alarms as people see them, in PostgreSQL."""

from collections.abc import Sequence

from heartguard_alarm.domain.alarms import Alarm, Filter, HistoryEntry
from heartguard_common.core.clock import rfc3339
from heartguard_common.stores.database import Database, Row, text

_NS = "cast(extract(epoch FROM {}) * 1000000000 AS bigint)"
_COLUMNS = f"""
e.org_id, e.id, e.rule_id, e.version, v.settings, e.user_id AS person, e.severity, e.start_ns, e.raised_ns, e.end_ns,
{_NS.format("e.found_at")} AS found_ns, e.retrospective, {_NS.format("e.acknowledged_at")} AS acknowledged_ns,
e.acknowledged_by, {_NS.format("e.closed_at")} AS closed_ns, e.closed_by, e.withdrawn_at IS NOT NULL AS withdrawn,
e.merged_into
"""
_FROM = """
FROM heartguard_core.alarm_episodes AS e JOIN heartguard_core.alarm_rule_versions AS v
    ON v.org_id = e.org_id AND v.rule_id = e.rule_id AND v.version = e.version
"""
_FIND = f"SELECT {_COLUMNS} {_FROM} WHERE e.org_id = :org_id AND e.id = :id"
_LOCK = "SELECT FROM heartguard_core.alarm_episodes WHERE org_id = :org_id AND id = :id FOR UPDATE"
_LIST = f"""
SELECT {_COLUMNS} {_FROM}
WHERE e.org_id = :org_id AND (cast(:before AS uuid) IS NULL OR e.id < cast(:before AS uuid))
    AND (:withdrawn OR e.withdrawn_at IS NULL)
    AND (cast(:active AS boolean) IS NULL OR (e.end_ns IS NULL) = :active)
    AND (cast(:acknowledged AS boolean) IS NULL OR (e.acknowledged_at IS NOT NULL) = :acknowledged)
    AND (cast(:person AS bigint) IS NULL OR e.user_id = :person)
    AND (cast(:rule_id AS uuid) IS NULL OR e.rule_id = cast(:rule_id AS uuid))
    AND (cast(:severity AS text) IS NULL OR e.severity = :severity)
    AND (cast(:since_ns AS bigint) IS NULL OR e.start_ns >= :since_ns)
    AND (cast(:until_ns AS bigint) IS NULL OR e.start_ns < :until_ns)
ORDER BY e.id DESC LIMIT :limit
"""
_HISTORY = f"""
SELECT * FROM (
    SELECT t.kind, {_NS.format("t.at")} AS at_ns, t.actor, t.note, t.number
    FROM heartguard_core.alarm_transitions AS t WHERE t.org_id = :org_id AND t.episode_id = :id
    ORDER BY t.number DESC LIMIT :limit
) AS last ORDER BY number
"""  # noqa: S608
_RECORD = """
INSERT INTO heartguard_core.alarm_transitions (org_id, episode_id, number, kind, at, actor, note)
SELECT :org_id, :id, coalesce(max(number), 0) + 1, :kind, cast(:at AS timestamptz), :actor, :note
FROM heartguard_core.alarm_transitions WHERE org_id = :org_id AND episode_id = :id
"""
_MARK = {
    name: f"""
    UPDATE heartguard_core.alarm_episodes SET {name}_at = cast(:at AS timestamptz), {name}_by = :actor
    WHERE org_id = :org_id AND id = :id
    """  # noqa: S608
    for name in ("acknowledged", "closed")
}


class PostgresAlarms:
    """The tables `alarm_episodes` and `alarm_transitions`, as people see them."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def find(self, org_id: int, alarm_id: str, *, lock: bool = False) -> Alarm | None:
        """An alarm of an organization. `lock`: nobody else changes it until the transaction ends."""
        values = {"org_id": org_id, "id": alarm_id}
        with self._database.transaction() as connection:
            if lock:
                connection.execute(text(_LOCK), values)
            row = connection.execute(text(_FIND), values).first()
        return None if row is None else _alarm(row)

    def list(self, org_id: int, wanted: Filter, before: str | None, limit: int) -> Sequence[Alarm]:
        """Up to `limit` alarms with an id below `before`, the greatest first."""
        values = {**wanted._asdict(), "org_id": org_id, "before": before, "limit": limit}
        with self._database.transaction() as connection:
            return [_alarm(row) for row in connection.execute(text(_LIST), values)]

    def history(self, org_id: int, alarm_id: str, limit: int) -> Sequence[HistoryEntry]:
        """The last `limit` transitions of an alarm, oldest first."""
        values = {"org_id": org_id, "id": alarm_id, "limit": limit}
        with self._database.transaction() as connection:
            rows = connection.execute(text(_HISTORY), values)
            return [HistoryEntry(row.kind, row.at_ns, row.actor, row.note, row.number) for row in rows]

    def record(self, alarm: Alarm, entry: HistoryEntry) -> None:
        """Store what a person did with an alarm, in its history and, except for a note, in the alarm itself."""
        values = {"org_id": alarm.org_id, "id": alarm.id, "at": rfc3339(entry.at_ns), **entry._asdict()}
        with self._database.transaction() as connection:
            connection.execute(text(_RECORD), values)
            if entry.kind in _MARK:
                connection.execute(text(_MARK[entry.kind]), values)


def _alarm(row: Row) -> Alarm:
    found = dict(row._asdict())
    for name in ("id", "rule_id", "merged_into"):
        found[name] = None if found[name] is None else str(found[name])
    return Alarm(**found)
