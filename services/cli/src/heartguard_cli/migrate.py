"""Bring a database to this code's revision and give every service's role its password."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import psycopg2
from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from psycopg2 import extensions, sql

from heartguard_cli.earlier_revisions import EARLIER_REVISIONS
from heartguard_cli.errors import CommandError
from heartguard_cli.urls import libpq, parse, role_name
from heartguard_common.core.paths import REPO_ROOT

LOCK = 4_200_561  # an advisory lock of our own, so that two starts do not migrate at once
VERSION_TABLE = "heartguard_core.schema_version"


def upgrade(owner_url: str, passwords: Mapping[str, str]) -> None:
    """Migrate to the newest revision, then let the roles `heartguard_<name>` log in with their passwords.

    Roles and grants are made by migrations, once; this is all that is set again at each start. Raises `CommandError`
    when the database is newer than the code.
    """
    with _connection(owner_url) as connection:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_lock(%s)", (LOCK,))
        check(owner_url)
        command.upgrade(_config(owner_url), "head")
        with connection.cursor() as cursor:
            for name, password in passwords.items():
                _let_in(cursor, role_name(name), password)


def check(owner_url: str) -> None:
    """Raise `CommandError` when the database holds a revision unknown to this code, by its id or an earlier one."""
    # Compared in full: Alembic itself takes the beginning of an id for the whole.
    known = {script.revision for script in _scripts(owner_url).walk_revisions()}
    for revision in revisions(owner_url):
        if revision not in known and revision not in EARLIER_REVISIONS:
            raise CommandError(
                f"The database is newer than this code (revision {revision} is unknown here): "
                "update HeartGuard, or point DATABASE_URL at another database"
            )


def revisions(owner_url: str) -> tuple[str, ...]:
    """The revisions a database is at; empty for a new one. Changes nothing."""
    with _connection(owner_url) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT to_regclass(%s)", (VERSION_TABLE,))
        if cursor.fetchone() == (None,):
            return ()
        cursor.execute(f"SELECT version_num FROM {VERSION_TABLE}")  # noqa: S608 - a constant
        return tuple(row[0] for row in cursor.fetchall())


def pending(owner_url: str) -> bool:
    """Whether a database with data in it is at an older revision than this code, or at the earlier id of one.

    An earlier id counts because the code of that time refuses the database once the id is another. Raises
    `CommandError` for a newer revision.
    """
    check(owner_url)
    found = revisions(owner_url)
    return bool(found) and set(found) != set(_scripts(owner_url).get_heads())


def _scripts(owner_url: str) -> ScriptDirectory:
    return ScriptDirectory.from_config(_config(owner_url))


def _config(owner_url: str) -> Config:
    config = Config()
    config.set_main_option("script_location", str(REPO_ROOT / "migrations").replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    config.attributes["url"] = parse(owner_url).render_as_string(hide_password=False)
    config.attributes["earlier_revisions"] = EARLIER_REVISIONS
    return config


@contextmanager
def _connection(owner_url: str) -> Iterator[Any]:
    connection = psycopg2.connect(libpq(owner_url), connect_timeout=5)
    connection.autocommit = True
    try:
        yield connection
    finally:
        connection.close()


def _let_in(cursor: Any, role: str, password: str) -> None:
    # the verifier is made here, so that no password stands in a statement the server may log
    verifier = extensions.encrypt_password(password, role, cursor.connection, "scram-sha-256")
    statement = sql.SQL("ALTER ROLE {} LOGIN PASSWORD {}")
    cursor.execute(statement.format(sql.Identifier(role), sql.Literal(verifier)))
