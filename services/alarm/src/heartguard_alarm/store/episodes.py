"""Episodes, their transitions and the states of evaluations in PostgreSQL."""

import json
from collections.abc import Mapping, Sequence

from heartguard_alarm.domain.changes import RETROSPECTIVE_NS, Evaluated, Kind, State, Transition
from heartguard_alarm.domain.episodes import Changes, Interval, Known
from heartguard_alarm.domain.rules import version_at
from heartguard_common.core.clock import Clock, rfc3339
from heartguard_common.core.ids import uuid7
from heartguard_common.stores.database import Connection, Database, prepared, text

# What each evaluation of a person asks is planned once.
_LOCK = prepared("SELECT pg_advisory_xact_lock(hashtextextended(:what, 0))", what="text")
_STATES = prepared(
    "SELECT rule_id, head_ns, state FROM heartguard_core.alarm_states WHERE org_id = :org_id AND user_id = :person",
    org_id="integer",
    person="bigint",
)
_KNOWN = prepared(
    """
    SELECT rule_id, id, start_ns, raised_ns, end_ns, cleared_ns FROM heartguard_core.alarm_episodes
    WHERE org_id = :org_id AND user_id = :person AND withdrawn_at IS NULL AND (end_ns IS NULL OR end_ns > :floor_ns)
    ORDER BY start_ns
    """,
    org_id="integer",
    person="bigint",
    floor_ns="bigint",
)
_STORE_STATES = """
INSERT INTO heartguard_core.alarm_states (org_id, rule_id, user_id, head_ns, state)
SELECT :org_id, s.rule_id, :person, s.head_ns, s.state
FROM unnest(cast(:rules AS uuid[]), cast(:heads AS bigint[]), cast(:states AS text[])) AS s (rule_id, head_ns, state)
ON CONFLICT (org_id, rule_id, user_id) DO UPDATE SET head_ns = excluded.head_ns, state = excluded.state
"""
_ADD = """
INSERT INTO heartguard_core.alarm_episodes (org_id, id, rule_id, rule_number, version, user_id, severity, start_ns,
    raised_ns, end_ns, cleared_ns, found_at, retrospective, silent, last_sample_ns)
VALUES (:org_id, :id, :rule_id, :rule_number, :version, :person, :severity, :start_ns, :raised_ns, :end_ns,
    :cleared_ns, cast(:now AS timestamptz), :retrospective, :silent, :last_sample_ns)
"""
_MOVE = """
UPDATE heartguard_core.alarm_episodes
SET start_ns = :start_ns, raised_ns = :raised_ns, end_ns = :end_ns, cleared_ns = :cleared_ns
WHERE org_id = :org_id AND id = :id
"""
_WITHDRAW = """
UPDATE heartguard_core.alarm_episodes
SET withdrawn_at = cast(:now AS timestamptz), merged_into = cast(:into AS uuid) WHERE org_id = :org_id AND id = :id
"""
_TRANSITION = """
INSERT INTO heartguard_core.alarm_transitions (org_id, episode_id, number, kind, at, actor, note, payload)
SELECT :org_id, :id, coalesce(max(number), 0) + 1, :kind, cast(:now AS timestamptz), :actor, :note,
    cast(:payload AS jsonb)
FROM heartguard_core.alarm_transitions WHERE org_id = :org_id AND episode_id = :id
"""
_OF_PERSON = "org_id = :org_id AND (cast(:person AS bigint) IS NULL OR user_id = :person)"
_ERASE = (
    f"""
    DELETE FROM heartguard_core.alarm_transitions WHERE org_id = :org_id AND episode_id IN (
        SELECT id FROM heartguard_core.alarm_episodes WHERE {_OF_PERSON})
    """,  # noqa: S608
    *(
        f"DELETE FROM heartguard_core.{table} WHERE {_OF_PERSON}"  # noqa: S608
        for table in ("alarm_states", "alarm_due_times", "changed_ranges", "alarm_episodes")
    ),
)
_WAITING = """
SELECT count(*) AS waiting, coalesce(extract(epoch FROM clock_timestamp() - min(ready_at)), 0) AS oldest
FROM heartguard_core.changed_ranges WHERE ready_at <= clock_timestamp()
"""
_DONE = prepared(
    "DELETE FROM heartguard_core.changed_ranges WHERE org_id = :org_id AND id = ANY (:ids)",
    org_id="integer",
    ids="bigint[]",
)


