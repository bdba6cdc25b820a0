"""Databases of former releases, as pg_dump wrote them, and what a database holds."""

import subprocess
from collections.abc import Mapping
from pathlib import Path

from psycopg2 import sql

from heartguard_cli.embedded.binaries import postgres_binary
from heartguard_cli.urls import libpq
from tests.servers import Database

SCHEMA = "heartguard_core"
RELEASES = sorted(Path(__file__).parent.glob("*.sql"))
# Commands of psql around a dump in text, which a server does not know.
PSQL = ("\\restrict heartguard\n", "\\unrestrict heartguard\n")
COLUMNS = """
SELECT table_name, array_agg(column_name::text ORDER BY ordinal_position) FROM information_schema.columns
WHERE table_schema = %s AND table_name <> 'schema_version' GROUP BY table_name
"""
SEQUENCES = "SELECT sequencename::text, last_value FROM pg_sequences WHERE schemaname = %s ORDER BY 1"


def load(database: Database, dump: Path) -> None:
    """Run a dump in an empty database; the roles it names must exist in the cluster."""
    text = dump.read_text()
    for command in PSQL:
        text = text.replace(command, "")
    run(database, text)


def run(database: Database, statements: str) -> None:
    """Run statements as the superuser, all or none."""
    with database.server.superuser(database.name) as connection, connection.cursor() as cursor:
        cursor.execute(statements)


def dump(database: Database, *options: str) -> str:
    """The schema `heartguard_core` as SQL, with owners and grants; with its rows unless `--schema-only` is given."""
    command = [postgres_binary("pg_dump"), f"--schema={SCHEMA}", "--restrict-key=heartguard", "--column-inserts"]
    command += ["--rows-per-insert=1000", *options, f"--dbname={libpq(database.superuser_url)}"]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def columns(database: Database) -> dict[str, list[str]]:
    """The columns of each table but the one with the revision."""
    with database.server.superuser(database.name) as connection, connection.cursor() as cursor:
        cursor.execute(COLUMNS, (SCHEMA,))
        return dict(cursor.fetchall())


def contents(database: Database, of: Mapping[str, list[str]]) -> dict[str, list[str]]:
    """The rows of these columns of each table, as text, and how far each sequence of one of the tables has come."""
    with database.server.superuser(database.name) as connection, connection.cursor() as cursor:
        cursor.execute("SET timezone = 'UTC'")
        found = {}
        for table, names in of.items():
            question = sql.SQL("SELECT ROW({})::text FROM {} ORDER BY 1")
            fields = sql.SQL(", ").join(map(sql.Identifier, names))
            cursor.execute(question.format(fields, sql.Identifier(SCHEMA, table)))
            found[table] = [row for (row,) in cursor.fetchall()]
        cursor.execute(SEQUENCES, (SCHEMA,))
        return found | {name: [str(last)] for name, last in cursor.fetchall() if name.startswith(tuple(of))}


def unfilled(database: Database) -> list[str]:
    """The columns, written table.column, that are NULL in every row of their table."""
    found = []
    with database.server.superuser(database.name) as connection, connection.cursor() as cursor:
        for table, names in columns(database).items():
            counts = sql.SQL(", ").join(sql.SQL("count({})").format(sql.Identifier(name)) for name in names)
            cursor.execute(sql.SQL("SELECT {} FROM {}").format(counts, sql.Identifier(SCHEMA, table)))
            found += [f"{table}.{name}" for name, count in zip(names, cursor.fetchone(), strict=True) if count == 0]
    return found
