"""Episodes, their transitions and the states of evaluations in PostgreSQL."""

import json
from collections.abc import Collection, Iterable, Mapping, Sequence

from heartguard_alarm.domain.changes import RETROSPECTIVE_NS, Evaluated, Kind, State, Transition
from heartguard_alarm.domain.episodes import Changes, Interval, Known
from heartguard_alarm.domain.rules import version_at
from heartguard_common.core.clock import Clock, rfc3339
from heartguard_common.core.ids import uuid7
from heartguard_common.stores.arrays import numbers, texts
from heartguard_common.stores.database import Connection, Database, prepared, text

# What each evaluation of a person asks is planned once.
_LOCK = prepared(
    """
    SELECT pg_advisory_xact_lock(hashtextextended('alarm ' || :org_id || ' ' || person, 0))
    FROM unnest(:persons) AS person
    """,
    org_id="integer",
    persons="bigint[]",
)
_STATES = prepared(
    """
    SELECT user_id, rule_id, head_ns, state FROM heartguard_core.alarm_states
    WHERE org_id = :org_id AND user_id = ANY (:persons)
    """,
    org_id="integer",
    persons="bigint[]",
)
_KNOWN = prepared(
    """
    SELECT e.user_id, e.rule_id, e.id, e.start_ns, e.raised_ns, e.end_ns, e.cleared_ns
    FROM unnest(:persons, :floors) AS w (person, floor_ns) CROSS JOIN LATERAL (
        SELECT * FROM heartguard_core.alarm_episodes AS one
        WHERE one.org_id = :org_id AND one.user_id = w.person AND one.withdrawn_at IS NULL
            AND (one.end_ns IS NULL OR one.end_ns > w.floor_ns) OFFSET 0
    ) AS e ORDER BY e.start_ns
    """,
    org_id="integer",
    persons="bigint[]",
    floors="bigint[]",
)
_STORE_STATES = prepared(
    """
    INSERT INTO heartguard_core.alarm_states (org_id, rule_id, user_id, head_ns, state)
    SELECT :org_id, s.rule_id, s.person, s.head_ns, s.state
    FROM unnest(:persons, :rules, :heads, :states) AS s (person, rule_id, head_ns, state)
    ON CONFLICT (org_id, user_id, rule_id) DO UPDATE SET head_ns = excluded.head_ns, state = excluded.state
    """,
    org_id="integer",
    persons="bigint[]",
    rules="uuid[]",
    heads="bigint[]",
    states="text[]",
)
_RECORD = """
INSERT INTO heartguard_core.alarm_transitions (org_id, episode_id, number, kind, at, payload)
SELECT :org_id, :id, coalesce((
    SELECT max(number) FROM heartguard_core.alarm_transitions WHERE org_id = :org_id AND episode_id = :id
), 0) + 1, :kind, :now, cast(:payload AS jsonb)
"""
_RECORDED = {"org_id": "integer", "id": "uuid", "kind": "text", "now": "timestamptz", "payload": "text"}
_BOUNDS = {"start_ns": "bigint", "raised_ns": "bigint", "end_ns": "bigint", "cleared_ns": "bigint"}
# The change of an episode, and the entry of its history.
_ADD = prepared(
    f"""
    WITH added AS (
        INSERT INTO heartguard_core.alarm_episodes (org_id, id, rule_id, rule_number, version, user_id, severity,
            start_ns, raised_ns, end_ns, cleared_ns, found_at, retrospective, silent, last_sample_ns)
        VALUES (:org_id, :id, :rule_id, :rule_number, :version, :person, :severity, :start_ns, :raised_ns, :end_ns,
            :cleared_ns, :now, :retrospective, :silent, :last_sample_ns)
    ) {_RECORD}
    """,  # noqa: S608
    **_RECORDED,
    **_BOUNDS,
    rule_id="uuid",
    rule_number="bigint",
    version="integer",
    person="bigint",
    severity="text",
    retrospective="boolean",
    silent="text",
    last_sample_ns="bigint",
)
_MOVE = prepared(
    f"""
    WITH moved AS (
        UPDATE heartguard_core.alarm_episodes
        SET start_ns = :start_ns, raised_ns = :raised_ns, end_ns = :end_ns, cleared_ns = :cleared_ns
        WHERE org_id = :org_id AND id = :id
    ) {_RECORD}
    """,  # noqa: S608
    **_RECORDED,
    **_BOUNDS,
)
_WITHDRAW = prepared(
    f"""
    WITH withdrawn AS (
        UPDATE heartguard_core.alarm_episodes SET withdrawn_at = :now, merged_into = :into
        WHERE org_id = :org_id AND id = :id
    ) {_RECORD}
    """,  # noqa: S608
    **_RECORDED,
    into="uuid",
)
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

    def states(self, org_id: int, persons: Collection[int]) -> Mapping[tuple[int, str], State]:
        """The states by person and rule; nobody else evaluates the people until the transaction ends."""
        with self._database.transaction() as connection:
            lock_people(connection, org_id, persons)
            rows = connection.execute(_STATES, {"org_id": org_id, "persons": numbers(persons)})
            return {(row.user_id, str(row.rule_id)): State(row.head_ns, row.state) for row in rows}

    def known(self, org_id: int, floors: Mapping[int, int]) -> Mapping[tuple[int, str], Sequence[Known]]:
        """By person and rule, in order of time, the episodes that are open or ended after the person's floor."""
        found: dict[tuple[int, str], list[Known]] = {}
        bounds = numbers(max(floor_ns, -(2**63)) for floor_ns in floors.values())
        with self._database.transaction() as connection:
            values = {"org_id": org_id, "persons": numbers(floors), "floors": bounds}
            for row in connection.execute(_KNOWN, values):
                interval = Interval(row.start_ns, row.raised_ns, row.end_ns, row.cleared_ns)
                found.setdefault((row.user_id, str(row.rule_id)), []).append(Known(str(row.id), interval))
        return found

    def store_states(self, org_id: int, states: Mapping[tuple[int, str], State]) -> None:
        """Store states by person and rule."""
        values = {
            "org_id": org_id,
            "persons": numbers(person for person, _ in states),
            "rules": texts(rule_id for _, rule_id in states),
            "heads": numbers(it.head_ns for it in states.values()),
            "states": [it.text for it in states.values()],
        }
        with self._database.transaction() as connection:
            connection.execute(_STORE_STATES, values)

    def apply(self, evaluated: Evaluated, changes: Changes, now_ns: int) -> Sequence[Transition]:
        """Store what an evaluation has changed; returns the transitions."""
        made = list[Transition]()
        with self._database.transaction() as connection:
            known = {"org_id": evaluated.rule.org_id, "now": rfc3339(now_ns)}
            for episode_id, into in [*((it, None) for it in changes.withdrawn), *changes.merged]:
                kind: Kind = "withdrawn" if into is None else "merged"
                payload = json.dumps({"into": into}) if into else None
                connection.execute(
                    _WITHDRAW, {**known, "id": episode_id, "into": into, "kind": kind, "payload": payload}
                )
                made.append(Transition(episode_id, kind))
            for episode_id, before, after in changes.changed:
                kind = "cleared" if before.end_ns is None and after.end_ns is not None else "changed"
                entry = {"id": episode_id, "kind": kind, "payload": json.dumps(_bounds(before))}
                connection.execute(_MOVE, {**known, **entry, **after._asdict()})
                made.append(Transition(episode_id, kind))
            made += [self._add(connection, known, evaluated, interval, now_ns) for interval in changes.created]
        return made

    def _add(
        self, connection: Connection, known: Mapping[str, object], evaluated: Evaluated, interval: Interval, now_ns: int
    ) -> Transition:
        rule, version = evaluated.rule, version_at(evaluated.rule, interval.raised_ns)
        last_ns = max(evaluated.last_ns, interval.raised_ns) if interval.end_ns is None else interval.end_ns
        retrospective = now_ns - last_ns > RETROSPECTIVE_NS
        missing = evaluated.without_data(interval.raised_ns)
        kind: Kind = "retrospective" if retrospective else "raised"
        episode_id = uuid7(self._clock)
        values = {
            "id": episode_id,
            "kind": kind,
            "payload": None,
            "rule_id": rule.id,
            "rule_number": rule.number,
            "version": version.number,
            "person": evaluated.person,
            "severity": version.settings.get("severity", "warning"),
            "retrospective": retrospective,
            "silent": None if missing is None else missing.silent,
            "last_sample_ns": None if missing is None else missing.last_sample_ns,
        }
        connection.execute(_ADD, {**known, **values, **interval._asdict()})
        return Transition(episode_id, kind)

    def done(self, org_id: int, change_ids: Iterable[int]) -> None:
        """Remove changes that were evaluated."""
        with self._database.transaction() as connection:
            connection.execute(_DONE, {"org_id": org_id, "ids": numbers(change_ids)})

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


def lock_people(connection: Connection, org_id: int, persons: Iterable[int]) -> None:
    """Nobody else evaluates the people until the transaction ends. Whoever locks several does so in the same order."""
    connection.execute(_LOCK, {"org_id": org_id, "persons": numbers(sorted(persons))})


def _bounds(interval: Interval) -> Mapping[str, object]:
    end = {} if interval.end_ns is None else {"end": rfc3339(interval.end_ns)}
    return {"start": rfc3339(interval.start_ns), **end}