class PostgresEpisodes:
    """The tables `alarm_states`, `alarm_episodes` and `alarm_transitions`, and rows of `changed_ranges`."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    def states(self, org_id: int, person: int) -> Mapping[str, State]:
        """The state of each rule of a person; nobody else evaluates the person until the transaction ends."""
        with self._database.transaction() as connection:
            lock_person(connection, org_id, person)
            rows = connection.execute(_STATES, {"org_id": org_id, "person": person})
            return {str(row.rule_id): State(row.head_ns, row.state) for row in rows}

    def known(self, org_id: int, person: int, floor_ns: int) -> Mapping[str, Sequence[Known]]:
        """By rule, in order of time, the episodes that are open or ended after `floor_ns`."""
        found: dict[str, list[Known]] = {}
        values = {"org_id": org_id, "person": person, "floor_ns": max(floor_ns, -(2**63))}
        with self._database.transaction() as connection:
            for row in connection.execute(_KNOWN, values):
                interval = Interval(row.start_ns, row.raised_ns, row.end_ns, row.cleared_ns)
                found.setdefault(str(row.rule_id), []).append(Known(str(row.id), interval))
        return found

    def store_states(self, org_id: int, person: int, states: Mapping[str, State]) -> None:
        """Store the states of rules of a person."""
        values = {
            "org_id": org_id,
            "person": person,
            "rules": list(states),
            "heads": [it.head_ns for it in states.values()],
            "states": [it.text for it in states.values()],
        }
        with self._database.transaction() as connection:
            connection.execute(text(_STORE_STATES), values)

    def apply(self, evaluated: Evaluated, changes: Changes, now_ns: int) -> Sequence[Transition]:
        """Store what an evaluation has changed; returns the transitions."""
        rule, made = evaluated.rule, list[Transition]()
        with self._database.transaction() as connection:
            known = {"org_id": rule.org_id, "now": rfc3339(now_ns)}
            for episode_id, into in [*((it, None) for it in changes.withdrawn), *changes.merged]:
                kind: Kind = "withdrawn" if into is None else "merged"
                connection.execute(text(_WITHDRAW), {**known, "id": episode_id, "into": into})
                made.append(_record(connection, known, episode_id, kind, {"into": into} if into else None))
            for episode_id, before, after in changes.changed:
                connection.execute(text(_MOVE), {**known, "id": episode_id, **after._asdict()})
                kind = "cleared" if before.end_ns is None and after.end_ns is not None else "changed"
                made.append(_record(connection, known, episode_id, kind, _bounds(before)))
            for interval in changes.created:
                made.append(self._add(connection, known, evaluated, interval, now_ns))
        return made

    def _add(
        self, connection: Connection, known: Mapping[str, object], evaluated: Evaluated, interval: Interval, now_ns: int
    ) -> Transition:
        rule, version = evaluated.rule, version_at(evaluated.rule, interval.raised_ns)
        last_ns = max(evaluated.last_ns, interval.raised_ns) if interval.end_ns is None else interval.end_ns
        retrospective = now_ns - last_ns > RETROSPECTIVE_NS
        missing = evaluated.without_data(interval.raised_ns)
        values = {
            "id": uuid7(self._clock),
            "rule_id": rule.id,
            "rule_number": rule.number,
            "version": version.number,
            "person": evaluated.person,
            "severity": version.settings.get("severity", "warning"),
            "retrospective": retrospective,
            "silent": None if missing is None else missing.silent,
            "last_sample_ns": None if missing is None else missing.last_sample_ns,
        }
        connection.execute(text(_ADD), {**known, **values, **interval._asdict()})
        kind: Kind = "retrospective" if retrospective else "raised"
        return _record(connection, known, values["id"], kind)

    def done(self, org_id: int, change_ids: Sequence[int]) -> None:
        """Remove changes that were evaluated."""
        with self._database.transaction() as connection:
            connection.execute(_DONE, {"org_id": org_id, "ids": list(change_ids)})

    def erase(self, org_id: int, person: int | None) -> int:
        """Remove the episodes, states and changes of an organization, or of one person; returns how many episodes."""
        with self._database.transaction() as connection:
            return [connection.execute(text(it), {"org_id": org_id, "person": person}).rowcount for it in _ERASE][-1]

    def waiting(self) -> int:
        """How many changes could be evaluated now."""
        return int(self._database.one(text(_WAITING), {}).waiting)

    def behind_seconds(self) -> float:
        """How long the change has waited that waits longest, of those that could be evaluated; 0 without one."""
        return max(0.0, float(self._database.one(text(_WAITING), {}).oldest))


def lock_person(connection: Connection, org_id: int, person: int) -> None:
    """Nobody else evaluates the person until the transaction ends."""
    connection.execute(_LOCK, {"what": f"alarm {org_id} {person}"})


def _record(
    connection: Connection,
    known: Mapping[str, object],
    episode_id: object,
    kind: Kind,
    payload: Mapping[str, object] | None = None,
) -> Transition:
    values = {"id": episode_id, "kind": kind, "actor": None, "note": None}
    more = {"payload": None if payload is None else json.dumps(payload)}
    connection.execute(text(_TRANSITION), {**known, **values, **more})
    return Transition(str(episode_id), kind)


def _bounds(interval: Interval) -> Mapping[str, object]:
    end = {} if interval.end_ns is None else {"end": rfc3339(interval.end_ns)}
    return {"start": rfc3339(interval.start_ns), **end}
