"""Alembic's door: runs the migrations of the schema heartguard_core in one transaction."""

from alembic import context
from sqlalchemy import create_engine, pool, text

SCHEMA = "heartguard_core"


def run() -> None:
    """Migrate the database named by the configuration attribute `url`."""
    engine = create_engine(context.config.attributes["url"], poolclass=pool.NullPool)
    with engine.begin() as connection:
        connection.execute(text(f"CREATE SCHEMA IF NOT EXISTS {SCHEMA}"))
        context.configure(connection=connection, version_table_schema=SCHEMA, version_table="schema_version")
        context.run_migrations()
    engine.dispose()


run()
