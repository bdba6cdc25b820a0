"""The account of the visitors, in PostgreSQL."""

from heartguard_auth.accounts.domain import Account
from heartguard_auth.accounts.ports import Accounts
from heartguard_common.stores.database import Database, text

_VISITOR = text("""
SELECT u.id FROM heartguard_core.organization_states AS s JOIN heartguard_core.users AS u ON u.org_id = s.org_id
WHERE s.mode = 'demo' AND u.role = 'manager' AND u.active AND u.deleted_at IS NULL
ORDER BY s.org_id DESC, u.id LIMIT 1
""")


class PostgresVisitors:
    """The tables `organization_states` and `users`."""

    def __init__(self, database: Database, accounts: Accounts) -> None:
        self._database = database
        self._accounts = accounts

    def account(self) -> Account | None:
        """The manager, of those with the lowest number, of the newest organization in the mode `demo`."""
        row = self._database.one(_VISITOR, {})
        return None if row is None else self._accounts.by_id(row.id)
