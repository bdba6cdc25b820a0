"""Accounts as a login reads them: with the end of the last lock, in one statement."""

from heartguard_auth.accounts.domain import Account
from heartguard_auth.accounts.store.accounts import SELECT_BY_EMAIL, account_of
from heartguard_auth.login_attempts.domain import AttemptSubjects
from heartguard_auth.login_attempts.store.locks import LOCKED_UNTIL, lock_values, locked_until
from heartguard_common.core.clock import Clock
from heartguard_common.stores.database import Database, text


class PostgresLoginAccounts:
    """The tables `users` and `login_locks`."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    def find(self, email: str, subjects: AttemptSubjects, org_id: int | None = None) -> tuple[Account | None, int]:
        """The membership to log in to, deleted ones excepted, and when the last lock of these subjects ends.

        Without `org_id` it is the last used one of those that are active. The end is in nanoseconds since 1970, and 0
        without a lock.
        """
        row = self._database.one(
            _BY_EMAIL_AND_LOCK, {"value": email, "org_id": org_id, **lock_values(subjects, self._clock)}
        )
        return (None if row.id is None else account_of(row)), locked_until(row)


# Returns a row also where there is no such account: unknown addresses are locked as known ones are.
_BY_EMAIL_AND_LOCK = text(f"""
SELECT locks.locked_until, found.* FROM (SELECT {LOCKED_UNTIL} AS locked_until) AS locks
LEFT JOIN ({SELECT_BY_EMAIL}) AS found ON true
""")  # noqa: S608  no value is in the text
