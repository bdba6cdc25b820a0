"""Invitations in PostgreSQL."""

from collections.abc import Sequence
from typing import Any

from heartguard_auth.accounts.domain import RANKS, given_roles
from heartguard_auth.invitations.domain import Invitation
from heartguard_auth.shared.store.timestamps import nanoseconds, timestamptz
from heartguard_common.core.clock import Clock
from heartguard_common.stores.database import Database, text


class PostgresInvitations:
    """The table `invitations`. One is valid until it expires, while its sender may still send it."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    def add(self, invitation: Invitation, digest: bytes) -> None:
        """Store an invitation; it replaces an earlier one of that address into that organization."""
        values = {
            **vars(invitation),
            "hash": digest,
            "now": self._now(),
            "until": timestamptz(invitation.expires_at),
        }
        with self._database.transaction() as connection:
            connection.execute(text(_REPLACE), values)
            connection.execute(text(_ADD), values)

    def waiting(self, org_id: int, roles: tuple[str, ...], after: str | None, limit: int) -> list[Invitation]:
        """The valid invitations of an organization for these roles, oldest first, behind the id `after`."""
        values = {"org_id": org_id, "roles": list(roles), "after": after, "limit": limit, "now": self._now()}
        with self._database.transaction() as connection:
            return [_invitation(row) for row in connection.execute(text(_WAITING), values)]

    def find(self, digest: bytes, email: str) -> Invitation | None:
        """The invitation of that code, if it is valid and for that address."""
        return self._one(_FIND, digest, email)

    def spend(self, digest: bytes, email: str) -> Invitation | None:
        """As `find`, and uses it up when the transaction commits."""
        return self._one(_SPEND, digest, email)

    def withdraw(self, org_id: int, roles: tuple[str, ...], invitation_id: str) -> Invitation | None:
        """Remove an invitation of an organization for one of these roles; None when there is none."""
        values = {"org_id": org_id, "roles": list(roles), "id": invitation_id}
        with self._database.transaction() as connection:
            row = connection.execute(text(_WITHDRAW), values).one_or_none()
            return _invitation(row) if row else None

    def delete_of(self, org_id: int, user_id: int | None) -> list[str]:
        """Remove the invitations that a member sent or was sent by anybody, or all of those of an organization.

        Invitations of other organizations to its members stay. Returns the addresses that were invited.
        """
        values = {"org_id": org_id, "user_id": user_id}
        with self._database.transaction() as connection:
            # A concurrent invitation locks its sender's row: wait for it, so that it is removed too.
            connection.execute(text(_LOCK), values)
            return list(connection.execute(text(_DELETE_OF), values).scalars())

    def delete_for(self, addresses: Sequence[str]) -> None:
        """Remove the invitations of all organizations to these addresses."""
        if addresses:
            with self._database.transaction() as connection:
                connection.execute(text(_DELETE_FOR), {"emails": list(addresses)})

    def purge(self) -> None:
        """Remove the invitations that have expired, and the addresses with them."""
        with self._database.transaction() as connection:
            connection.execute(text(_PURGE), {"now": self._now()})

    def _one(self, statement: str, digest: bytes, email: str) -> Invitation | None:
        with self._database.transaction() as connection:
            row = connection.execute(
                text(statement), {"hash": digest, "email": email, "now": self._now()}
            ).one_or_none()
            return _invitation(row) if row else None

    def _now(self) -> object:
        return timestamptz(self._clock.now_ns())


def _invitation(row: Any) -> Invitation:
    return Invitation(
        id=str(row.id),
        org_id=row.org_id,
        email=row.email,
        role=row.role,
        created_by=row.created_by,
        expires_at=nanoseconds(row.expires_at),
    )


_COLUMNS = "i.id, i.org_id, i.email, i.role, i.created_by, i.expires_at"
# Built from `given_roles`, the only place that says who may give which role.
_GIVEN_ROLES = ", ".join(f"('{giver}', '{role}')" for giver in RANKS for role in given_roles(giver))
_VALID = f"""
i.expires_at > :now
AND EXISTS (
    SELECT FROM heartguard_core.organizations o
    WHERE o.id = i.org_id AND o.closed_at IS NULL AND o.deleted_at IS NULL
)
AND (i.created_by IS NULL OR EXISTS (
    SELECT FROM heartguard_core.users u
    WHERE u.id = i.created_by AND u.active AND u.deleted_at IS NULL
    AND (u.role, i.role) IN ({_GIVEN_ROLES})
))
"""  # noqa: S608
# Removes expired ones too: an address is stored no longer than it is needed.
_REPLACE = """
DELETE FROM heartguard_core.invitations
WHERE org_id = :org_id AND (email_key = heartguard_core.email_key(:email) OR expires_at <= :now)
"""
_PURGE = "DELETE FROM heartguard_core.invitations WHERE expires_at <= :now"
_ADD = """
INSERT INTO heartguard_core.invitations (id, org_id, email, role, code_hash, created_by, created_at, expires_at)
VALUES (:id, :org_id, :email, :role, :hash, :created_by, :now, :until)
"""
_WAITING = f"""
SELECT {_COLUMNS} FROM heartguard_core.invitations i
WHERE i.org_id = :org_id AND i.role = ANY(:roles) AND {_VALID}
AND (cast(:after AS uuid) IS NULL OR i.id > cast(:after AS uuid))
ORDER BY i.id LIMIT :limit
"""  # noqa: S608  no value is in the text
_FOR = f"i.code_hash = :hash AND i.email_key = heartguard_core.email_key(:email) AND {_VALID}"
_FIND = f"SELECT {_COLUMNS} FROM heartguard_core.invitations i WHERE {_FOR}"  # noqa: S608
_SPEND = f"DELETE FROM heartguard_core.invitations i WHERE {_FOR} RETURNING {_COLUMNS}"  # noqa: S608
_WITHDRAW = f"""
DELETE FROM heartguard_core.invitations i
WHERE i.id = :id AND i.org_id = :org_id AND i.role = ANY(:roles) RETURNING {_COLUMNS}
"""  # noqa: S608
_LOCK = """
SELECT id FROM heartguard_core.users
WHERE org_id = :org_id AND (id = :user_id OR cast(:user_id AS bigint) IS NULL) ORDER BY id FOR UPDATE
"""
_DELETE_OF = """
DELETE FROM heartguard_core.invitations
WHERE org_id = :org_id AND (cast(:user_id AS bigint) IS NULL OR created_by = :user_id OR email_key IN (
    SELECT email_key FROM heartguard_core.users WHERE org_id = :org_id AND id = :user_id))
RETURNING email
"""
_DELETE_FOR = """
DELETE FROM heartguard_core.invitations WHERE email_key IN (
    SELECT heartguard_core.email_key(given.email) FROM unnest(cast(:emails AS text[])) AS given (email))
"""
