"""Accounts in PostgreSQL."""

from typing import Any

import psycopg2

from heartguard_auth.accounts.domain import Account, MembershipStatus, NewAccount
from heartguard_common.core.clock import from_datetime
from heartguard_common.core.limits import Limits, require
from heartguard_common.stores.database import Database, Statement, text


class PostgresAccounts:
    """The tables `users` and, for a new organization, `organizations`."""

    def __init__(self, database: Database, limits: Limits | None = None) -> None:
        """Without `limits` an organization may have any number of people."""
        self._database = database
        self._limits = limits

    def add(self, account: NewAccount) -> Account | None:
        """Make an account (and its organization, if it creates one); None when the address is taken.

        Raises `LimitError` when the organization is full.
        """
        try:
            with self._database.transaction() as connection:
                org_id = account.org_id
                if org_id is None:
                    org_id = connection.execute(text(_FOUND), {"name": account.organization_name}).scalar_one()
                elif self._limits is not None:
                    self._limits.lock(org_id, "members")
                    used = connection.execute(text(_MEMBERS), {"org_id": org_id}).scalar_one()
                    require(self._limits, org_id, "members", used)
                values = {
                    "org_id": org_id,
                    "email": account.email,
                    "password_hash": account.password_hash,
                    "full_name": account.full_name,
                    "role": account.role,
                }
                return account_of(connection.execute(text(_ADD), values).one())
        except psycopg2.IntegrityError as error:
            if "users_email_key_key" in str(error):
                return None
            raise

    def by_email(self, email: str) -> Account | None:
        """The account of an address, deleted ones excepted."""
        return self._one(_BY_EMAIL, email)

    def by_id(self, user_id: int) -> Account | None:
        """The account with that id, deleted ones excepted."""
        return self._one(_BY_ID, user_id)

    def set_password(self, account: Account, hashed: str) -> bool:
        """Replace the password hash; False when the account has changed since it was read."""
        with self._database.transaction() as connection:
            values = {**as_read(account), "hashed": hashed}
            return connection.execute(text(_SET_PASSWORD), values).one_or_none() is not None

    def lock_if_unchanged(self, account: Account) -> bool:
        """Lock password, role and state until the transaction ends; False when they changed since they were read."""
        with self._database.transaction() as connection:
            return connection.execute(text(_LOCK_IF_UNCHANGED), as_read(account)).one_or_none() is not None

    def membership_status(self, org_id: int, user_id: int) -> MembershipStatus | None:
        """The status of a member; locks the rows of the member and of every active admin."""
        values = {"org_id": org_id, "user_id": user_id}
        with self._database.transaction() as connection:
            rows = connection.execute(text(_MEMBERSHIP_STATUS), values).all()
            member = next((row for row in rows if row.id == user_id), None)
            if member is None:
                return None
            others = connection.execute(text(_OTHERS), values).scalar_one()
            admins = sum(row.id != user_id for row in rows)
            return MembershipStatus(member.role, member.active, other_admins=admins, other_members=others)

    def set_role(self, user_id: int, role: str, *, active: bool) -> None:
        """Set a member's role and whether the member is active."""
        with self._database.transaction() as connection:
            connection.execute(text(_SET_ROLE), {"user_id": user_id, "role": role, "active": active})

    def addresses(self, org_id: int, user_id: int | None) -> list[str]:
        """The addresses of the members of an organization, or of one of them."""
        with self._database.transaction() as connection:
            rows = connection.execute(text(_ADDRESSES), {"org_id": org_id, "user_id": user_id})
            return list(rows.scalars())

    def mark_deleted(self, user_id: int) -> None:
        """Mark a member as deleted: after the commit nothing more is stored of that person."""
        with self._database.transaction() as connection:
            connection.execute(text(_MARK_DELETED), {"user_id": user_id})

    def erase(self, org_id: int, user_id: int | None) -> list[int]:
        """Anonymize the accounts of an organization, or one of them; returns the ids of those that this changed."""
        with self._database.transaction() as connection:
            rows = connection.execute(text(_ERASE), {"org_id": org_id, "user_id": user_id})
            return [row.id for row in rows]

    def _one(self, statement: Statement, value: object) -> Account | None:
        row = self._database.one(statement, {"value": value})
        return account_of(row) if row else None


