"""Bring a database to this code's revision and give every service's role its password."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
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


@dataclass(frozen=True)
class Migration:
    """A revision of the database and, in one line, what its migration changes."""

    revision: str
    description: str


@dataclass(frozen=True)
class Plan:
    """What `upgrade` would do to a database that is at the revision `found`, None for an empty one.

    `renamed` says that `found` is a former id of a revision, which gets its present one.
    """

    found: str | None
    newest: str
    migrations: tuple[Migration, ...]
    renamed: bool

    @property
    def changes_data(self) -> bool:
        """Whether a database that is in use would be changed: a start makes a backup before that."""
        return self.found is not None and (bool(self.migrations) or self.renamed)


def upgrade(owner_url: str, passwords: Mapping[str, str]) -> None:
    """Migrate to the newest revision, then let the roles `heartguard_<name>` log in with their passwords.

    Roles and grants are made by migrations, once; this is all that is set again at each start. Raises `CommandError`
    when the database is newer than the code, or when a migration fails: nothing is changed then.
    """
    with _connection(owner_url) as connection:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_lock(%s)", (LOCK,))
        _migrate(owner_url, plan(owner_url))
        with connection.cursor() as cursor:
            for name, password in passwords.items():
                _let_in(cursor, role_name(name), password)


def check(owner_url: str) -> None:
    """Raise `CommandError` when the database holds a revision unknown to this code, by its id or an earlier one."""
    if revision := unknown(owner_url):
        raise CommandError(
            f"The database is newer than this code (revision {revision} is unknown here): "
            "update HeartGuard, or point DATABASE_URL at another database"
        )


def unknown(owner_url: str) -> str | None:
    """The revision of the database if this code does not know it, by its id or an earlier one; else None."""
    # Compared in full: Alembic itself takes the beginning of an id for the whole.
    known = {script.revision for script in _scripts().walk_revisions()}
    return next((it for it in revisions(owner_url) if it not in known and it not in EARLIER_REVISIONS), None)


def newest() -> str:
    """The revision of this code."""
    (head,) = _scripts().get_heads()
    return str(head)


def revisions(owner_url: str) -> tuple[str, ...]:
    """The revisions a database is at; empty for a new one. Changes nothing."""
    with _connection(owner_url) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT to_regclass(%s)", (VERSION_TABLE,))
        if cursor.fetchone() == (None,):
            return ()
        cursor.execute(f"SELECT version_num FROM {VERSION_TABLE}")  # noqa: S608 - a constant
        return tuple(row[0] for row in cursor.fetchall())


def plan(owner_url: str) -> Plan:
    """What a start would do to the database. Changes nothing; raises `CommandError` for a newer revision."""
    check(owner_url)
    at = next(iter(revisions(owner_url)), None)
    current = EARLIER_REVISIONS.get(at, at) if at else None
    coming = reversed(list(_scripts().iterate_revisions(newest(), current or "base")))
    migrations = tuple(Migration(it.revision, (it.doc or "").partition("\n")[0]) for it in coming)
    return Plan(at, newest(), migrations, renamed=current != at)


def _migrate(owner_url: str, planned: Plan) -> None:
    """Run the migrations, all in one transaction. Raises `CommandError` that names the one which failed."""
    config, done = _config(owner_url), set[str]()
    config.attributes["applied"] = done.add
    try:
        command.upgrade(config, "head")
    except Exception as error:
        failed = next((it.revision for it in planned.migrations if it.revision not in done), planned.newest)
        diagnosis = getattr(getattr(error, "orig", None), "diag", None)
        reason = getattr(diagnosis, "message_primary", None) or str(error).partition("\n")[0] or type(error).__name__
        stays = f"still at revision {planned.found}" if planned.found else "still empty"
        raise CommandError(
            f"The migration {failed} failed: {reason}. The database is unchanged, {stays}; "
            "the code that it was used with can be started again"
        ) from error


def _scripts() -> ScriptDirectory:
    return ScriptDirectory.from_config(_config())


def _config(owner_url: str | None = None) -> Config:
    """Alembic's configuration, for a database where a URL is given."""
    config = Config()
    config.set_main_option("script_location", str(REPO_ROOT / "migrations").replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    if owner_url is not None:
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
