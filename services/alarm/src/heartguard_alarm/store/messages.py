"""Messages about alarms in PostgreSQL."""

from collections.abc import Sequence

from heartguard_alarm.domain.channels import Channel
from heartguard_alarm.domain.notifications import Escalation, Message, Notification, Outcome, Subject
from heartguard_alarm.domain.policies import Policy
from heartguard_alarm.store.columns import nanoseconds
from heartguard_alarm.store.escalations import ENDED
from heartguard_common.core.clock import NANOSECONDS, Clock, rfc3339
from heartguard_common.core.ids import uuid7
from heartguard_common.stores.database import Connection, Database, Row, text

# Longer than a channel may take, so that no other worker gets the message meanwhile.
LEASE_SECONDS = 120
_ADD = """
INSERT INTO heartguard_core.alarm_messages (org_id, id, policy_id, channel_id, service, details, reports, status,
    created_at, due_at, ended_at, error)
VALUES (:org_id, :id, :policy_id, :channel_id, :service, :details, :reports, :status, cast(:now AS timestamptz),
    cast(:now AS timestamptz), CASE WHEN :status = 'failed' THEN cast(:now AS timestamptz) END, :error)
"""
# One for each episode, step, repeat and channel: only what was silenced or cancelled can be notified afterwards.
_NOTIFY = """
INSERT INTO heartguard_core.alarm_notifications AS n (org_id, episode_id, step, repeat, channel_id, service,
    message_id, was_over, at)
SELECT x.org_id, x.episode_id, x.step, x.repeat, :channel_id, :service, :message_id, x.was_over,
    cast(:now AS timestamptz)
FROM heartguard_core.alarm_escalations AS x WHERE x.org_id = :org_id AND x.episode_id = :episode_id
ON CONFLICT (org_id, episode_id, step, repeat, channel_id) DO UPDATE
    SET message_id = excluded.message_id, cancelled = false, at = excluded.at
WHERE n.message_id IS NULL OR n.cancelled AND excluded.message_id IS NOT NULL
"""
# A step that was silenced, or whose messages were all cancelled because the episode was over, is still to be notified.
_LAST_PLACE = """
SELECT step, repeat FROM heartguard_core.alarm_notifications
WHERE org_id = :org_id AND episode_id = :episode_id AND message_id IS NOT NULL AND NOT cancelled
ORDER BY repeat DESC, step DESC LIMIT 1
"""
_REPORTED = """
SELECT EXISTS (
    SELECT FROM heartguard_core.alarm_messages AS m JOIN heartguard_core.alarm_messages AS f
        ON f.org_id = m.org_id AND f.id = m.reports
    WHERE m.org_id = :org_id AND f.channel_id = :channel_id AND m.created_at > cast(:since AS timestamptz)) AS found
"""
_REPORTED_CHANNEL = """
SELECT coalesce(c.name, m.channel_id::text) AS name FROM heartguard_core.alarm_messages AS m
LEFT JOIN heartguard_core.alarm_channels AS c ON c.org_id = m.org_id AND c.id = m.channel_id
WHERE m.org_id = :org_id AND m.id = cast(:id AS uuid)
"""
_CREATED = """
SELECT count(*) AS messages FROM heartguard_core.alarm_messages
WHERE org_id = :org_id AND created_at > cast(:since AS timestamptz)
"""
_CLAIM = f"""
UPDATE heartguard_core.alarm_messages AS m SET due_at = cast(:until AS timestamptz)
WHERE (m.org_id, m.id) = (
    SELECT w.org_id, w.id FROM heartguard_core.alarm_messages AS w
    WHERE w.status = 'waiting' AND w.due_at <= cast(:now AS timestamptz)
    ORDER BY w.due_at LIMIT 1 FOR UPDATE SKIP LOCKED)
RETURNING m.org_id, m.id, m.policy_id, m.channel_id, m.details, m.reports,
    {nanoseconds("m.created_at")} AS created_ns, m.handed_over, m.attempts, EXISTS (
        SELECT FROM heartguard_core.alarm_messages AS r WHERE r.org_id = m.org_id AND r.reports = m.id) AS reported
"""  # noqa: S608
_SUBJECTS = f"""
SELECT DISTINCT ON (e.id) e.id AS episode_id, e.user_id AS person, u.full_name, v.settings, e.severity, e.raised_ns,
    {ENDED.format(was_over="n.was_over")} AS ended
FROM heartguard_core.alarm_notifications AS n
JOIN heartguard_core.alarm_episodes AS e ON e.org_id = n.org_id AND e.id = n.episode_id
JOIN heartguard_core.alarm_rule_versions AS v
    ON v.org_id = e.org_id AND v.rule_id = e.rule_id AND v.version = e.version
LEFT JOIN heartguard_core.users AS u ON u.org_id = e.org_id AND u.id = e.user_id AND u.deleted_at IS NULL
WHERE n.org_id = :org_id AND n.message_id = cast(:id AS uuid) AND NOT n.cancelled ORDER BY e.id
"""  # noqa: S608
_CANCEL = """
UPDATE heartguard_core.alarm_notifications SET cancelled = true, at = cast(:now AS timestamptz)
WHERE org_id = :org_id AND message_id = :id AND episode_id = ANY (cast(:episodes AS uuid[]))
"""
_ONE = "org_id = :org_id AND id = :id"
_POSTPONE = f"""
UPDATE heartguard_core.alarm_messages
SET due_at = cast(:due AS timestamptz), attempts = :attempts, error = :error, handed_over = :handed_over
WHERE {_ONE} AND status = 'waiting'
"""  # noqa: S608
_END = f"""
UPDATE heartguard_core.alarm_messages
SET status = :status, ended_at = cast(:now AS timestamptz), attempts = :attempts, error = :error WHERE {_ONE}
"""  # noqa: S608
_RETRY = """
UPDATE heartguard_core.alarm_messages
SET status = 'waiting', ended_at = NULL, attempts = 0, due_at = cast(:now AS timestamptz)
WHERE id = :id AND status = 'failed'
"""
_LIST = f"""
SELECT n.step, n.repeat, n.channel_id, n.service,
    CASE WHEN n.message_id IS NULL THEN 'silenced' WHEN n.cancelled THEN 'cancelled' ELSE m.status END AS status,
    {nanoseconds("CASE WHEN n.cancelled THEN n.at ELSE coalesce(m.ended_at, n.at) END")} AS at_ns,
    coalesce(m.attempts, 0) AS attempts, m.error, n.message_id
FROM heartguard_core.alarm_notifications AS n LEFT JOIN heartguard_core.alarm_messages AS m
    ON m.org_id = n.org_id AND m.id = n.message_id
WHERE n.org_id = :org_id AND n.episode_id = :episode_id AND (cast(:after_repeat AS integer) IS NULL
    OR (n.repeat, n.step, n.channel_id) > (:after_repeat, :after_step, cast(:after_channel AS uuid)))
ORDER BY n.repeat, n.step, n.channel_id LIMIT :limit
"""  # noqa: S608
_WAITING = f"""
SELECT count(*) AS waiting, {nanoseconds("min(created_at)")} AS oldest_ns FROM heartguard_core.alarm_messages
WHERE status = 'waiting'
"""  # noqa: S608
_OF_PERSON = """
org_id = :org_id AND (cast(:person AS bigint) IS NULL OR episode_id IN (
    SELECT id FROM heartguard_core.alarm_episodes WHERE org_id = :org_id AND user_id = :person))
"""
_ERASE = (
    f"DELETE FROM heartguard_core.alarm_escalations WHERE {_OF_PERSON}",  # noqa: S608
    f"DELETE FROM heartguard_core.alarm_notifications WHERE {_OF_PERSON}",  # noqa: S608
)
_ERASE_ALL = "DELETE FROM heartguard_core.alarm_messages WHERE org_id = :org_id"


