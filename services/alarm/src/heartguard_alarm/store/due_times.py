"""When data of people are missing, in PostgreSQL."""

from collections.abc import Mapping, Sequence

from heartguard_alarm.domain.no_data import NoDataState, Outage, dump_no_data, load_no_data
from heartguard_alarm.store.episodes import lock_person
from heartguard_common.core.clock import NANOSECONDS
from heartguard_common.stores.database import Database, text

OUTAGE_NS = 60 * NANOSECONDS
"""The evaluation may fail or stand still for so long without an outage."""
_STATES = """
SELECT rule_id, state FROM heartguard_core.alarm_due_times WHERE org_id = :org_id AND user_id = :person
"""
_STORE = """
INSERT INTO heartguard_core.alarm_due_times (org_id, rule_id, user_id, due_ns, state)
VALUES (:org_id, :rule_id, :person, :due_ns, :state)
ON CONFLICT (org_id, rule_id, user_id) DO UPDATE SET due_ns = excluded.due_ns, state = excluded.state
"""
_DUE = """
SELECT DISTINCT org_id, user_id FROM (
    SELECT org_id, user_id FROM heartguard_core.alarm_due_times WHERE due_ns <= :now_ns ORDER BY due_ns LIMIT :limit
) AS due
"""
_POSTPONE = """
UPDATE heartguard_core.alarm_due_times SET due_ns = :until_ns
WHERE org_id = :org_id AND user_id = :person AND due_ns < :until_ns
"""
_WAITING = """
SELECT DISTINCT measurement FROM heartguard_core.changed_ranges
WHERE org_id = :org_id AND user_id = :person AND NOT id = ANY (cast(:evaluated AS bigint[]))
"""
_FORGET = "DELETE FROM heartguard_core.alarm_due_times WHERE org_id = :org_id AND user_id = :person"
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
WHERE ended_ns > :since_ns AND began_ns < ended_ns - :outage_ns ORDER BY ended_ns
"""


class PostgresDueTimes:
    """The tables `alarm_due_times` and `alarm_running_times`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def states(self, org_id: int, person: int) -> Mapping[str, NoDataState]:
        """The state of each rule of a person; nobody else evaluates the person until the transaction ends."""
        with self._database.transaction() as connection:
            lock_person(connection, org_id, person)
            rows = connection.execute(text(_STATES), {"org_id": org_id, "person": person})
            return {str(row.rule_id): load_no_data(row.state) for row in rows}

    def store(self, org_id: int, person: int, rule_id: str, state: NoDataState, due_ns: int | None) -> None:
        """Store the state of a rule and a person, to be looked at again at `due_ns`, with None not before a change."""
        values = {"org_id": org_id, "rule_id": rule_id, "person": person}
        with self._database.transaction() as connection:
            connection.execute(text(_STORE), {**values, "due_ns": due_ns, "state": dump_no_data(state)})

    def due(self, now_ns: int, limit: int) -> Sequence[tuple[int, int]]:
        """Organization and number of people of whom up to `limit` rules are due, those of the longest due ones."""
        with self._database.transaction() as connection:
            rows = connection.execute(text(_DUE), {"now_ns": now_ns, "limit": limit})
            return [(row.org_id, row.user_id) for row in rows]

    def postpone(self, org_id: int, person: int, until_ns: int) -> None:
        """Look at the rules of a person that are due no earlier than at `until_ns`."""
        with self._database.transaction() as connection:
            connection.execute(text(_POSTPONE), {"org_id": org_id, "person": person, "until_ns": until_ns})

    def waiting(self, org_id: int, person: int, evaluated: Sequence[int]) -> frozenset[str]:
        """The measurements of a person of which changes wait, or are being written, besides the `evaluated` ones."""
        values = {"org_id": org_id, "person": person, "evaluated": list(evaluated)}
        with self._database.transaction() as connection:
            return frozenset(row.measurement for row in connection.execute(text(_WAITING), values))

    def forget(self, org_id: int, person: int) -> None:
        """Remove what is known of a person."""
        with self._database.transaction() as connection:
            connection.execute(text(_FORGET), {"org_id": org_id, "person": person})

    def record_running(self, now_ns: int) -> None:
        """Record that changes are being evaluated now. Who does not do so for a minute has had an outage."""
        with self._database.transaction() as connection:
            connection.execute(text(_RUNNING), {"now_ns": now_ns, "outage_ns": OUTAGE_NS})

    def outages(self, since_ns: int) -> Sequence[Outage]:
        """The outages that ended after `since_ns`, in order of time."""
        values = {"since_ns": max(since_ns, -(2**63)), "outage_ns": OUTAGE_NS}
        with self._database.transaction() as connection:
            return [Outage(row.began_ns, row.ended_ns) for row in connection.execute(text(_OUTAGES), values)]
