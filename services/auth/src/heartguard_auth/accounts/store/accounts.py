"""Memberships in PostgreSQL, and the identities that they begin and end with."""

from typing import Any

import psycopg2

from heartguard_auth.accounts.domain import Account, MembershipStatus, NewAccount
from heartguard_common.core.clock import from_datetime
from heartguard_common.core.limits import Limits, require
from heartguard_common.stores.database import Connection, Database, text


class PostgresAccounts:
    """The tables `users`, `identities` and, for a new organization, `organizations`."""

    def __init__(self, database: Database, limits: Limits | None = None) -> None:
        """Without `limits` an organization may have any number of people."""
        self._database = database
        self._limits = limits

    def add(self, account: NewAccount) -> Account | None:
        """Make an identity with a membership (and its organization, if it creates one); None for a taken address.

        Raises `LimitError` when the organization is full.
        """
        try:
            with self._database.transaction() as connection:
                org_id = account.org_id
                if org_id is None:
                    org_id = connection.execute(text(_FOUND), {"name": account.organization_name}).scalar_one()
                else:
                    require_room(connection, self._limits, org_id)
                identity = {
                    "email": account.email,
                    "password_hash": account.password_hash,
                    "assigned": account.password_assigned,
                }
                identity_id = connection.execute(text(_ADD_IDENTITY), identity).scalar_one()
                values = {
                    "org_id": org_id,
                    "email": account.email,
                    "full_name": account.full_name,
                    "role": account.role,
                    "identity_id": identity_id,
                }
                user_id = connection.execute(text(ADD_MEMBERSHIP), values).scalar_one()
                return account_of(connection.execute(_BY_ID, {"value": user_id}).one())
        except psycopg2.IntegrityError as error:
            if any(name in str(error) for name in ("identities_email_key_key", UNIQUE_IN_ORGANIZATION)):
                return None
            raise

    def by_email(self, email: str) -> Account | None:
        """The membership that a login with an address is for, deleted ones excepted."""
        row = self._database.one(_BY_EMAIL, {"value": email, "org_id": None})
        return account_of(row) if row else None

    def by_id(self, user_id: int) -> Account | None:
        """The membership with that number, deleted ones excepted."""
        row = self._database.one(_BY_ID, {"value": user_id})
        return account_of(row) if row else None

    def is_member(self, org_id: int, email: str) -> bool:
        """Whether an organization has a member with that address, deleted ones excepted."""
        return bool(self._database.one(_IS_MEMBER, {"org_id": org_id, "email": email}).found)

    def lock_if_unchanged(self, account: Account) -> bool:
        """Lock password, role and state until the transaction ends; False when they changed since they were read."""
        with self._database.transaction() as connection:
            return connection.execute(text(UNCHANGED), as_read(account)).one_or_none() is not None

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

    def mark_deleted(self, user_id: int) -> None:
        """Mark a member as deleted: after the commit nothing more is stored of that person."""
        with self._database.transaction() as connection:
            connection.execute(text(_MARK_DELETED), {"user_id": user_id})

    def erase(self, org_id: int, user_id: int | None) -> tuple[list[int], list[str]]:
        """Anonymize the accounts of an organization, or one of them, and remove identities without membership.

        Returns the ids of the accounts that this changed, and the addresses that have no identity any more.
        """
        values = {"org_id": org_id, "user_id": user_id}
        with self._database.transaction() as connection:
            # Memberships before identities, as everywhere, each in the order of their ids: no deadlock.
            addresses = [row.email for row in connection.execute(text(_LOCK_MEMBERS), values)]
            identities = list(connection.execute(text(_LOCK_IDENTITIES), values).scalars())
            erased = list(connection.execute(text(_ERASE), values).scalars())
            connection.execute(text(_END_IDENTITIES), {"ids": identities})
            gone = connection.execute(text(_GONE), {"emails": addresses})
            return erased, list(gone.scalars())


def require_room(connection: Connection, limits: Limits | None, org_id: int) -> None:
    """Raises `LimitError` where an organization has as many people as it may have."""
    if limits is not None:
        limits.lock(org_id, "members")
        used = connection.execute(text(_MEMBERS), {"org_id": org_id}).scalar_one()
        require(limits, org_id, "members", used)


def as_read(account: Account) -> dict[str, object]:
    """The parameters of `UNCHANGED`."""
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
        identity_id=row.identity_id or 0,
        password_assigned=bool(row.password_assigned),
        several=row.several,
        email_confirmed=bool(row.email_confirmed),
    )