class PostgresMessages:
    """The tables `alarm_messages` and `alarm_notifications`."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    def add(
        self, escalations: Sequence[Escalation], policy: Policy, channel: Channel, now_ns: int, error: str | None = None
    ) -> str | None:
        """A message by a channel about episodes, each at its step; returns its id, None where all were notified before.

        With `error` the message has failed already.
        """
        with self._database.transaction() as connection:
            values = _message(self._clock, policy.org_id, policy.id, channel, now_ns)
            values |= {"details": policy.details, "reports": None, "error": error}
            connection.execute(text(_ADD), {**values, "status": "waiting" if error is None else "failed"})
            added = [_notify(connection, it, channel, str(values["id"]), now_ns) for it in escalations]
            if not any(added):
                connection.execute(text(f"DELETE FROM heartguard_core.alarm_messages WHERE {_ONE}"), values)  # noqa: S608
                return None
        return str(values["id"])

    def last_place(self, org_id: int, episode_id: str) -> tuple[int, int] | None:
        """Step and repeat that were notified last of an episode; None where it was not notified yet."""
        with self._database.transaction() as connection:
            row = connection.execute(text(_LAST_PLACE), {"org_id": org_id, "episode_id": episode_id}).first()
        return None if row is None else (row.step, row.repeat)

    def silence(self, escalation: Escalation, channel: Channel, now_ns: int) -> None:
        """Record that a channel was not used, because the alarm is silenced."""
        with self._database.transaction() as connection:
            _notify(connection, escalation, channel, None, now_ns)

    def report(self, message: Message, channel: Channel, now_ns: int) -> str:
        """A message by another channel that tells of one that was not sent; returns its id."""
        values = _message(self._clock, message.org_id, message.policy_id, channel, now_ns)
        values |= {"details": message.details, "reports": message.id, "error": None, "status": "waiting"}
        self._execute(_ADD, **values)
        return str(values["id"])

    def reported_since(self, org_id: int, channel_id: str, since_ns: int) -> bool:
        """Whether a channel was reported as failing since a time."""
        values = {"org_id": org_id, "channel_id": channel_id, "since": rfc3339(since_ns)}
        return bool(self._database.one(text(_REPORTED), values).found)

    def created_since(self, org_id: int, since_ns: int) -> int:
        """How many messages of an organization were made since a time."""
        return int(self._database.one(text(_CREATED), {"org_id": org_id, "since": rfc3339(since_ns)}).messages)

    def claim(self, now_ns: int) -> Message | None:
        """The message that is due longest, kept from other workers for two minutes; None when nothing is due."""
        values = {"now": rfc3339(now_ns), "until": rfc3339(now_ns + LEASE_SECONDS * NANOSECONDS)}
        with self._database.transaction() as connection:
            row = connection.execute(text(_CLAIM), values).first()
        if row is None:
            return None
        ids = {name: str(getattr(row, name)) for name in ("id", "policy_id", "channel_id")}
        return Message(**{**row._asdict(), **ids, "reports": None if row.reports is None else str(row.reports)})

    def subjects(self, message: Message) -> Sequence[Subject]:
        """The episodes that a message is about; for a report those of the message that was not sent."""
        values = {"org_id": message.org_id, "id": message.reports or message.id}
        with self._database.transaction() as connection:
            return [_subject(row) for row in connection.execute(text(_SUBJECTS), values)]

    def reported_channel(self, message: Message) -> str:
        """The name of the channel that a report is about; its id where it was deleted."""
        return str(self._database.one(text(_REPORTED_CHANNEL), {"org_id": message.org_id, "id": message.reports}).name)

    def cancel(self, message: Message, episode_ids: Sequence[str]) -> None:
        """Take episodes out of a message: they are no news any more."""
        now = rfc3339(self._clock.now_ns())
        self._execute(_CANCEL, org_id=message.org_id, id=message.id, episodes=list(episode_ids), now=now)

    def postpone(
        self, message: Message, due_ns: int, attempts: int, error: str | None, *, handed_over: bool = False
    ) -> None:
        """Have a message looked at again at that time."""
        values = {"org_id": message.org_id, "id": message.id, "attempts": attempts, "error": error}
        values["handed_over"] = handed_over or message.handed_over
        self._execute(_POSTPONE, due=rfc3339(due_ns), **values)

    def end(self, message: Message, outcome: Outcome, now_ns: int, attempts: int, error: str | None) -> None:
        """Store what became of a message."""
        values = {"org_id": message.org_id, "id": message.id, "attempts": attempts, "error": error}
        self._execute(_END, status=outcome, now=rfc3339(now_ns), **values)

    def retry(self, message_id: str, now_ns: int) -> None:
        """Have a message that has failed sent again."""
        self._execute(_RETRY, id=message_id, now=rfc3339(now_ns))

    def list(self, org_id: int, alarm_id: str, after: Sequence[int | str] | None, limit: int) -> Sequence[Notification]:
        """Up to `limit` messages about an alarm, by repeat, step and channel, behind the position `after`."""
        repeat, step, channel = after or (None, None, None)
        position = {"after_repeat": repeat, "after_step": step, "after_channel": channel}
        values = {"org_id": org_id, "episode_id": alarm_id, "limit": limit, **position}
        with self._database.transaction() as connection:
            return [_notification(row) for row in connection.execute(text(_LIST), values)]

    def waiting(self) -> int:
        """How many messages are neither sent nor given up."""
        return int(self._database.one(text(_WAITING), {}).waiting)

    def oldest_seconds(self, now_ns: int) -> float:
        """How long the message has waited that waits longest, in seconds; 0 without one."""
        oldest_ns = self._database.one(text(_WAITING), {}).oldest_ns
        return 0.0 if oldest_ns is None else max(0.0, (now_ns - int(oldest_ns)) / NANOSECONDS)

    def erase(self, org_id: int, person: int | None) -> None:
        """Remove what was notified of an organization, or of one person."""
        with self._database.transaction() as connection:
            for statement in _ERASE:
                connection.execute(text(statement), {"org_id": org_id, "person": person})
            if person is None:
                connection.execute(text(_ERASE_ALL), {"org_id": org_id})

    def _execute(self, statement: str, **values: object) -> None:
        with self._database.transaction() as connection:
            connection.execute(text(statement), values)


def _message(clock: Clock, org_id: int, policy_id: str, channel: Channel, now_ns: int) -> dict[str, object]:
    return {
        "org_id": org_id,
        "id": uuid7(clock),
        "policy_id": policy_id,
        "channel_id": channel.id,
        "service": channel.service,
        "now": rfc3339(now_ns),
    }


def _notify(
    connection: Connection, escalation: Escalation, channel: Channel, message_id: str | None, now_ns: int
) -> bool:
    values = {
        "org_id": escalation.org_id,
        "episode_id": escalation.episode_id,
        "channel_id": channel.id,
        "service": channel.service,
        "message_id": message_id,
        "now": rfc3339(now_ns),
    }
    return connection.execute(text(_NOTIFY), values).rowcount > 0


def _subject(row: Row) -> Subject:
    return Subject(**{**row._asdict(), "episode_id": str(row.episode_id)})


def _notification(row: Row) -> Notification:
    message_id = None if row.message_id is None else str(row.message_id)
    return Notification(**{**row._asdict(), "channel_id": str(row.channel_id), "message_id": message_id})
