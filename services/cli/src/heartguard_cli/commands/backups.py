"""`backup` and `restore`."""

import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from heartguard_cli.commands.invocation import Invocation
from heartguard_cli.errors import CommandError

if TYPE_CHECKING:
    from heartguard_cli.backup.settings import BackupSettings

CALLED_FROM = "HEARTGUARD_CALLED_FROM"


class _BackupGroup(click.Group):
    """`backup` makes one: a word that is none of its commands is the place where it goes."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Put the command `make` before the words where they name none."""
        if not args or (args[0] not in self.commands and not args[0].startswith("-")):
            args = ["make", *args]
        return super().parse_args(ctx, args)


@click.group(cls=_BackupGroup)
def backup() -> None:
    """Write a backup of everything; list and verify backups.

    `backup` and `backup PLACE` are short for `backup make [PLACE]`.
    """


@backup.command
@click.argument("place", required=False)
@click.pass_obj
def make(invocation: Invocation, place: str | None) -> None:
    """Write a backup of everything, and read it again.

    PLACE is a directory or gs://bucket/prefix; without it, the backup goes to BACKUP_DIR. The system may run or not.
    With BACKUP_RECIPIENTS the backup is encrypted.
    """
    from heartguard_cli.backup import run
    from heartguard_cli.backup.settings import BackupSettings

    layout, target = invocation.layout, _absolute(place) if place else None
    if invocation.configured:
        run.back_up_system(invocation.system_on_this_machine(), target)
    elif os.environ.get("DATABASE_URL"):  # a container, as for `migrate`
        run.back_up(BackupSettings.from_env(os.environ), layout.root, target)
    else:
        raise CommandError("There is no .env here, so there is nothing to back up")


@backup.command(name="list")
@click.argument("place", required=False)
@click.option("--json", "as_json", is_flag=True, help="A JSON array instead of a table.")
@click.pass_obj
def list_backups(invocation: Invocation, place: str | None, *, as_json: bool) -> None:
    """List the complete backups, oldest first.

    PLACE is a directory or gs://bucket/prefix; without it, BACKUP_DIR.
    """
    from heartguard_cli.backup import run

    where = _absolute(place) if place else None
    run.show_list(_settings(invocation), invocation.layout.root, where, as_json=as_json)


@backup.command
@click.argument("backup", required=False)
@click.option("--identity", type=click.Path(path_type=Path), help="The file of the private key, if it is encrypted.")
@click.pass_obj
def verify(invocation: Invocation, backup: str | None, identity: Path | None) -> int:
    """Read a backup completely, and compare it with its manifest.

    BACKUP is the directory or gs://bucket/prefix of one backup; without it, the newest in BACKUP_DIR. The exit code is
    1 when it is damaged.
    """
    from heartguard_cli.backup import run

    named = _absolute(backup) if backup else None
    intact = run.show_verified(_settings(invocation), invocation.layout.root, named, _file(identity))
    return 0 if intact else 1


@backup.command
@click.argument("file", type=click.Path(path_type=Path))
def key(file: Path) -> None:
    """Make a key for encrypted backups.

    The private key is written to FILE, which must not exist: keep it apart from this machine, because a restore needs
    it. The public key is printed, for BACKUP_RECIPIENTS in .env. age-keygen makes such keys, too.
    """
    from heartguard_cli.backup.sealing import make_identity

    click.echo(f"BACKUP_RECIPIENTS={make_identity(Path(_absolute(str(file))))}")


@click.command
@click.argument("backup")
@click.option("--identity", type=click.Path(path_type=Path), help="The file of the private key, if it is encrypted.")
@click.pass_obj
def restore(invocation: Invocation, backup: str, identity: Path | None) -> None:
    """Restore a backup into an empty system that is stopped.

    BACKUP is the directory or gs://bucket/prefix of one backup, which holds manifest.json. What was restored is
    compared with what the manifest says.
    """
    from heartguard_cli.backup import run

    source = _absolute(backup)
    if invocation.configured:
        run.restore_system(invocation.system_on_this_machine(), source, _file(identity))
    elif os.environ.get("DATABASE_URL"):  # a container
        run.restore_in_container(os.environ, invocation.layout.root, source, _file(identity))
    else:
        raise CommandError("There is no .env here: bring back the one that the backup was taken with first")


def _settings(invocation: Invocation) -> "BackupSettings":
    """What is known of the system here, or in a container of its environment. Raises `CommandError`."""
    from heartguard_cli.backup import run
    from heartguard_cli.backup.settings import BackupSettings

    if invocation.configured:
        return run.settings_of(invocation.system_on_this_machine())
    return BackupSettings.from_env(os.environ)


def _file(path: Path | None) -> Path | None:
    return Path(_absolute(str(path))) if path else None


def _absolute(place: str) -> str:
    """What is typed is relative to where it is typed, and `./heartguard` goes to its own directory first."""
    if place.startswith("gs://"):
        return place
    return str(Path(os.environ.get(CALLED_FROM, ""), place).absolute())
