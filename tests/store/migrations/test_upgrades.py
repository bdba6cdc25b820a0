"""Databases of former releases and of the former ids of revisions come to this code's revision with their data."""

import os
from pathlib import Path

import pytest
from alembic import command

from heartguard_cli import migrate
from heartguard_cli.earlier_revisions import EARLIER_REVISIONS
from heartguard_cli.errors import CommandError
from tests.servers import Database, Postgres
from tests.store.migrations.dumps import RELEASES, columns, contents, dump, load, run, unfilled

# The first and the last; 0005 and 0005a, whose numbers other revisions have today.
SHORT = ("0001", "0005", "0005a", "0039")
EARLIER = tuple(EARLIER_REVISIONS) if os.environ.get("HEARTGUARD_MIGRATIONS") == "all" else SHORT
STORED = "INSERT INTO heartguard_core.organizations (name, retention_days) VALUES ('Córdoba', 365), ('two', NULL)"
# What a migration changes on purpose, in the text of a row: old and new value of a column, by table.
CHANGED = {"mail_outbox": ((",letter,", ",email,"), (",forgotten,", ",password_code,"))}
# What moves into another table: the columns that are gone, and where their values are.
MOVED = {("users", "password_hash"): "identities"}
IDENTIFY = "UPDATE heartguard_core.schema_version SET version_num = "


@pytest.mark.parametrize("release", RELEASES, ids=lambda path: path.stem)
def test_a_database_of_a_release_keeps_its_data_and_gets_the_current_schema(
    release: Path, database: Database, empty_database: Database
) -> None:
    load(empty_database, release)
    held = columns(empty_database)
    assert unfilled(empty_database) == []
    moved = {column: {source: [column]} for source, column in MOVED if column in held[source]}
    values = {column: contents(empty_database, of) for column, of in moved.items()}
    held = {table: [name for name in names if (table, name) not in MOVED] for table, names in held.items()}
    before = contents(empty_database, held)
    migrate.upgrade(empty_database.owner_url, empty_database.passwords)
    after = contents(empty_database, held)
    assert {name: after[name] for name in before} == {table: upgraded(table, rows) for table, rows in before.items()}
    for (source, column), table in MOVED.items():
        filled = [row for row in values[column][source] if row != "()"]
        assert contents(empty_database, {table: [column]})[table] == filled
    assert dump(empty_database, "--schema-only") == dump(database, "--schema-only")
    assert migrate.revisions(empty_database.owner_url) == migrate.revisions(database.owner_url)
    assert not migrate.plan(empty_database.owner_url).changes_data


def upgraded(table: str, rows: list[str]) -> list[str]:
    """The rows of a table as they are after the migrations."""
    for old, new in CHANGED.get(table, ()):
        assert any(old in row for row in rows), old
        rows = [row.replace(old, new) for row in rows]
    return rows


def test_a_database_at_an_earlier_id_gets_the_current_schema(database: Database, postgres_server: Postgres) -> None:
    today = dump(database, "--schema-only")
    for earlier in EARLIER:
        with postgres_server.empty_database() as old:
            command.upgrade(migrate._config(old.owner_url), EARLIER_REVISIONS[earlier])
            run(old, f"{STORED}; {IDENTIFY} '{earlier}'")
            held = {"organizations": columns(old)["organizations"]}
            before = contents(old, held)["organizations"]
            assert migrate.plan(old.owner_url).changes_data, earlier
            migrate.upgrade(old.owner_url, {})
            assert contents(old, held)["organizations"] == before, earlier
            assert dump(old, "--schema-only") == today, earlier


def test_a_migration_that_fails_leaves_the_earlier_id(empty_database: Database) -> None:
    url = empty_database.owner_url
    command.upgrade(migrate._config(url), EARLIER_REVISIONS["0038"])
    run(empty_database, f"DROP FUNCTION heartguard_core.enter_writer; {IDENTIFY} '0038'")
    said = r"0025_audit_asks_for_authority failed: .*enter_writer.*unchanged, still at revision 0038;"
    with pytest.raises(CommandError, match=said):
        migrate.upgrade(url, {})
    assert migrate.revisions(url) == ("0038",)
