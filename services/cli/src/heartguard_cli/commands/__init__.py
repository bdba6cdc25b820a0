"""The commands of `./heartguard`, by subject: their words, options and help.

These modules load nothing but click, so that help and completion come at once: each command imports what it needs
when it is run.
"""

import click

from heartguard_cli.commands.alarms import alarms
from heartguard_cli.commands.background import dead_letters, jobs
from heartguard_cli.commands.backups import backup, restore
from heartguard_cli.commands.boot import service
from heartguard_cli.commands.configuration import env, versions
from heartguard_cli.commands.database import migrate
from heartguard_cli.commands.demo import demo
from heartguard_cli.commands.logs import logs
from heartguard_cli.commands.organizations import organizations
from heartguard_cli.commands.services import audit, keys, policy
from heartguard_cli.commands.system import down, restart, status, up
from heartguard_cli.commands.upgrade import upgrade
from heartguard_cli.commands.users import users
from heartguard_common import __version__
from heartguard_common.command_line.running import HELP_OPTIONS


class _InOrder(click.Group):
    """A group whose help lists the commands in the order in which they were added."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click passes it
        """The names."""
        return list(self.commands)


@click.group(name="heartguard", cls=_InOrder, invoke_without_command=True, context_settings=HELP_OPTIONS)
@click.version_option(__version__, message="heartguard %(version)s")
@click.pass_context
def heartguard(context: click.Context) -> None:
    """Start, watch and stop HeartGuard, and look after its data."""
    if context.invoked_subcommand is None:
        click.echo(context.get_help())


COMMANDS: tuple[click.Command, ...] = (
    *(up, down, restart, status, logs, service),
    *(users, organizations, alarms, jobs, dead_letters, demo),
    *(upgrade, migrate, backup, restore),
    *(keys, audit, policy),
    *(env, versions),
)
for command in COMMANDS:
    heartguard.add_command(command)
