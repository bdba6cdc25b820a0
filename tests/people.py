"""Organizations and people for tests, put into the database behind the services' backs."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg2

from heartguard_auth.accounts.store.password_hasher import Argon2Hasher
from heartguard_cli.urls import libpq
from tests.servers import Database

LIGHT = Argon2Hasher(passes=1, kibibytes=8)
"""For tests that hash passwords and are not about how long that takes."""


@contextmanager
def owner(database: Database) -> Iterator[Any]:
    """A cursor of the database's owner; commits at the end."""
    connection = psycopg2.connect(libpq(database.owner_url), connect_timeout=60)
    try:
        with connection, connection.cursor() as cursor:
            yield cursor
    finally:
        connection.close()


def found(database: Database, name: str = "Clinic") -> int:
    """Found an organization; returns its id."""
    with owner(database) as cursor:
        cursor.execute("INSERT INTO heartguard_core.organizations (name) VALUES (%s) RETURNING id", (name,))
        return int(cursor.fetchone()[0])


def join(database: Database, org_id: int, role: str = "user", **columns: Any) -> int:
    """Make somebody a member (`email=`, `full_name=`, `active=`); returns their id. They can't log in."""
    with owner(database) as cursor:
        cursor.execute("SELECT count(*) FROM heartguard_core.users")
        email = columns.get("email", f"person{cursor.fetchone()[0] + 1}@example.com")
        cursor.execute(
            "INSERT INTO heartguard_core.users (org_id, email, role, full_name, active)"
            " VALUES (%s, %s, %s, %s, %s) RETURNING id",
            (org_id, email, role, columns.get("full_name"), columns.get("active", True)),
        )
        return int(cursor.fetchone()[0])


def identify(database: Database, user_id: int, password_hash: str) -> None:
    """Give a member an identity, whose password has that hash."""
    with owner(database) as cursor:
        cursor.execute(
            "WITH made AS (INSERT INTO heartguard_core.identities (email, password_hash)"
            " SELECT email, %s FROM heartguard_core.users WHERE id = %s RETURNING id)"
            " UPDATE heartguard_core.users SET identity_id = made.id FROM made WHERE users.id = %s",
            (password_hash, user_id, user_id),
        )


def limit(database: Database, org_id: int, **values: int) -> None:
    """Give an organization values of its own, as the operator does."""
    with owner(database) as cursor:
        for name, value in values.items():
            cursor.execute(
                "INSERT INTO heartguard_core.organization_limits (org_id, name, value) VALUES (%s, %s, %s)"
                " ON CONFLICT (org_id, name) DO UPDATE SET value = excluded.value",
                (org_id, name, value),
            )


def enroll(database: Database, org_id: int, user_id: int, role: str = "user") -> None:
    """Make somebody a member under a number of the test's choice, or give them that role there."""
    with owner(database) as cursor:
        cursor.execute(
            "INSERT INTO heartguard_core.users (id, org_id, email, role) OVERRIDING SYSTEM VALUE"
            " VALUES (%s, %s, %s, %s) ON CONFLICT (id) DO UPDATE SET org_id = excluded.org_id, role = excluded.role",
            (user_id, org_id, f"member{user_id}@example.com", role),
        )
        # Whoever joins later gets a number beyond those that tests choose.
        cursor.execute(
            "SELECT setval(pg_get_serial_sequence('heartguard_core.users', 'id'), 1000 + max(id))"
            " FROM heartguard_core.users"
        )
