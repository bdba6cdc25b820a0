"""`demo`: an organization with a real recording that plays as live data, for visitors without an account."""

from typing import TYPE_CHECKING

import click

from heartguard_cli.commands.invocation import Invocation
from heartguard_common.command_line.running import HELP_OPTIONS

if TYPE_CHECKING:
    from heartguard_cli.demo.player import Player


@click.group(name="demo", context_settings=HELP_OPTIONS)
def demo() -> None:
    """Play a demo that visitors can read without an account.

    It needs DEMO_ENABLED=on in .env, open registration (REGISTRATION), and a running HeartGuard.
    """


@demo.command(name="run")
@click.pass_obj
def _run(invocation: Invocation) -> None:
    """Play the demo until it is stopped.

    At the first run, and at midnight UTC, a new organization is made and the one before is deleted.
    """
    for _ in _player(invocation).run():
        pass


@demo.command(name="reset")
@click.pass_obj
def _reset(invocation: Invocation) -> None:
    """Make the demo anew, now."""
    _player(invocation).reset()


@demo.command(name="end")
@click.pass_obj
def _end(invocation: Invocation) -> None:
    """Delete the demo's organization."""
    _player(invocation).end()


def _player(invocation: Invocation) -> "Player":
    from heartguard_cli.demo.organization import DemoOrganizations
    from heartguard_cli.demo.player import Player
    from heartguard_cli.demo.recording import Recording
    from heartguard_cli.errors import CommandError

    operator = invocation.operator_api()
    if invocation.system().values.get("DEMO_ENABLED") != "on":
        raise CommandError("The demo is turned off: write DEMO_ENABLED=on into .env, then ./heartguard restart")
    recording = Recording(invocation.layout.root / "examples" / "recording.csv")
    organizations = DemoOrganizations(operator, operator.with_token, recording)
    return Player(organizations, invocation.layout.var / "demo.json", click.echo)
