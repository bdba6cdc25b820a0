"""Rules in PostgreSQL."""

import json
from collections.abc import Sequence
from dataclasses import replace

from heartguard_alarm.domain.rules import Rule, Version, without_person
from heartguard_common.stores.database import Connection, Database, Row, prepared, text

_COLUMNS = """
r.org_id, r.id, r.number, r.made_from, (
    SELECT json_agg(json_build_array(v.version, v.from_ns, v.changed_by, v.settings) ORDER BY v.version)
    FROM heartguard_core.alarm_rule_versions AS v WHERE v.org_id = r.org_id AND v.rule_id = r.id
) AS versions
"""
_FIND = f"""
SELECT {_COLUMNS} FROM heartguard_core.alarm_rules AS r
WHERE r.org_id = :org_id AND r.id = :id AND r.deleted_ns IS NULL
"""  # noqa: S608
_LOCK = """
SELECT FROM heartguard_core.alarm_rules WHERE org_id = :org_id AND id = :id AND deleted_ns IS NULL FOR UPDATE
"""
_LIST = f"""
SELECT {_COLUMNS} FROM heartguard_core.alarm_rules AS r
WHERE r.org_id = :org_id AND r.deleted_ns IS NULL AND (cast(:after AS uuid) IS NULL OR r.id > cast(:after AS uuid))
ORDER BY r.id LIMIT :limit
"""  # noqa: S608
_COUNT = "SELECT count(*) AS rules FROM heartguard_core.alarm_rules WHERE org_id = :org_id AND deleted_ns IS NULL"
_MADE_FROM = """
SELECT made_from FROM heartguard_core.alarm_rules
WHERE org_id = :org_id AND deleted_ns IS NULL AND made_from IS NOT NULL
"""
_ADD = """
INSERT INTO heartguard_core.alarm_rules (org_id, id, made_from) VALUES (:org_id, :id, :made_from) RETURNING number
"""
_ADD_VERSION = """
INSERT INTO heartguard_core.alarm_rule_versions (org_id, rule_id, version, from_ns, changed_by, enabled, settings)
VALUES (:org_id, :rule_id, :version, :from_ns, :changed_by, :enabled, cast(:settings AS jsonb))
"""
_DELETE = "UPDATE heartguard_core.alarm_rules SET deleted_ns = :time_ns WHERE org_id = :org_id AND id = :id"
_NAMING = """
SELECT rule_id, version, settings FROM heartguard_core.alarm_rule_versions
WHERE org_id = :org_id AND (settings @> cast(:among AS jsonb) OR settings @> cast(:overridden AS jsonb))
FOR UPDATE
"""
_REWRITE = """
UPDATE heartguard_core.alarm_rule_versions SET settings = cast(:settings AS jsonb), enabled = :enabled
WHERE org_id = :org_id AND rule_id = :rule_id AND version = :version
"""
_EVALUATED = prepared(
    f"""
SELECT {_COLUMNS} FROM heartguard_core.alarm_rules AS r
WHERE r.org_id = :org_id AND (r.deleted_ns IS NULL OR EXISTS (
    SELECT FROM heartguard_core.alarm_episodes AS e
    WHERE e.org_id = r.org_id AND e.rule_id = r.id AND e.end_ns IS NULL AND e.withdrawn_at IS NULL))
ORDER BY r.number FOR SHARE OF r
""",  # noqa: S608
    org_id="integer",
)
# What was evaluated by the former version from here on, and what is open, is evaluated again.
_AGAIN = """
INSERT INTO heartguard_core.changed_ranges (org_id, user_id, measurement, first_ns, last_ns, ready_at)
SELECT s.org_id, s.user_id, :measurement, :from_ns, :from_ns, clock_timestamp()
FROM heartguard_core.alarm_states AS s
WHERE s.org_id = :org_id AND s.rule_id = :rule_id AND (s.head_ns >= :from_ns OR EXISTS (
    SELECT FROM heartguard_core.alarm_episodes AS e
    WHERE e.org_id = s.org_id AND e.rule_id = s.rule_id AND e.user_id = s.user_id AND e.end_ns IS NULL
        AND e.withdrawn_at IS NULL))
"""
# What a version asks of people whose data are, or could be, missing is decided at once.
_LOOK_AGAIN = """
UPDATE heartguard_core.alarm_due_times SET due_ns = :from_ns WHERE org_id = :org_id AND rule_id = :rule_id
"""
_WATCH = """
INSERT INTO heartguard_core.alarm_watches (org_id, measurement) SELECT :org_id, unnest(cast(:measurements AS text[]))
ON CONFLICT DO NOTHING
"""
_UNWATCH = """
DELETE FROM heartguard_core.alarm_watches AS w WHERE w.org_id = :org_id AND NOT EXISTS (
    SELECT FROM heartguard_core.alarm_rules AS r JOIN heartguard_core.alarm_rule_versions AS v
        ON v.org_id = r.org_id AND v.rule_id = r.id
    WHERE r.org_id = w.org_id AND r.deleted_ns IS NULL AND v.enabled
        AND (v.settings ->> 'measurement' = w.measurement
            OR (w.measurement = 'steps' AND v.settings ->> 'activity' = 'resting')))
"""
_ERASE = (
    "DELETE FROM heartguard_core.alarm_watches WHERE org_id = :org_id",
    "DELETE FROM heartguard_core.alarm_rule_versions WHERE org_id = :org_id",
    "DELETE FROM heartguard_core.alarm_rules WHERE org_id = :org_id",
)


