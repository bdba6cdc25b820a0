"""`service`: start HeartGuard with the machine."""

from typing import TYPE_CHECKING

import click

from heartguard_cli.commands.invocation import Invocation
from heartguard_cli.errors import CommandError

if TYPE_CHECKING:
    from heartguard_cli.boot import Service

name_option = click.option(
    "--name", default="heartguard", show_default=True, help="The name of the unit, where there are several clones."
)


@click.group
def service() -> None:
    """Start HeartGuard with the machine, by systemd or launchd.

    Called by root, it is a service of the machine that runs as the owner of this directory; called by another account,
    one of that account.
    """


@service.command
@name_option
@click.pass_obj
def install(invocation: Invocation, name: str) -> None:
    """Write the unit or the job, and enable it.

    It starts nothing now. After a change of MEDIA_DIR, CHECKPOINT_DIR or BACKUP_DIR it has to be called again.
    """
    described = _described(invocation, name)
    told = described.install()
    click.echo(f"wrote {described.file}")
    if not told:
        click.echo("no service manager runs here; where it does:")
        click.echo("\n".join(f"  {' '.join(command)}" for command in described.enable))
    click.echo(described.hint)


@service.command
@name_option
@click.pass_obj
def uninstall(invocation: Invocation, name: str) -> None:
    """Remove what `install` wrote. What runs goes on."""
    described = _described(invocation, name)
    removed = described.uninstall()
    click.echo(f"removed {described.file}" if removed else f"There is no {described.file}.")


@service.command
@name_option
@click.pass_obj
def show(invocation: Invocation, name: str) -> None:
    """Print what `install` would write, and where."""
    described = _described(invocation, name)
    click.echo(f"# {described.file}", err=True)
    click.echo(described.text, nl=False)


def _described(invocation: Invocation, name: str) -> "Service":
    from heartguard_cli.boot import describe
    from heartguard_cli.environment import port

    system = invocation.system()
    if system.values.get("HEARTGUARD_RUNTIME") == "docker":
        raise CommandError(
            "Under Docker nothing has to be installed: its daemon starts the containers again "
            "(`systemctl enable docker` starts the daemon with the machine)"
        )
    if not name.replace("-", "").replace("_", "").isalnum():
        raise CommandError("A unit's name consists of letters, digits, - and _")
    return describe(invocation.layout, system.values, name, port(system.values, "gateway"))
