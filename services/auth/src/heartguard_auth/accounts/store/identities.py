"""Identities in PostgreSQL."""

from collections.abc import Sequence

import psycopg2

from heartguard_auth.accounts.domain import Account, Membership
from heartguard_auth.accounts.store.accounts import (
    ADD_MEMBERSHIP,
    UNIQUE_IN_ORGANIZATION,
    PostgresAccounts,
    as_read,
    require_room,
)
from heartguard_common.core.limits import Limits
from heartguard_common.messages import Role
from heartguard_common.stores.database import Database, text


class PostgresIdentities:
    """The table `identities`, and the rows of `users` of each."""

    def __init__(self, database: Database, accounts: PostgresAccounts, limits: Limits | None = None) -> None:
        """Without `limits` an organization may have any number of people."""
        self._database = database
        self._accounts = accounts
        self._limits = limits

    def memberships(self, account: Account) -> Sequence[Membership]:
        """All memberships of the identity of an account, deleted ones excepted, by number."""
        with self._database.transaction() as connection:
            rows = connection.execute(_MEMBERSHIPS, {"identity_id": account.identity_id, "user_id": account.id})
            return [Membership(row.id, row.org_id, row.name, row.role, row.active) for row in rows]

    def user_ids(self, account: Account) -> list[int]:
        """The numbers of these memberships."""
        return [membership.user_id for membership in self.memberships(account)]

    def lock(self, account: Account) -> bool:
        """Have nothing join or leave the identity until the transaction ends; False when the account has changed."""
        values = as_read(account)
        with self._database.transaction() as connection:
            member = connection.execute(_SHARE_MEMBER, values).one_or_none()
            return member is not None and connection.execute(_LOCK_IDENTITY, values).one_or_none() is not None

    def join(self, account: Account, org_id: int, role: Role, full_name: str | None) -> Account | None:
        """Add a membership to the identity of an account; None where it has one in that organization.

        Raises `LimitError` when the organization is full.
        """
        values = {
            "org_id": org_id,
            "email": account.email,
            "full_name": full_name,
            "role": role,
            "identity_id": account.identity_id,
        }
        try:
            with self._database.transaction() as connection:
                require_room(connection, self._limits, org_id)
                user_id = connection.execute(text(ADD_MEMBERSHIP), values).scalar_one()
                return self._accounts.by_id(user_id)
        except psycopg2.IntegrityError as error:
            if UNIQUE_IN_ORGANIZATION in str(error):
                return None
            raise

    def set_password(self, account: Account, hashed: str, *, own: bool = True) -> bool:
        """Replace the password hash; False when the account has changed since it was read."""
        values = {**as_read(account), "hashed": hashed, "own": own}
        with self._database.transaction() as connection:
            if connection.execute(_SHARE_MEMBER, values).one_or_none() is None:
                return False
            return connection.execute(_SET_PASSWORD, values).one_or_none() is not None

    def confirm(self, account: Account) -> None:
        """The address of an account is confirmed from now on."""
        with self._database.transaction() as connection:
            connection.execute(_CONFIRM, {"identity_id": account.identity_id})

    def used(self, account: Account) -> None:
        """Have the next login without an organization be for this membership."""
        with self._database.transaction() as connection:
            connection.execute(_USED, {"identity_id": account.identity_id, "user_id": account.id})


_MEMBERSHIPS = text("""
SELECT u.id, u.org_id, o.name, u.role, u.active
FROM heartguard_core.users u JOIN heartguard_core.organizations o ON o.id = u.org_id
WHERE (u.identity_id = :identity_id OR u.id = :user_id) AND u.deleted_at IS NULL ORDER BY u.id
""")
_SHARE_MEMBER = text("""
SELECT id FROM heartguard_core.users
WHERE id = :user_id AND role = :role AND active = :active AND deleted_at IS NULL FOR SHARE
""")
_OF_MEMBER = "id = (SELECT identity_id FROM heartguard_core.users WHERE id = :user_id) AND password_hash = :old"
_LOCK_IDENTITY = text(f"SELECT id FROM heartguard_core.identities WHERE {_OF_MEMBER} FOR UPDATE")  # noqa: S608
_SET_PASSWORD = text(f"""
UPDATE heartguard_core.identities SET password_hash = :hashed, password_assigned = password_assigned AND NOT :own
WHERE {_OF_MEMBER} RETURNING id
""")  # noqa: S608  no value is in the text
_CONFIRM = text("""
UPDATE heartguard_core.identities SET confirmed_at = coalesce(confirmed_at, now()) WHERE id = :identity_id
""")
_USED = text("""
UPDATE heartguard_core.identities SET last_user_id = :user_id
WHERE id = :identity_id AND last_user_id IS DISTINCT FROM :user_id
""")
