"""Each column has one writing service, and the database enforces it."""

import psycopg2
import pytest
from psycopg2 import errors

from heartguard_cli.urls import libpq
from heartguard_common.core.registry import SERVICES
from tests.people import found, join

REFUSED = {
    "user": [
        "UPDATE users SET role = 'admin'",
        "UPDATE users SET active = false",
        "UPDATE users SET email = 'x@x.io'",
        "SELECT password_hash FROM identities",
        "SELECT email FROM identities",
        "INSERT INTO users (org_id, role) VALUES (1, 'admin')",
        "DELETE FROM users",
        "UPDATE organizations SET name = 'x'",
        "SELECT * FROM signing_keys",
        "SELECT * FROM refresh_tokens",
        "SELECT email FROM invitations",
        "SELECT reason FROM revoked_tokens",
        "DELETE FROM revoked_tokens",
        "INSERT INTO restores (backup_created_at) VALUES (now())",
    ],
    "auth": [
        "UPDATE users SET full_name = 'x'",
        "UPDATE users SET org_id = 2",
        "DELETE FROM users",
        "UPDATE organizations SET name = 'x'",
        "INSERT INTO organizations (name, policies) VALUES ('x', 'y')",
        "INSERT INTO user_preferences (user_id, key, value, position) VALUES (1, 'a', '1', 1)",
        "SELECT * FROM audit_events",
        "UPDATE invitations SET role = 'admin'",
    ],
    "organization": [
        "INSERT INTO organizations (name) VALUES ('x')",
        "DELETE FROM organizations",
        "SELECT email FROM users",
        "UPDATE users SET role = 'admin'",
        "SELECT * FROM signing_keys",
    ],
    "media": [
        "SELECT email FROM users",
        "SELECT name FROM organizations",
        "UPDATE media_items SET owner_id = 2",
        "UPDATE media_items SET org_id = 2",
        "SELECT * FROM points",
    ],
    "influx": ["SELECT email FROM users", "SELECT policies FROM organizations", "SELECT * FROM media_items"],
    "audit": [
        "SELECT * FROM users",
        "SELECT name FROM organizations",
        "UPDATE audit_events SET actor = 'x'",
        "DELETE FROM audit_events",
    ],
}
STORING = [name for name, service in SERVICES.items() if service.database]


@pytest.fixture
def connect(module_database):
    """A connection as one service's role."""
    opened = []

    def make(service):
        connection = psycopg2.connect(libpq(module_database.url_for(service)), options="-c search_path=heartguard_core")
        opened.append(connection)
        return connection

    yield make
    for connection in opened:
        connection.close()


def test_a_service_role_lacks_other_rights(subtests, connect):
    for service, statements in REFUSED.items():
        connection = connect(service)
        for statement in statements:
            with subtests.test(f"{service}: {statement}"), pytest.raises(errors.InsufficientPrivilege):
                connection.cursor().execute(statement)
            connection.rollback()


@pytest.mark.parametrize("service", STORING)
def test_no_service_role_owns_or_creates_anything(connect, service):
    for statement in ("CREATE TABLE t (id integer)", "CREATE SCHEMA s", "DROP TABLE users", "CREATE ROLE r"):
        connection = connect(service)
        with connection.cursor() as cursor, pytest.raises(psycopg2.Error) as refused:
            cursor.execute(statement)
        assert refused.value.pgcode == "42501"
        connection.rollback()


@pytest.mark.parametrize("service", STORING)
def test_a_service_can_only_insert_into_the_outbox(connect, service):
    refused = ["UPDATE audit_outbox SET event = 'x'", "TRUNCATE audit_outbox"]
    refused.append("INSERT INTO audit_outbox (event, put_at) VALUES ('x', now())")
    if service != "audit":  # which takes events from there
        refused += ["SELECT event FROM audit_outbox", "DELETE FROM audit_outbox"]
    connection = connect(service)
    for statement in refused:
        with connection.cursor() as cursor, pytest.raises(errors.InsufficientPrivilege):
            cursor.execute(statement)
        connection.rollback()
    with connection.cursor() as cursor:
        cursor.execute("INSERT INTO audit_outbox (event) VALUES ('x')")
        assert cursor.rowcount == 1


@pytest.mark.parametrize("service", STORING)
def test_a_service_role_has_a_statement_timeout(connect, service):
    with connect(service).cursor() as cursor:
        cursor.execute("SHOW statement_timeout")
        assert cursor.fetchone() == ("25s",)


def test_updated_at_moves_without_a_grant(connect, module_database):
    org = found(module_database)
    user = join(module_database, org)
    connection = connect("user")
    with connection.cursor() as cursor:
        cursor.execute("UPDATE users SET full_name = 'Ana' WHERE id = %s RETURNING updated_at > created_at", (user,))
        assert cursor.fetchone() == (True,)
