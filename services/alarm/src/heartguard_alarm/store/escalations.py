"""The episodes that are being notified, in PostgreSQL."""

from collections.abc import Sequence

from heartguard_alarm.domain.notifications import DueGroup, Escalation
from heartguard_alarm.domain.policies import Due, Policy
from heartguard_common.core.clock import NANOSECONDS, rfc3339
from heartguard_common.stores.database import Database, Row, text

AT_ONCE = 100
# Whoever comes while others of the policy wait for their first message waits as long as they.
_BEGIN = """
INSERT INTO heartguard_core.alarm_escalations (org_id, episode_id, policy_id, step, repeat, due_at, was_over)
SELECT e.org_id, e.id, :policy_id, :step, :repeat, coalesce(
    (SELECT min(x.due_at) FROM heartguard_core.alarm_escalations AS x
        WHERE x.org_id = e.org_id AND x.policy_id = :policy_id AND x.step = 0 AND x.repeat = 0
            AND cast(:step AS integer) = 0 AND cast(:repeat AS integer) = 0
            AND x.due_at > cast(:now AS timestamptz) AND x.due_at <= cast(:due AS timestamptz)),
    cast(:due AS timestamptz)), e.end_ns IS NOT NULL
FROM heartguard_core.alarm_episodes AS e WHERE e.org_id = :org_id AND e.id = :episode_id AND NOT e.retrospective
ON CONFLICT DO NOTHING
"""
_DUE = """
SELECT x.org_id, x.policy_id, e.user_id AS person
FROM (SELECT org_id, policy_id FROM heartguard_core.alarm_escalations
        WHERE due_at <= cast(:now AS timestamptz) ORDER BY due_at LIMIT 1) AS first
JOIN heartguard_core.alarm_escalations AS x ON x.org_id = first.org_id AND x.policy_id = first.policy_id
JOIN heartguard_core.alarm_episodes AS e ON e.org_id = x.org_id AND e.id = x.episode_id
WHERE x.due_at <= cast(:now AS timestamptz) ORDER BY x.due_at LIMIT :limit
"""
ENDED = """
CASE WHEN e.withdrawn_at IS NOT NULL THEN 'withdrawn' WHEN e.acknowledged_at IS NOT NULL THEN 'acknowledged'
    WHEN e.closed_at IS NOT NULL THEN 'closed' WHEN e.end_ns IS NOT NULL AND NOT ({was_over}) THEN 'over' END
"""
_CLAIM = f"""
SELECT x.org_id, x.episode_id, x.policy_id, x.step, x.repeat, e.user_id AS person, e.rule_id, e.severity,
    {ENDED.format(was_over="x.was_over AND x.step = 0 AND x.repeat = 0")} AS ended
FROM heartguard_core.alarm_escalations AS x JOIN heartguard_core.alarm_episodes AS e
    ON e.org_id = x.org_id AND e.id = x.episode_id
WHERE x.org_id = :org_id AND x.policy_id = :policy_id AND x.due_at <= cast(:now AS timestamptz)
    AND e.user_id = ANY (:persons)
ORDER BY x.due_at LIMIT :limit FOR UPDATE OF x SKIP LOCKED
"""  # noqa: S608
_ONE = "org_id = :org_id AND episode_id = :episode_id"
_MOVE = f"""
UPDATE heartguard_core.alarm_escalations
SET step = coalesce(:step, step), repeat = coalesce(:repeat, repeat), due_at = cast(:due AS timestamptz) WHERE {_ONE}
"""  # noqa: S608
_POSTPONE = """
UPDATE heartguard_core.alarm_escalations SET due_at = cast(:due AS timestamptz)
WHERE org_id = :org_id AND policy_id = :policy_id AND due_at <= cast(:now AS timestamptz)
"""
_END = f"DELETE FROM heartguard_core.alarm_escalations WHERE {_ONE}"  # noqa: S608
_ABANDON = """
DELETE FROM heartguard_core.alarm_escalations AS x USING heartguard_core.alarm_episodes AS e
WHERE x.org_id = :org_id AND e.org_id = x.org_id AND e.id = x.episode_id AND e.user_id = :person
"""
_WAKE = """
UPDATE heartguard_core.alarm_escalations AS x SET due_at = cast(:now AS timestamptz)
FROM heartguard_core.alarm_episodes AS e, heartguard_core.alarm_notifications AS n
WHERE x.org_id = :org_id AND e.org_id = x.org_id AND e.id = x.episode_id AND x.due_at > cast(:now AS timestamptz)
    AND (cast(:person AS bigint) IS NULL OR e.user_id = :person)
    AND (cast(:rule_id AS uuid) IS NULL OR e.rule_id = cast(:rule_id AS uuid))
    AND n.org_id = x.org_id AND n.episode_id = x.episode_id AND n.step = x.step AND n.repeat = x.repeat
    AND n.message_id IS NULL
"""
_WAITING = """
SELECT count(*) AS waiting, extract(epoch FROM cast(:now AS timestamptz) - min(due_at)) AS oldest
FROM heartguard_core.alarm_escalations WHERE due_at <= cast(:now AS timestamptz)
"""


