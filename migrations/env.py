"""The script that Alembic runs: migrates the schema heartguard_core in one transaction."""

from collections.abc import Callable, Mapping
from typing import Any

from alembic import context
from sqlalchemy import Connection, create_engine, pool, text

SCHEMA = "heartguard_core"
VERSIONS = "schema_version"


def run() -> None:
    """Migrate the database at the configuration attribute `url`; `earlier_revisions` maps former ids to current ones.

    `applied`, where it is given, is called with each revision that was reached. A migration that fails leaves the
    database unchanged, including the id of its revision.
    """
    attributes = context.config.attributes
    engine = create_engine(attributes["url"], poolclass=pool.NullPool)
    with engine.begin() as connection:
        connection.execute(text(f"CREATE SCHEMA IF NOT EXISTS {SCHEMA}"))
        _rename(connection, attributes["earlier_revisions"])
        context.configure(
            connection=connection,
            version_table_schema=SCHEMA,
            version_table=VERSIONS,
            on_version_apply=_reporter(attributes.get("applied")),
        )
        context.run_migrations()
    engine.dispose()


def _reporter(applied: Callable[[str], object] | None) -> Callable[..., None]:
    """What Alembic calls behind each migration."""

    def report(*, step: Any, **_: object) -> None:
        if applied is not None:
            applied(step.up_revision_id)

    return report


def _rename(connection: Connection, earlier: Mapping[str, str]) -> None:
    """Replace a former id of the database's revision by the current one."""
    table = f"{SCHEMA}.{VERSIONS}"
    if connection.scalar(text("SELECT to_regclass(:table)"), {"table": table}) is None:
        return
    for found in connection.scalars(text(f"SELECT version_num FROM {table}")).all():
        if found in earlier:
            renamed = text(f"UPDATE {table} SET version_num = :now WHERE version_num = :found")
            connection.execute(renamed, {"now": earlier[found], "found": found})


run()
