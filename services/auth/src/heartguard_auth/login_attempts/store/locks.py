"""The locks that too many failed attempts have begun, in PostgreSQL; the failures are counted in Redis."""

from collections.abc import Sequence
from typing import Any

from heartguard_auth.login_attempts.domain import AttemptSubjects, LoginLock
from heartguard_auth.shared.store.timestamps import nanoseconds, timestamptz
from heartguard_common.core.clock import Clock
from heartguard_common.stores.database import Database, text

# A scalar subquery, so that it fits into the statement that reads the account, without another round trip.
LOCKED_UNTIL = """(
    SELECT max(until) FROM heartguard_core.login_locks
    WHERE (account, address) IN ((:account, :address), (:account, ''), ('', :address)) AND until > :now
)"""


class PostgresLoginLocks:
    """The table `login_locks`."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    def until(self, subjects: AttemptSubjects) -> int:
        """When the last lock of that account or address ends, in nanoseconds since 1970; 0 without one."""
        row = self._database.one(_UNTIL, lock_values(subjects, self._clock))
        return locked_until(row)

    def begin(self, locks: Sequence[LoginLock]) -> None:
        """Store locks that have begun; one that exists already ends when the later of both ends."""
        rows = [{"account": it.account, "address": it.address, "until": timestamptz(it.until)} for it in locks]
        with self._database.transaction() as connection:
            connection.execute_for_each(text(_BEGIN), rows)

    def end(self, account: str) -> None:
        """End the locks of an account, those of single addresses too."""
        with self._database.transaction() as connection:
            connection.execute(text(_END), {"account": account})

    def purge(self) -> None:
        """Remove the locks that have ended."""
        with self._database.transaction() as connection:
            connection.execute(text(_PURGE), {"now": timestamptz(self._clock.now_ns())})


def lock_values(subjects: AttemptSubjects, clock: Clock) -> dict[str, object]:
    """The parameters of `LOCKED_UNTIL`."""
    return {"account": subjects.account, "address": subjects.address, "now": timestamptz(clock.now_ns())}


def locked_until(row: Any) -> int:
    """The column `locked_until` in nanoseconds since 1970; 0 where it is NULL."""
    return nanoseconds(row.locked_until) if row.locked_until else 0


_UNTIL = text(f"SELECT {LOCKED_UNTIL} AS locked_until")
_BEGIN = """
INSERT INTO heartguard_core.login_locks (account, address, until) VALUES (:account, :address, :until)
ON CONFLICT (account, address) DO UPDATE SET until = greatest(login_locks.until, excluded.until)
"""
_END = "DELETE FROM heartguard_core.login_locks WHERE account = :account"
_PURGE = "DELETE FROM heartguard_core.login_locks WHERE until <= :now"
