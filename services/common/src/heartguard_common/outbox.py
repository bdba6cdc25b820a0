"""What a transaction has to tell is written in it: an event waits in a table exactly when its change is there.

The consumer of the audit trail empties the table. Whoever is in no transaction has nothing to tie an event to.
"""

from sqlalchemy import text

from heartguard_common.database import Database

_PUT = text("INSERT INTO heartguard_core.audit_outbox (event) VALUES (:event)")


class Outbox:
    """The table `audit_outbox` as a service sees it, which may only add to it."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def put(self, line: bytes) -> bool:
        """Keep an event (the ASCII text that `audit.encode` makes) with the transaction around; False without one.

        What PostgreSQL raises fails that transaction: no change without its event.
        """
        connection = self._database.joined()
        if connection is None:
            return False
        connection.execute(_PUT, {"event": line.decode("ascii")})
        return True
