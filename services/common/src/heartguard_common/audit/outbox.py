"""The transactional outbox: the event of a change is written to a table in the transaction of the change.

The consumer of the audit service moves the events from the table into the trail.
"""

from heartguard_common.stores.database import Database, prepared

_PUT = prepared("INSERT INTO heartguard_core.audit_outbox (event) VALUES (:event)", event="text")


class Outbox:
    """The table `audit_outbox`, to which services may only add rows."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def put(self, line: bytes) -> bool:
        """Store an event (the ASCII text of `audit.events.encode`) in the surrounding transaction; False without one.

        An error of PostgreSQL ends that transaction: there is no change without its event.
        """
        connection = self._database.current_connection()
        if connection is None:
            return False
        connection.execute(_PUT, {"event": line.decode("ascii")})
        return True
