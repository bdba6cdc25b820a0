"""Removes events, with the only database role that may."""

from heartguard_audit.store.chain_store import in_chain
from heartguard_common.stores.database import Database, text

PAGE = 5000


class PostgresRemover:
    """Removes the beginning of a chain page by page; `database` must be connected as the role for retention."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def remove(self, org_id: int | None, upto: int) -> int:
        """Remove the events of a chain up to the sequence `upto`, oldest first; returns how many there were.

        Raises `ServiceError` GEN_503 when PostgreSQL is unavailable; pages that were removed before stay removed.
        """
        chain = in_chain(org_id)
        table = "heartguard_core.audit_events"
        oldest = f"SELECT min(sequence) FROM {table} WHERE {chain}"  # noqa: S608
        statement = f"DELETE FROM {table} WHERE {chain} AND sequence < least(:upto + 1, ({oldest}) + :page)"  # noqa: S608
        removed = 0
        while True:
            with self._database.transaction() as connection:
                values = {"org_id": org_id, "upto": upto, "page": PAGE}
                count = connection.execute(text(statement), values).rowcount
            removed += count
            if count == 0:
                return removed
