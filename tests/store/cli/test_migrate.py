"""Migrations: once, again without harm, and never onto a database of a newer release."""

import psycopg2
import pytest

from heartguard_cli import migrate
from heartguard_cli.errors import CommandError
from heartguard_cli.upgrade import look
from heartguard_cli.urls import libpq
from tests.servers import Database


def test_a_second_upgrade_changes_nothing(database: Database) -> None:
    before = migrate.revisions(database.owner_url)
    migrate.upgrade(database.owner_url, database.passwords)
    assert before
    assert migrate.revisions(database.owner_url) == before


def test_looking_at_an_empty_database_leaves_it_empty(empty_database: Database) -> None:
    assert migrate.revisions(empty_database.owner_url) == ()
    with empty_database.server.superuser(empty_database.name) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_class WHERE relname = 'schema_version'")
        assert cursor.fetchone() == (0,)


def test_a_newer_database_is_refused_in_one_sentence(database: Database) -> None:
    _run(database, "UPDATE heartguard_core.schema_version SET version_num = 'from_tomorrow'")
    with pytest.raises(CommandError, match=r"newer than this code.*from_tomorrow") as refusal:
        migrate.upgrade(database.owner_url, database.passwords)
    assert "\n" not in str(refusal.value)


def test_the_beginning_of_a_revision_is_not_taken_for_the_whole(database: Database) -> None:
    _run(database, "UPDATE heartguard_core.schema_version SET version_num = left(version_num, 8)")
    with pytest.raises(CommandError, match=r"newer than this code"):
        migrate.upgrade(database.owner_url, database.passwords)


def test_upgrade_check_says_that_a_database_is_newer_and_that_one_has_a_former_id(database: Database) -> None:
    newest = migrate.newest()
    current = look(database.owner_url, "var/backups")
    assert (current.state, current.document()["backup"]) == ("current", None)
    _run(database, "UPDATE heartguard_core.schema_version SET version_num = '0039'")
    renamed = look(database.owner_url, "var/backups")
    assert (renamed.state, renamed.document()["backup"]) == ("pending", "var/backups")
    assert "A start gives the revision 0039 its present name." in list(renamed.lines())
    assert list(look(database.owner_url, None).lines())[-1].startswith("No backup is made before that")
    _run(database, "UPDATE heartguard_core.schema_version SET version_num = 'from_tomorrow'")
    newer = look(database.owner_url, "var/backups")
    said = newer.document()
    assert (newer.state, said["revision"], said["database_revision"]) == ("newer", newest, "from_tomorrow")
    assert "a start refuses it" in "".join(newer.lines())


def test_the_password_of_a_role_can_be_changed(database: Database) -> None:
    old = database.url_for("media")
    migrate.upgrade(database.owner_url, {"media": "another one"})
    try:
        with pytest.raises(psycopg2.OperationalError, match="password"):
            psycopg2.connect(libpq(old))
    finally:
        migrate.upgrade(database.owner_url, database.passwords)
    psycopg2.connect(libpq(old)).close()


def _run(database: Database, statement: str) -> None:
    with database.server.superuser(database.name) as connection, connection.cursor() as cursor:
        cursor.execute(statement)
