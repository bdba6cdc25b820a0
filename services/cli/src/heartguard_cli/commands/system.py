"""`up`, `down`, `restart` and `status`."""

import click

from heartguard_cli.commands.configuration import lacks_secrets, new_env, write_env
from heartguard_cli.commands.invocation import Invocation, in_docker
from heartguard_cli.errors import CommandError
from heartguard_cli.layout import Layout


@click.command
@click.option("--docker", is_flag=True, help="With Docker Compose.")
@click.option("--save", is_flag=True, help="Write settings of the environment that differ from .env into it.")
@click.pass_obj
def up(invocation: Invocation, *, docker: bool, save: bool) -> None:
    """Start everything and wait until it is ready.

    The first start writes .env with generated secrets and the settings that the environment gives, such as
    GATEWAY_PORT=8000. Later, a setting of the environment that differs from .env is refused, unless --save is given.
    ./start_services.sh is this command.
    """
    from heartguard_cli import checks, environment, start
    from heartguard_cli.docker import Compose
    from heartguard_cli.programs import System

    layout = invocation.layout
    if invocation.configured and not lacks_secrets(layout):
        changes, text = _changes(layout, save=save), None
        system = invocation.configured_system()
    else:
        checks.disk(layout.root)
        changes, text = {}, new_env(layout)
        system = System(layout, environment.parse(text))

    def write() -> None:
        if text is not None:
            write_env(layout, text)

    if docker or system.values.get("HEARTGUARD_RUNTIME") == "docker":
        write()
        Compose(layout.root).up(system.values)
        system.keep_ports()
    else:
        try:
            if not start.up(system, write) and changes:
                raise CommandError("HeartGuard is running: ./stop_services.sh first, a start with --save writes .env")
        except KeyboardInterrupt:
            raise CommandError("interrupted, nothing is left running") from None
    if changes:
        environment.save(layout.env_file, changes)
        click.echo(f"wrote {', '.join(changes)} into {layout.env_file}")


def _changes(layout: Layout, *, save: bool) -> dict[str, str]:
    """The settings of the environment that differ from `.env`, which are to be saved. Raises `CommandError`."""
    import os

    from heartguard_cli import environment

    changes = environment.differing(layout.env_file, os.environ)
    if changes and not save:
        shown = ", ".join(f"{name} ({value})" if name.endswith("_PORT") else name for name, value in changes.items())
        raise CommandError(
            f"{shown} of the environment differs from .env: unset it, or write it into .env by "
            "./start_services.sh --save"
        )
    return changes


@click.command
@click.pass_obj
def down(invocation: Invocation) -> None:
    """Stop everything in order, and keep the data.

    ./stop_services.sh is this command.
    """
    from heartguard_cli import stop
    from heartguard_cli.docker import Compose

    layout = invocation.layout
    stopped = stop.down(layout)
    if Compose(layout.root).down() or stopped:
        layout.started_with.unlink(missing_ok=True)
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
        roll(invocation.configured_system())
        click.echo("Every service runs with the code and the settings that are here now.")
    else:
        stop.down(invocation.layout)
        start.up(invocation.configured_system(), lambda: None)


@click.command
@click.option("--json", "as_json", is_flag=True, help="A JSON array instead of a table.")
@click.pass_obj
def status(invocation: Invocation, *, as_json: bool) -> int:
    """Show what runs, and what each service depends on.

    The exit code is 1 while a service is not ready.
    """
    from dataclasses import asdict

    from heartguard_cli import overview
    from heartguard_common.command_line.terminal import show_json

    configured = invocation.configured_system()
    system = configured.as_started()
    if later := [f"{name.upper()}_PORT" for name, it in configured.ports().items() if system.ports()[name] != it]:
        click.echo(f"heartguard: {', '.join(later)} of .env applies at the next start", err=True)
    if in_docker(system):
        from heartguard_cli.docker import Compose

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
