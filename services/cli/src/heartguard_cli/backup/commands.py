"""`heartguard backup` and `heartguard restore`."""

import argparse
import os
import sys
from collections.abc import Mapping
from pathlib import Path

from heartguard_cli import checks, environment, native
from heartguard_cli.backup.manifest import Manifest
from heartguard_cli.backup.points import IN_FILES
from heartguard_cli.backup.restoring import restore
from heartguard_cli.backup.settings import BackupSettings
from heartguard_cli.backup.taking import IN_DATABASE, take
from heartguard_cli.errors import CommandError
from heartguard_cli.programs import System

CALLED_FROM = "HEARTGUARD_CALLED_FROM"


def add(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """The two commands' arguments."""
    backup = commands.add_parser("backup", help="write a backup of everything to a directory or a bucket")
    backup.add_argument("place", nargs="?", help="a directory or gs://bucket/prefix; otherwise BACKUP_DIR's")
    back = commands.add_parser("restore", help="bring a backup back into an empty system that does not run")
    back.add_argument("backup", help="the directory or gs://bucket/prefix of one backup, which holds manifest.json")


def run_backup(system: System, options: argparse.Namespace) -> int:
    """Take one; the system may run or not. Raises `CommandError`."""
    with native.database(system):
        return back_up(_settings(system), options)


def back_up(settings: BackupSettings, options: argparse.Namespace) -> int:
    """Take one of a database that answers. Raises `CommandError`."""
    taken = take(settings, options.layout.root, _absolute(options.place))
    print(f"{taken.place}: {_summary(taken.manifest)}")
    _name_absent(taken.manifest)
    _warn(taken.manifest)
    return 0


def run_restore(system: System, options: argparse.Namespace) -> int:
    """Restore one; nothing may run. Raises `CommandError`."""
    with native.database(system, stopped=True):
        bring_back(_settings(system), options, system.db_passwords)
        _forget_copies(system)
    return 0


def restore_in_container(environ: Mapping[str, str], options: argparse.Namespace) -> int:
    """Restore one with what the environment says, where no `.env` is. Raises `CommandError`, `SettingsError`."""
    settings, (_, passwords) = BackupSettings.from_env(environ), environment.for_migration(environ)
    redis_url = environ.get("REDIS_URL", "")
    checks.database(settings.database_url)
    checks.redis_server(redis_url)
    bring_back(settings, options, passwords)
    _forget_revocations(redis_url)
    return 0


def bring_back(settings: BackupSettings, options: argparse.Namespace, passwords: Mapping[str, str]) -> None:
    """Restore one into a database that answers. Raises `CommandError`."""
    restored = restore(settings, options.layout.root, str(_absolute(options.backup)), passwords)
    manifest = restored.manifest
    print(f"restored and verified: {_summary(manifest)}")
    print("all sessions are ended: everybody logs in again, and no token from before counts")
    print(f"deletions after the backup, carried out again when the services start: {restored.deletions:,}")
    _name_absent(manifest)
    _warn(manifest)


def _settings(system: System) -> BackupSettings:
    return BackupSettings.from_env(system.environment("cli", "backup"))


def _absolute(place: str | None) -> str | None:
    """What is typed is relative to where it is typed, and `./heartguard` goes to its own directory first."""
    if place is None or place.startswith("gs://"):
        return place
    return str(Path(os.environ.get(CALLED_FROM, ""), place).absolute())


def _summary(manifest: Manifest) -> str:
    rows = sum(table.rows for table in manifest.tables.values())
    size = sum(entry.size for entry in manifest.files.values())
    values = sum(points.values for points in manifest.points.values())
    influx = f"{values:,} values in {len(manifest.points):,} buckets of an InfluxDB, " if manifest.points else ""
    return (
        f"{rows:,} rows in {len(manifest.tables)} tables, {influx}{len(manifest.files):,} files, {size / 1e6:,.1f} MB, "
        f"revision {manifest.revision}, {manifest.created_at}"
    )


def _name_absent(manifest: Manifest) -> None:
    for key in manifest.absent:
        print(f"heartguard: the media object {key} has a row and no bytes: it is not in the backup", file=sys.stderr)
    for key in manifest.damaged:
        why = "can't be read, or is not what its row says"
        print(f"heartguard: the media object {key} {why}: it is not in the backup", file=sys.stderr)


def _warn(manifest: Manifest) -> None:
    if manifest.time_series not in (IN_DATABASE, IN_FILES):
        print(
            f"heartguard: the points are not in it ({manifest.time_series}), since an older HeartGuard took it",
            file=sys.stderr,
        )


def _forget_copies(system: System) -> None:
    """Redis must not be trusted about revocations of another life; auth copies the restored ones at its start."""
    data = system.layout.var / "valkey"
    if system.valkey is None:
        _forget_revocations(system.redis_url)
    elif data.exists():
        aside = data.with_name(f"valkey.before-restore-{int(data.stat().st_mtime)}")
        data.rename(aside)
        print(f"{data} was of another life: it lies in {aside} now")


def _forget_revocations(redis_url: str) -> None:
    # loaded here: every other command would pay half a second for them
    from heartguard_common.identity.revocation import READY  # noqa: PLC0415
    from heartguard_common.stores.redis_client import REDIS_ERRORS, make_redis  # noqa: PLC0415

    client = make_redis(redis_url, timeout_seconds=5)
    try:
        client.delete(READY)
    except REDIS_ERRORS as error:
        raise CommandError(f"Redis does not answer, and must before a start: delete {READY} there ({error})") from None
    finally:
        client.close()