def as_read(account: Account) -> dict[str, object]:
    """The parameters of `AS_READ`, the condition that an account has not changed since it was read."""
    return {"user_id": account.id, "old": account.password_hash, "role": account.role, "active": account.active}


def account_of(row: Any) -> Account:
    """The account in a row of `SELECT_ACCOUNTS`."""
    return Account(
        id=row.id,
        org_id=row.org_id,
        email=row.email,
        role=row.role,
        active=row.active,
        created_at=from_datetime(row.created_at),
        full_name=row.full_name,
        password_hash=row.password_hash or "",
        preferences=row.preferences or {},
    )


_MEMBERS = "SELECT count(*) FROM heartguard_core.users WHERE org_id = :org_id AND deleted_at IS NULL"
_FOUND = "INSERT INTO heartguard_core.organizations (name) VALUES (:name) RETURNING id"
_ADD = """
INSERT INTO heartguard_core.users (org_id, email, password_hash, full_name, role)
VALUES (:org_id, :email, :password_hash, :full_name, :role)
RETURNING id, org_id, email, password_hash, full_name, role, active, created_at, NULL AS preferences
"""
SELECT_ACCOUNTS = """
SELECT u.id, u.org_id, u.email, u.password_hash, u.full_name, u.role, u.active, u.created_at,
       (SELECT json_object_agg(p.key, p.value ORDER BY p.position)
        FROM heartguard_core.user_preferences p WHERE p.user_id = u.id) AS preferences
FROM heartguard_core.users u
WHERE u.deleted_at IS NULL
"""
SELECT_BY_EMAIL = f"{SELECT_ACCOUNTS} AND u.email_key = heartguard_core.email_key(:value)"
_BY_EMAIL = text(SELECT_BY_EMAIL)
_BY_ID = text(f"{SELECT_ACCOUNTS} AND u.id = :value")
AS_READ = "id = :user_id AND password_hash = :old AND role = :role AND active = :active AND deleted_at IS NULL"
_SET_PASSWORD = f"UPDATE heartguard_core.users SET password_hash = :hashed WHERE {AS_READ} RETURNING id"  # noqa: S608
_LOCK_IF_UNCHANGED = f"SELECT id FROM heartguard_core.users WHERE {AS_READ} FOR SHARE"  # noqa: S608  no value is in the text
# In the order of ids: transactions that lock the same admins wait for each other without a deadlock.
_MEMBERSHIP_STATUS = """
SELECT id, role, active FROM heartguard_core.users
WHERE org_id = :org_id AND deleted_at IS NULL AND (id = :user_id OR (role = 'admin' AND active))
ORDER BY id FOR UPDATE
"""
_OTHERS = """
SELECT count(*) FROM heartguard_core.users WHERE org_id = :org_id AND deleted_at IS NULL AND id <> :user_id
"""
_SET_ROLE = "UPDATE heartguard_core.users SET role = :role, active = :active WHERE id = :user_id"
# By the address, not by `deleted_at`: a member is marked as deleted before the address is removed.
_ADDRESSES = """
SELECT email FROM heartguard_core.users
WHERE org_id = :org_id AND email IS NOT NULL AND (id = :user_id OR cast(:user_id AS bigint) IS NULL)
"""
_MARK_DELETED = "UPDATE heartguard_core.users SET deleted_at = now() WHERE id = :user_id AND deleted_at IS NULL"
_ERASE = """
UPDATE heartguard_core.users
SET email = NULL, password_hash = NULL, active = false, deleted_at = coalesce(deleted_at, now())
WHERE org_id = :org_id AND (deleted_at IS NULL OR email IS NOT NULL OR active)
    AND (id = :user_id OR cast(:user_id AS bigint) IS NULL)
RETURNING id
"""
