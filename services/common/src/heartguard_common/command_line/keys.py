"""`heartguard keys`: the ring of signing keys, turned by hand. `heartguard_auth.keys` carries it out."""

from typing import Protocol

import click

from heartguard_common.command_line.running import HELP_OPTIONS


class KeyCommands(Protocol):
    """What carries the commands out; each returns the exit code."""

    def list(self, *, as_json: bool) -> int:
        """Print every key."""

    def rotate(self) -> int:
        """Let the next key sign."""

    def retire(self, kid: str) -> int:
        """Have every token of a key refused."""


class _KeyIds(click.Command):
    """A command whose argument is the id of a key, which may begin with a hyphen and is no option then."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Everything but `--help` is an argument."""
        return super().parse_args(ctx, args if args[-1:] in (["-h"], ["--help"]) else ["--", *args])


@click.group(name="keys", context_settings=HELP_OPTIONS)
def keys() -> None:
    """Show, rotate and retire the signing keys."""


@keys.command(name="list")
@click.option("--json", "as_json", is_flag=True, help="A JSON array instead of a table.")
@click.pass_obj
def _list(commands: KeyCommands, *, as_json: bool) -> int:
    """Every key, and what it is good for."""
    return commands.list(as_json=as_json)


@keys.command(name="rotate")
@click.pass_obj
def _rotate(commands: KeyCommands) -> int:
    """Let the next key sign; nobody is logged out."""
    return commands.rotate()


@keys.command(name="retire", cls=_KeyIds)
@click.argument("kid")
@click.pass_obj
def _retire(commands: KeyCommands, kid: str) -> int:
    """Have every token of a key refused.

    KID is the key's id, as `keys list` shows it. Its tokens are refused at once and for ever; sessions go on.
    """
    return commands.retire(kid)
