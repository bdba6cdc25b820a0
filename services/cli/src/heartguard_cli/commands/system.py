"""`up`, `down`, `restart` and `status`."""

import click

from heartguard_cli.commands.configuration import write_env
from heartguard_cli.commands.invocation import Invocation, in_docker
from heartguard_cli.errors import CommandError


@click.command
@click.option("--docker", is_flag=True, help="With Docker Compose.")
@click.pass_obj
def up(invocation: Invocation, *, docker: bool) -> None:
    """Start everything and wait until it is ready.

    The first start writes .env with generated secrets. ./start_services.sh is this command.
    """
    from heartguard_cli import checks, start
    from heartguard_cli.docker import Compose

    layout = invocation.layout
    if not invocation.configured:
        checks.disk(layout.root)
        write_env(layout)
    system = invocation.system()
    if docker or system.values.get("HEARTGUARD_RUNTIME") == "docker":
        Compose(layout.root).up(system.values)
        return
    try:
        start.up(system)
    except KeyboardInterrupt:
        raise CommandError("interrupted, nothing is left running") from None


@click.command
@click.pass_obj
def down(invocation: Invocation) -> None:
    """Stop everything in order, and keep the data.

    ./stop_services.sh is this command.
    """
    from heartguard_cli import stop
    from heartguard_cli.docker import Compose

    stopped = stop.down(invocation.layout)
    if Compose(invocation.layout.root).down() or stopped:
        click.echo("HeartGuard has stopped.")
    else:
        click.echo("Nothing is running.")


@click.command
@click.option("--rolling", is_flag=True, help="One service after the other, while the others serve.")
@click.pass_obj
def restart(invocation: Invocation, *, rolling: bool) -> None:
    """Restart with the code and the .env that are here now.

    With --rolling no request fails: each service is replaced once its successor is ready, and running requests get 30
    seconds. Where the database has to be migrated or a port changes, only a restart without --rolling does it.
    """
    from heartguard_cli import start, stop
    from heartguard_cli.rolling import roll

    system = invocation.system()
    if in_docker(system):
        raise CommandError("HeartGuard runs under Docker here: docker compose up -d --build replaces its containers")
    if rolling:
        roll(system)
        click.echo("Every service runs with the code and the settings that are here now.")
    else:
        stop.down(invocation.layout)
        start.up(system)


@click.command
@click.option("--json", "as_json", is_flag=True, help="A JSON array instead of a table.")
@click.pass_obj
def status(invocation: Invocation, *, as_json: bool) -> int:
    """Show what runs, and what each service depends on.

    The exit code is 1 while a service is not ready.
    """
    from dataclasses import asdict

    from heartguard_cli import overview
    from heartguard_cli.docker import Compose
    from heartguard_common.command_line.terminal import show_json

    system = invocation.system()
    if in_docker(system):
        found, ready = Compose(invocation.layout.root).state(system.values)
    else:
        found = overview.states(system, overview.ask(system))
        ready = all(it.state == "ready" for it in found)
    if as_json:
        show_json([asdict(it) for it in found])
    else:
        overview.show(found)
    if all(it.state == "down" for it in found):
        click.echo("heartguard: HeartGuard is not running: ./start_services.sh starts it", err=True)
    return 0 if ready else 1
