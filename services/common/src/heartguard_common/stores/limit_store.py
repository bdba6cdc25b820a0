"""Limits in PostgreSQL: the values of each organization, and how much of the daily limits is used."""

from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, timedelta

from heartguard_common.core.clock import Clock, seconds
from heartguard_common.core.limit_table import BY_NAME, DAY_SECONDS, SYSTEM
from heartguard_common.core.limits import LimitError
from heartguard_common.stores.database import Database, prepared, text

_VALUE = text("SELECT value FROM heartguard_core.organization_limits WHERE org_id = :org_id AND name = :name")
_LOCK = "SELECT pg_advisory_xact_lock(hashtextextended(:what, 0))"
# The row is locked, so that only one of two concurrent requests gets the last unit.
_TAKE = prepared(
    """
    WITH held AS (
        SELECT coalesce((SELECT value FROM heartguard_core.organization_limits WHERE org_id = :org_id AND name = :name),
            cast(:default AS bigint)) AS value
    ), taken AS (
        INSERT INTO heartguard_core.daily_counts AS c (org_id, day, name, subject, used)
        SELECT :org_id, :day, :name, :subject, :amount FROM held WHERE :amount <= value
        ON CONFLICT (org_id, day, name, subject) DO UPDATE SET used = c.used + excluded.used
            WHERE c.used + excluded.used <= (SELECT value FROM held)
        RETURNING used
    )
    SELECT held.value, taken.used FROM held LEFT JOIN taken ON true
    """,
    org_id="integer",
    name="text",
    default="bigint",
    day="date",
    subject="text",
    amount="bigint",
)
_USED = text("""
SELECT used FROM heartguard_core.daily_counts
WHERE org_id = :org_id AND day = :day AND name = :name AND subject = :subject
""")
_SWEEP = """
DELETE FROM heartguard_core.daily_counts WHERE ctid = ANY (ARRAY (
    SELECT ctid FROM heartguard_core.daily_counts WHERE day < :day LIMIT 5000 FOR UPDATE SKIP LOCKED))
"""


class PostgresLimits:
    """The tables `organization_limits` and `daily_counts`; `defaults` apply where an organization has no own value."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        defaults: Mapping[str, int],
        count: Callable[[str], object] = lambda _: None,
    ) -> None:
        """`count` is called with the name of each limit that refuses something without an error response."""
        self._database = database
        self._clock = clock
        self.defaults = {name: defaults.get(name, limit.default) for name, limit in BY_NAME.items()}
        self._count = count

    def value(self, org_id: int, name: str) -> int:
        """The value of a limit for an organization."""
        if org_id == SYSTEM or not BY_NAME[name].adjustable:
            return self.defaults[name]
        row = self._database.one(_VALUE, {"org_id": org_id, "name": name})
        return self.defaults[name] if row is None else int(row.value)

    def lock(self, org_id: int, name: str) -> None:
        """Lock the limit until the surrounding transaction ends."""
        with self._database.transaction() as connection:
            connection.execute(text(_LOCK), {"what": f"limit {org_id} {name}"})

    def take(self, org_id: int, name: str, subject: str = "", amount: int = 1) -> None:
        """Use `amount` units of a daily limit. Raises `LimitError` when fewer are left."""
        values = {"org_id": org_id, "day": self.today(), "name": name, "subject": subject, "amount": amount}
        with self._database.transaction() as connection:
            row = connection.execute(_TAKE, {**values, "default": self.defaults[name]}).one()
        if row.used is None:
            raise LimitError(name, int(row.value), wait_seconds=self.until_tomorrow())

    def left(self, org_id: int, name: str, subject: str = "") -> int:
        """How many units of a daily limit are left."""
        values = {"org_id": org_id, "day": self.today(), "name": name, "subject": subject}
        row = self._database.one(_USED, values)
        return max(0, self.value(org_id, name) - (0 if row is None else int(row.used)))

    def refused(self, name: str) -> None:
        """Count a refusal that is not raised as a `LimitError`."""
        self._count(name)

    def today(self) -> date:
        """The current day in UTC."""
        return datetime.fromtimestamp(seconds(self._clock), UTC).date()

    def until_tomorrow(self) -> int:
        """Seconds until the next day in UTC."""
        return DAY_SECONDS - seconds(self._clock) % DAY_SECONDS

    def sweep(self) -> int:
        """Remove up to 5,000 counts of past days; returns how many."""
        with self._database.transaction() as connection:
            # One day more is kept, because clocks of several machines may differ.
            return connection.execute(text(_SWEEP), {"day": self.today() - timedelta(days=1)}).rowcount
