"""When data of people are missing, in PostgreSQL."""

from collections.abc import Collection, Iterable, Mapping, Sequence

from heartguard_alarm.domain.no_data import NoDataState, Outage, dump_no_data, load_no_data
from heartguard_alarm.store.episodes import lock_people
from heartguard_common.core.clock import NANOSECONDS
from heartguard_common.stores.arrays import numbers, texts
from heartguard_common.stores.database import Database, prepared, text

OUTAGE_NS = 60 * NANOSECONDS
"""The evaluation may fail or stand still for so long without an outage."""
_READ = prepared(
    """
    SELECT p.person, (
        SELECT json_agg(json_build_array(d.rule_id, d.state)) FROM heartguard_core.alarm_due_times AS d
        WHERE d.org_id = :org_id AND d.user_id = p.person
    ) AS states, (
        SELECT json_agg(DISTINCT c.measurement) FROM heartguard_core.changed_ranges AS c
        WHERE c.org_id = :org_id AND c.user_id = p.person AND NOT c.id = ANY (:evaluated)
    ) AS waiting
    FROM unnest(:persons) AS p (person)
    """,
    org_id="integer",
    persons="bigint[]",
    evaluated="bigint[]",
)
_STORE = prepared(
    """
    INSERT INTO heartguard_core.alarm_due_times (org_id, rule_id, user_id, due_ns, state)
    SELECT :org_id, s.rule_id, s.person, s.due_ns, s.state
    FROM unnest(:persons, :rules, :dues, :states) AS s (person, rule_id, due_ns, state)
    ON CONFLICT (org_id, user_id, rule_id) DO UPDATE SET due_ns = excluded.due_ns, state = excluded.state
    """,
    org_id="integer",
    persons="bigint[]",
    rules="uuid[]",
    dues="bigint[]",
    states="text[]",
)
_DUE = """
SELECT DISTINCT org_id, user_id FROM (
    SELECT org_id, user_id FROM heartguard_core.alarm_due_times WHERE due_ns <= :now_ns ORDER BY due_ns LIMIT :limit
) AS due
"""
_POSTPONE = """
UPDATE heartguard_core.alarm_due_times SET due_ns = :until_ns
WHERE org_id = :org_id AND user_id = :person AND due_ns < :until_ns
"""
_FORGET = """
DELETE FROM heartguard_core.alarm_due_times
WHERE org_id = :org_id AND user_id = :person AND NOT rule_id = ANY (cast(:kept AS uuid[]))
"""
_RUNNING = """
WITH extended AS (
    UPDATE heartguard_core.alarm_running_times SET until_ns = greatest(until_ns, :now_ns)
    WHERE since_ns = (SELECT max(since_ns) FROM heartguard_core.alarm_running_times)
        AND until_ns >= :now_ns - :outage_ns
    RETURNING since_ns
)
INSERT INTO heartguard_core.alarm_running_times (since_ns, until_ns)
SELECT :now_ns, :now_ns WHERE NOT EXISTS (SELECT FROM extended) ON CONFLICT DO NOTHING
"""
_OUTAGES = """
SELECT began_ns, ended_ns FROM (
    SELECT max(until_ns) OVER (ORDER BY since_ns ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS began_ns,
        since_ns AS ended_ns
    FROM heartguard_core.alarm_running_times
) AS pauses
WHERE began_ns < ended_ns - :outage_ns ORDER BY ended_ns
"""


class PostgresDueTimes:
    """The tables `alarm_due_times` and `alarm_running_times`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def read(
        self, org_id: int, persons: Collection[int], evaluated: Iterable[int]
    ) -> Mapping[int, tuple[Mapping[str, NoDataState], frozenset[str]]]:
        """The states of each person by rule, and the measurements of which changes wait or are being written.

        Changes with an id of `evaluated` do not wait. Nobody else evaluates the people until the transaction ends.
        """
        values = {"org_id": org_id, "persons": numbers(persons), "evaluated": numbers(evaluated)}
        with self._database.transaction() as connection:
            lock_people(connection, org_id, persons)
            rows = connection.execute(_READ, values).all()
        return {
            row.person: ({it: load_no_data(state) for it, state in row.states or ()}, frozenset(row.waiting or ()))
            for row in rows
        }

    def store(self, org_id: int, states: Mapping[tuple[int, str], tuple[NoDataState, int | None]]) -> None:
        """Store states by person and rule, each with when to look at it again; None: not before a change."""
        values = {
            "org_id": org_id,
            "persons": numbers(person for person, _ in states),
            "rules": texts(rule_id for _, rule_id in states),
            "dues": numbers(due_ns for _, due_ns in states.values()),
            "states": [dump_no_data(state) for state, _ in states.values()],
        }
        with self._database.transaction() as connection:
            connection.execute(_STORE, values)

    def due(self, now_ns: int, limit: int) -> Sequence[tuple[int, int]]:
        """Organization and number of people of whom up to `limit` rules are due, those of the longest due ones."""
        with self._database.transaction() as connection:
            rows = connection.execute(text(_DUE), {"now_ns": now_ns, "limit": limit})
            return [(row.org_id, row.user_id) for row in rows]

    def postpone(self, org_id: int, person: int, until_ns: int) -> None:
        """Look at the rules of a person that are due no earlier than at `until_ns`."""
        with self._database.transaction() as connection:
            connection.execute(text(_POSTPONE), {"org_id": org_id, "person": person, "until_ns": until_ns})

    def forget(self, org_id: int, person: int, kept: Collection[str] = ()) -> None:
        """Remove what is known of a person, except for the rules `kept`."""
        with self._database.transaction() as connection:
            connection.execute(text(_FORGET), {"org_id": org_id, "person": person, "kept": list(kept)})

    def record_running(self, now_ns: int) -> None:
        """Record that changes are being evaluated now. Who does not do so for a minute has had an outage."""
        with self._database.transaction() as connection:
            connection.execute(text(_RUNNING), {"now_ns": now_ns, "outage_ns": OUTAGE_NS})

    def outages(self) -> Sequence[Outage]:
        """All outages, in order of time."""
        with self._database.transaction() as connection:
            rows = connection.execute(text(_OUTAGES), {"outage_ns": OUTAGE_NS})
            return [Outage(row.began_ns, row.ended_ns) for row in rows]