class PostgresEscalations:
    """The table `alarm_escalations`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def begin(self, org_id: int, episode_id: str, policy: Policy, first: Due, wait_seconds: int, now_ns: int) -> None:
        """Notify an episode that was just stored, from the step `first` on, which is due after `wait_seconds`.

        With the first step of all it waits with others of the policy that wait for theirs. Nothing changes where the
        episode is being notified already, or is retrospective.
        """
        times = {"now": rfc3339(now_ns), "due": rfc3339(now_ns + wait_seconds * NANOSECONDS)}
        place = {"step": first.step, "repeat": first.repeat}
        self._execute(_BEGIN, org_id=org_id, episode_id=episode_id, policy_id=policy.id, **place, **times)

    def due(self, now_ns: int) -> DueGroup | None:
        """The policy whose step is due longest, and the people whose alarms have a step of it that is due."""
        with self._database.transaction() as connection:
            rows = connection.execute(text(_DUE), {"now": rfc3339(now_ns), "limit": AT_ONCE}).all()
        if not rows:
            return None
        return DueGroup(rows[0].org_id, str(rows[0].policy_id), frozenset(row.person for row in rows))

    def claim(self, group: DueGroup, now_ns: int) -> Sequence[Escalation]:
        """Up to 100 of a group, locked until the transaction ends; none that somebody else has locked."""
        values = {**group._asdict(), "persons": list(group.persons), "now": rfc3339(now_ns), "limit": AT_ONCE}
        with self._database.transaction() as connection:
            return [_escalation(row) for row in connection.execute(text(_CLAIM), values)]

    def move(self, escalation: Escalation, due: Due | None, due_ns: int) -> None:
        """Set the next step and its time; without a step: the present one at another time."""
        step = {"step": None, "repeat": None} if due is None else {"step": due.step, "repeat": due.repeat}
        self._execute(_MOVE, **_place(escalation), **step, due=rfc3339(due_ns))

    def postpone(self, group: DueGroup, now_ns: int, due_ns: int) -> None:
        """Have what is due of a policy looked at again at another time."""
        times = {"now": rfc3339(now_ns), "due": rfc3339(due_ns)}
        self._execute(_POSTPONE, org_id=group.org_id, policy_id=group.policy_id, **times)

    def end(self, escalation: Escalation) -> None:
        """Nothing more is notified of an episode."""
        self._execute(_END, **_place(escalation))

    def abandon(self, org_id: int, person: int) -> None:
        """Nothing more is notified of a person who is being deleted."""
        self._execute(_ABANDON, org_id=org_id, person=person)

    def wake(self, org_id: int, person: int | None, rule_id: str | None, now_ns: int) -> None:
        """Have what was silenced of a person (None: everybody) and a rule (None: all) looked at now."""
        self._execute(_WAKE, org_id=org_id, person=person, rule_id=rule_id, now=rfc3339(now_ns))

    def waiting(self, now_ns: int) -> int:
        """How many steps are due."""
        return int(self._database.one(text(_WAITING), {"now": rfc3339(now_ns)}).waiting)

    def behind_seconds(self, now_ns: int) -> float:
        """How long the step has been due that is due longest, in seconds; 0 without one."""
        return float(self._database.one(text(_WAITING), {"now": rfc3339(now_ns)}).oldest or 0.0)

    def _execute(self, statement: str, **values: object) -> None:
        with self._database.transaction() as connection:
            connection.execute(text(statement), values)


def _place(escalation: Escalation) -> dict[str, object]:
    return {"org_id": escalation.org_id, "episode_id": escalation.episode_id}


def _escalation(row: Row) -> Escalation:
    ids = {name: str(getattr(row, name)) for name in ("episode_id", "policy_id", "rule_id")}
    return Escalation(**{**row._asdict(), **ids})
