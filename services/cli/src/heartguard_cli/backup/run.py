"""Back up and restore a system, and print what was done."""

import sys
from collections.abc import Mapping
from pathlib import Path

from heartguard_cli import checks, environment
from heartguard_cli.backup.create import IN_DATABASE, take
from heartguard_cli.backup.last import note_verified
from heartguard_cli.backup.manifest import Manifest
from heartguard_cli.backup.points import IN_FILES
from heartguard_cli.backup.restore import restore
from heartguard_cli.backup.settings import BackupSettings
from heartguard_cli.backup.verify import Listed, age, listed, verify
from heartguard_cli.database_session import database
from heartguard_cli.errors import CommandError
from heartguard_cli.programs import System
from heartguard_common.command_line.terminal import show_json, show_table


def back_up_system(system: System, target: str | None) -> None:
    """Take a backup; the system may run or not. Raises `CommandError`."""
    with database(system):
        back_up(settings_of(system), system.layout.root, target)


def back_up(settings: BackupSettings, root: Path, target: str | None) -> None:
    """Take a backup of a database that answers. Raises `CommandError`."""
    taken = take(settings, root, target)
    print(f"{taken.location}: {_summary(taken.manifest)}")
    _name_absent(taken.manifest)
    _warn(taken.manifest)


def restore_system(system: System, source: str, identity: Path | None) -> None:
    """Restore a backup; nothing may run. Raises `CommandError`."""
    with database(system, stopped=True):
        _restore(settings_of(system), system.layout.root, source, system.db_passwords, identity)
        _forget_copies(system)


def restore_in_container(environ: Mapping[str, str], root: Path, source: str, identity: Path | None) -> None:
    """Restore a backup with what the environment says, where no `.env` is. Raises `CommandError`, `SettingsError`."""
    settings, (_, passwords) = BackupSettings.from_env(environ), environment.for_migration(environ)
    redis_url = environ.get("REDIS_URL", "")
    checks.database(settings.database_url)
    checks.redis_server(redis_url)
    _restore(settings, root, source, passwords, identity)
    _forget_revocations(redis_url)


def _restore(
    settings: BackupSettings, root: Path, source: str, passwords: Mapping[str, str], identity: Path | None
) -> None:
    restored = restore(settings, root, source, passwords, identity)
    manifest = restored.manifest
    print(f"restored and verified: {_summary(manifest)}")
    print("all sessions are ended: everybody logs in again, and no token from before counts")
    print(f"deletions after the backup, carried out again when the services start: {restored.deletions:,}")
    _name_absent(manifest)
    _warn(manifest)


def show_list(settings: BackupSettings, root: Path, place: str | None, *, as_json: bool) -> None:
    """Print the complete backups of a place, oldest first. Raises `CommandError`."""
    where, found = listed(settings, root, place)
    if as_json:
        show_json([_document(where, it) for it in found])
    elif not found:
        print(f"There is no backup in {where}.")
    else:
        print(f"in {where}:")
        rows = [
            (it.name, age(it.time), f"{it.manifest.size / 1e6:,.1f} MB", it.manifest.revision, _remarks(it.manifest))
            for it in found
        ]
        show_table(("backup", "age", "size", "revision", "remarks"), rows, indent=2)


def show_verified(settings: BackupSettings, root: Path, backup: str | None, identity: Path | None) -> bool:
    """Read a backup completely and print what was found; False where it is damaged. Raises `CommandError`."""
    found = verify(settings, root, backup, identity)
    note_verified(root, found.location, found.damaged, opened=found.opened)
    if found.damaged:
        print(f"{found.location} is damaged: {', '.join(found.damaged)}", file=sys.stderr)
        return False
    print(f"{found.location} is intact: {_summary(found.manifest)}")
    if not found.opened:
        print("its files are as they were written; --identity FILE (the private key) reads what is in them, too")
    if found.other_secrets:
        names = ", ".join(found.other_secrets)
        print(f"heartguard: a restore needs the .env of its time: {names} differ from those here", file=sys.stderr)
    return True


def settings_of(system: System) -> BackupSettings:
    """What a backup has to know of a system. Raises `SettingsError`."""
    return BackupSettings.from_env(system.environment("cli", "backup"))


def _document(where: str, it: Listed) -> dict[str, object]:
    return {
        "location": f"{where}/{it.name}",
        "time": it.time.isoformat().replace("+00:00", "Z"),
        "bytes": it.manifest.size,
        "files": len(it.manifest.files),
        "rows": sum(table.rows for table in it.manifest.tables.values()),
        "revision": it.manifest.revision,
        "recipients": list(it.manifest.recipients),
        "absent": list(it.manifest.absent),
        "damaged": list(it.manifest.damaged),
    }


def _remarks(manifest: Manifest) -> str:
    lacks = len(manifest.absent) + len(manifest.damaged)
    remarks = ["encrypted"] if manifest.sealed else []
    return ", ".join([*remarks, *([f"{lacks} media objects are not in it"] if lacks else [])])


def _summary(manifest: Manifest) -> str:
    rows = sum(table.rows for table in manifest.tables.values())
    values = sum(points.values for points in manifest.points.values())
    influx = f"{values:,} values in {len(manifest.points):,} buckets of an InfluxDB, " if manifest.points else ""
    return (
        f"{rows:,} rows in {len(manifest.tables)} tables, {influx}{len(manifest.files):,} files, "
        f"{manifest.size / 1e6:,.1f} MB{', encrypted' if manifest.sealed else ''}, "
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
    """Remove the copies of revocations, which are of before the restore; auth copies the restored ones at its start."""
    data = system.layout.var / "valkey"
    if system.valkey is None:
        _forget_revocations(system.redis_url)
    elif data.exists():
        aside = data.with_name(f"valkey.before-restore-{int(data.stat().st_mtime)}")
        data.rename(aside)
        print(f"the data of Valkey from before the restore are in {aside} now")


def _forget_revocations(redis_url: str) -> None:
    # loaded here, because a backup needs none of them
    from heartguard_common.identity.revocation import READY  # noqa: PLC0415
    from heartguard_common.stores.redis_client import REDIS_ERRORS, make_redis  # noqa: PLC0415

    client = make_redis(redis_url, timeout_seconds=5)
    try:
        client.delete(READY)
    except REDIS_ERRORS as error:
        raise CommandError(f"Redis does not answer, and must before a start: delete {READY} there ({error})") from None
    finally:
        client.close()