class PostgresRules:
    """The tables `alarm_rules` and `alarm_rule_versions`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def find(self, org_id: int, rule_id: str, *, lock: bool = False) -> Rule | None:
        """A rule, None for one that was deleted. `lock`: nobody else changes it until the transaction ends."""
        values = {"org_id": org_id, "id": rule_id}
        with self._database.transaction() as connection:
            if lock:
                connection.execute(text(_LOCK), values)
            row = connection.execute(text(_FIND), values).first()
        return None if row is None else _rule(row)

    def list(self, org_id: int, after: str | None, limit: int) -> Sequence[Rule]:
        """Up to `limit` rules with an id above `after`, by id."""
        values = {"org_id": org_id, "after": after, "limit": limit}
        with self._database.transaction() as connection:
            return [_rule(row) for row in connection.execute(text(_LIST), values)]

    def count(self, org_id: int) -> int:
        """How many rules an organization has."""
        return int(self._database.one(text(_COUNT), {"org_id": org_id}).rules)

    def made_from(self, org_id: int) -> frozenset[str]:
        """The default rules that the organization has."""
        with self._database.transaction() as connection:
            return frozenset(row.made_from for row in connection.execute(text(_MADE_FROM), {"org_id": org_id}))

    def add(self, org_id: int, rule_id: str, first: Version, made_from: str | None = None) -> Rule:
        """Store a new rule."""
        with self._database.transaction() as connection:
            values = {"org_id": org_id, "id": rule_id, "made_from": made_from}
            number = connection.execute(text(_ADD), values).scalar_one()
            _store(connection, org_id, rule_id, first)
            rule = Rule(org_id, rule_id, int(number), (first,), made_from)
            _watch(connection, rule)
        return rule

    def add_version(self, rule: Rule, version: Version) -> Rule:
        """Store a new version of a rule; returns the rule with it."""
        with self._database.transaction() as connection:
            _store(connection, rule.org_id, rule.id, version)
            changed = replace(rule, versions=(*rule.versions, version))
            _watch(connection, changed)
            place = {"org_id": rule.org_id, "rule_id": rule.id, "measurement": version.settings["measurement"]}
            connection.execute(text(_AGAIN), {**place, "from_ns": version.from_ns})
            if changed.is_no_data:
                connection.execute(text(_LOOK_AGAIN), {**place, "from_ns": version.from_ns})
        return changed

    def delete(self, rule: Rule, time_ns: int) -> None:
        """Mark a rule as deleted."""
        with self._database.transaction() as connection:
            values = {"org_id": rule.org_id, "id": rule.id, "time_ns": time_ns}
            connection.execute(text(_DELETE), values)
            connection.execute(text(_UNWATCH), values)

    def evaluated(self, org_id: int) -> Sequence[Rule]:
        """All rules that were not deleted or have an open episode; nobody changes them until the transaction ends."""
        with self._database.transaction() as connection:
            return [_rule(row) for row in connection.execute(_EVALUATED, {"org_id": org_id})]

    def forget(self, org_id: int, user_id: int) -> int:
        """Remove a person from all versions of all rules; returns how many versions named them."""
        named = {"among": {"people": [user_id]}, "overridden": {"overrides": [{"user_id": user_id}]}}
        values = {"org_id": org_id, **{name: json.dumps(document) for name, document in named.items()}}
        with self._database.transaction() as connection:
            found = connection.execute(text(_NAMING), values).all()
            for row in found:
                settings = without_person(row.settings, user_id)
                where = {"org_id": org_id, "rule_id": row.rule_id, "version": row.version}
                what = {"settings": json.dumps(settings), "enabled": settings.get("enabled", False)}
                connection.execute(text(_REWRITE), {**where, **what})
        return len(found)

    def erase(self, org_id: int) -> int:
        """Remove all rules of an organization, also deleted ones; returns how many."""
        with self._database.transaction() as connection:
            return [connection.execute(text(it), {"org_id": org_id}).rowcount for it in _ERASE][-1]


def _store(connection: Connection, org_id: int, rule_id: str, version: Version) -> None:
    values = {
        "org_id": org_id,
        "rule_id": rule_id,
        "version": version.number,
        "from_ns": version.from_ns,
        "changed_by": version.changed_by,
        "enabled": version.enabled,
        "settings": json.dumps(version.settings),
    }
    connection.execute(text(_ADD_VERSION), values)


def _watch(connection: Connection, rule: Rule) -> None:
    """Have changes recorded of what a rule that is on looks at."""
    if rule.current.enabled:
        values = {"org_id": rule.org_id, "measurements": sorted(rule.measurements)}
        connection.execute(text(_WATCH), values)


def _rule(row: Row) -> Rule:
    versions = tuple(Version(*it) for it in row.versions)
    return Rule(row.org_id, str(row.id), row.number, versions, row.made_from)
