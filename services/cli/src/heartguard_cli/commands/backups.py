"""`backup` and `restore`."""

import os
from pathlib import Path

import click

from heartguard_cli.commands.invocation import Invocation
from heartguard_cli.errors import CommandError

CALLED_FROM = "HEARTGUARD_CALLED_FROM"


@click.command
@click.argument("place", required=False)
@click.pass_obj
def backup(invocation: Invocation, place: str | None) -> None:
    """Write a backup of everything.

    PLACE is a directory or gs://bucket/prefix; without it, the backup goes to BACKUP_DIR. The system may run or not.
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


@click.command
@click.argument("backup")
@click.pass_obj
def restore(invocation: Invocation, backup: str) -> None:
    """Restore a backup into an empty system that is stopped.

    BACKUP is the directory or gs://bucket/prefix of one backup, which holds manifest.json. What was restored is
    compared with what the manifest says.
    """
    from heartguard_cli.backup import run

    source = _absolute(backup)
    if invocation.configured:
        run.restore_system(invocation.system_on_this_machine(), source)
    elif os.environ.get("DATABASE_URL"):  # a container
        run.restore_in_container(os.environ, invocation.layout.root, source)
    else:
        raise CommandError("There is no .env here: bring back the one that the backup was taken with first")


def _absolute(place: str) -> str:
    """What is typed is relative to where it is typed, and `./heartguard` goes to its own directory first."""
    if place.startswith("gs://"):
        return place
    return str(Path(os.environ.get(CALLED_FROM, ""), place).absolute())