_MEMBERS = "SELECT count(*) FROM heartguard_core.users WHERE org_id = :org_id AND deleted_at IS NULL"
_FOUND = "INSERT INTO heartguard_core.organizations (name) VALUES (:name) RETURNING id"
UNIQUE_IN_ORGANIZATION = "users_email_in_organization"
_ADD_IDENTITY = """
INSERT INTO heartguard_core.identities (email, password_hash, password_assigned)
VALUES (:email, :password_hash, :assigned) RETURNING id
"""
ADD_MEMBERSHIP = """
INSERT INTO heartguard_core.users (org_id, email, full_name, role, identity_id)
VALUES (:org_id, :email, :full_name, :role, :identity_id) RETURNING id
"""
SELECT_ACCOUNTS = """
SELECT u.id, u.org_id, u.email, i.password_hash, u.full_name, u.role, u.active, u.created_at, u.identity_id,
       i.password_assigned, i.confirmed_at IS NOT NULL AS email_confirmed,
       (SELECT json_object_agg(p.key, p.value ORDER BY p.position)
        FROM heartguard_core.user_preferences p WHERE p.user_id = u.id) AS preferences,
       EXISTS (
        SELECT FROM heartguard_core.users s
        WHERE s.identity_id = u.identity_id AND s.id <> u.id AND s.deleted_at IS NULL) AS several
FROM heartguard_core.users u LEFT JOIN heartguard_core.identities i ON i.id = u.identity_id
WHERE u.deleted_at IS NULL
"""
# The last used one of the memberships that can be used.
SELECT_BY_EMAIL = f"""
{SELECT_ACCOUNTS} AND u.email_key = heartguard_core.email_key(:value)
AND (cast(:org_id AS bigint) IS NULL OR u.org_id = cast(:org_id AS bigint))
ORDER BY u.active DESC,
    EXISTS (SELECT FROM heartguard_core.organizations o WHERE o.id = u.org_id AND o.closed_at IS NULL) DESC,
    u.id = i.last_user_id DESC NULLS LAST, u.id
LIMIT 1
"""
_BY_EMAIL = text(SELECT_BY_EMAIL)
_BY_ID = text(f"{SELECT_ACCOUNTS} AND u.id = :value")
_IS_MEMBER = text("""
SELECT EXISTS (
    SELECT FROM heartguard_core.users
    WHERE org_id = :org_id AND email_key = heartguard_core.email_key(:email) AND deleted_at IS NULL) AS found
""")
# The rows of an account that has not changed since it was read, locked: the membership first, as everywhere.
UNCHANGED = """
SELECT u.id FROM heartguard_core.users u JOIN heartguard_core.identities i ON i.id = u.identity_id
WHERE u.id = :user_id AND i.password_hash = :old AND u.role = :role AND u.active = :active AND u.deleted_at IS NULL
FOR SHARE
"""
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
_MARK_DELETED = "UPDATE heartguard_core.users SET deleted_at = now() WHERE id = :user_id AND deleted_at IS NULL"
# By the address, not by `deleted_at`: a member is marked as deleted before the address is removed.
_LOCK_MEMBERS = """
SELECT email FROM heartguard_core.users
WHERE org_id = :org_id AND email IS NOT NULL AND (id = :user_id OR cast(:user_id AS bigint) IS NULL)
ORDER BY id FOR UPDATE
"""
_LOCK_IDENTITIES = """
SELECT id FROM heartguard_core.identities WHERE id IN (
    SELECT identity_id FROM heartguard_core.users
    WHERE org_id = :org_id AND (id = :user_id OR cast(:user_id AS bigint) IS NULL))
ORDER BY id FOR UPDATE
"""
_ERASE = """
UPDATE heartguard_core.users
SET email = NULL, identity_id = NULL, active = false, deleted_at = coalesce(deleted_at, now())
WHERE org_id = :org_id AND (deleted_at IS NULL OR email IS NOT NULL OR active)
    AND (id = :user_id OR cast(:user_id AS bigint) IS NULL)
RETURNING id
"""
_END_IDENTITIES = """
DELETE FROM heartguard_core.identities i WHERE i.id = ANY(:ids)
    AND NOT EXISTS (SELECT FROM heartguard_core.users u WHERE u.identity_id = i.id)
"""
_GONE = """
SELECT given.email FROM unnest(cast(:emails AS text[])) AS given (email) WHERE NOT EXISTS (
    SELECT FROM heartguard_core.identities i WHERE i.email_key = heartguard_core.email_key(given.email))
"""
