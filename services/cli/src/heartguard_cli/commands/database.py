"""`migrate`."""

import os
from collections.abc import Mapping

import click

from heartguard_cli.commands.invocation import Invocation


@click.command
@click.pass_obj
def migrate(invocation: Invocation) -> None:
    """Bring the database to the revision of this code.

    The roles of the services get their passwords of .env, too.
    """
    from heartguard_cli import environment
    from heartguard_cli.database_session import database

    if not invocation.configured:
        _upgrade(*environment.for_migration(os.environ))
        return
    system = invocation.system_on_this_machine()
    with database(system):
        _upgrade(system.owner_url, system.db_passwords)


def _upgrade(owner_url: str, passwords: Mapping[str, str]) -> None:
    from heartguard_cli import checks, migrate

    checks.database(owner_url)
    migrate.upgrade(owner_url, passwords)
    click.echo(f"the database is at revision {', '.join(migrate.revisions(owner_url))}")
