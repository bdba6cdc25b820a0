"""`upgrade check`."""

import os

import click

from heartguard_cli.commands.invocation import Invocation


@click.group
def upgrade() -> None:
    """See what newer code would do to the data."""


@upgrade.command
@click.option("--json", "as_json", is_flag=True, help="A JSON object instead of lines.")
@click.pass_obj
def check(invocation: Invocation, *, as_json: bool) -> int:
    """Say which migrations a start would run, and change nothing.

    It also says whether a backup is made before them. The exit code is 1 when the database is newer than this code,
    which a start would refuse.
    """
    from heartguard_cli import checks, environment, upgrade
    from heartguard_cli.database_session import database
    from heartguard_common.command_line.terminal import show_json

    if invocation.configured:
        system = invocation.system_on_this_machine()
        with database(system):
            outlook = upgrade.look(system.owner_url, upgrade.backup_place(system))
    else:  # a container, as for `migrate`: nothing is backed up there before migrations
        owner_url, _ = environment.for_migration(os.environ)
        checks.database(owner_url)
        outlook = upgrade.look(owner_url, None)
    if as_json:
        show_json(outlook.document())
    else:
        click.echo("\n".join(outlook.lines()))
    return 1 if outlook.newer else 0
