"""Databases of former releases and of the former ids of revisions come to this code's revision with their data."""

import os
from pathlib import Path

import pytest
from alembic import command
from sqlalchemy.exc import ProgrammingError

from heartguard_cli import migrate
from heartguard_cli.earlier_revisions import EARLIER_REVISIONS
from tests.servers import Database, Postgres
from tests.store.migrations.dumps import RELEASES, columns, contents, dump, load, run, unfilled

# The first and the last; 0005 and 0005a, whose numbers other revisions have today.
SHORT = ("0001", "0005", "0005a", "0039")
EARLIER = tuple(EARLIER_REVISIONS) if os.environ.get("HEARTGUARD_MIGRATIONS") == "all" else SHORT
STORED = "INSERT INTO heartguard_core.organizations (name, retention_days) VALUES ('Córdoba', 365), ('two', NULL)"
IDENTIFY = "UPDATE heartguard_core.schema_version SET version_num = "


@pytest.mark.parametrize("release", RELEASES, ids=lambda path: path.stem)
def test_a_database_of_a_release_keeps_its_data_and_gets_the_current_schema(
    release: Path, database: Database, empty_database: Database
) -> None:
    load(empty_database, release)
    held = columns(empty_database)
    assert unfilled(empty_database) == []
    before = contents(empty_database, held)
    migrate.upgrade(empty_database.owner_url, empty_database.passwords)
    assert contents(empty_database, held) == before
    assert dump(empty_database, "--schema-only") == dump(database, "--schema-only")
    assert migrate.revisions(empty_database.owner_url) == migrate.revisions(database.owner_url)
    assert not migrate.pending(empty_database.owner_url)


def test_a_database_at_an_earlier_id_gets_the_current_schema(database: Database, postgres_server: Postgres) -> None:
    today = dump(database, "--schema-only")
    for earlier in EARLIER:
        with postgres_server.empty_database() as old:
            command.upgrade(migrate._config(old.owner_url), EARLIER_REVISIONS[earlier])
            run(old, f"{STORED}; {IDENTIFY} '{earlier}'")
            held = {"organizations": columns(old)["organizations"]}
            before = contents(old, held)["organizations"]
            assert migrate.pending(old.owner_url), earlier
            migrate.upgrade(old.owner_url, {})
            assert contents(old, held)["organizations"] == before, earlier
            assert dump(old, "--schema-only") == today, earlier


def test_a_migration_that_fails_leaves_the_earlier_id(empty_database: Database) -> None:
    url = empty_database.owner_url
    command.upgrade(migrate._config(url), EARLIER_REVISIONS["0038"])
    run(empty_database, f"DROP FUNCTION heartguard_core.enter_writer; {IDENTIFY} '0038'")
    with pytest.raises(ProgrammingError, match="enter_writer"):
        migrate.upgrade(url, {})
    assert migrate.revisions(url) == ("0038",)
