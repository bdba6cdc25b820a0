"""The transactional outbox: the event of a change is written to a table in the transaction of the change.

The consumer of the audit trail empties the table. Outside a transaction there is no change to write an event for.
"""

from sqlalchemy import text

from heartguard_common.stores.database import Database

_PUT = text("INSERT INTO heartguard_core.audit_outbox (event) VALUES (:event)")


class Outbox:
    """The table `audit_outbox` as a service sees it, which may only add to it."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def put(self, line: bytes) -> bool:
        """Keep an event (the ASCII text that `audit.encode` makes) with the surrounding transaction; False without one.

        What PostgreSQL raises fails that transaction: no change without its event.
        """
        connection = self._database.joined()
        if connection is None:
            return False
        connection.execute(_PUT, {"event": line.decode("ascii")})
        return True
