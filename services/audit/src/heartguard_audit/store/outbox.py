"""The outbox, which holds events that were committed with their change, as the consumer reads it."""

from collections.abc import Sequence

from heartguard_audit.domain.events import Entry
from heartguard_common.stores.database import Database, text

BATCH = 200


class PostgresOutbox:
    """The table `audit_outbox` as a queue: entries that are not finished are delivered again.

    Two consumers that read at once get the same entries; the trail stores each event once.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def take(self) -> list[Entry]:
        """The next batch in the order of insertion; does not wait. Raises GEN_503."""
        with self._database.transaction() as connection:
            rows = connection.execute(text(_TAKE), {"batch": BATCH})
            return [Entry(str(row.id).encode(), row.event.encode()) for row in rows]

    def finish(self, entries: Sequence[Entry]) -> None:
        """Remove entries whose events are stored or are dead letters. Raises GEN_503."""
        if entries:
            with self._database.transaction() as connection:
                connection.execute(text(_REMOVE), {"ids": [int(entry.id) for entry in entries]})

    def put(self, line: str) -> None:
        """Put a dead letter's line back into the outbox."""
        with self._database.transaction() as connection:
            connection.execute(text(_PUT), {"event": line})


def waiting_events(database: Database) -> float:
    """How many events wait in the outbox. Raises GEN_503."""
    with database.transaction() as connection:
        return float(connection.execute(text(_COUNT)).scalar_one())


def oldest_seconds(database: Database) -> float:
    """For how many seconds the oldest event has waited, 0 when none waits. Raises GEN_503."""
    with database.transaction() as connection:
        return float(connection.execute(text(_OLDEST)).scalar_one())


_TABLE = "heartguard_core.audit_outbox"
_TAKE = f"SELECT id, event FROM {_TABLE} ORDER BY id LIMIT :batch"  # noqa: S608
_PUT = f"INSERT INTO {_TABLE} (event) VALUES (:event)"  # noqa: S608
_REMOVE = f"DELETE FROM {_TABLE} WHERE id = ANY(cast(:ids AS bigint[]))"  # noqa: S608
_COUNT = f"SELECT count(*) FROM {_TABLE}"  # noqa: S608
_OLDEST = f"""
SELECT coalesce(extract(epoch FROM now() - (SELECT put_at FROM {_TABLE} ORDER BY id LIMIT 1)), 0)
"""  # noqa: S608
