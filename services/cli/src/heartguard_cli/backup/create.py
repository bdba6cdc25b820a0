"""Take a backup: database first, then the media objects that its rows name, the manifest last."""

import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from heartguard_cli.backup import points, postgres
from heartguard_cli.backup.last import recorded
from heartguard_cli.backup.locations import (
    Bucket,
    Directory,
    Location,
    location_at,
    measured,
    media_location,
    temporary_directory,
)
from heartguard_cli.backup.manifest import NAME, Entry, Manifest, fingerprints, measure
from heartguard_cli.backup.sealing import SUFFIX, Sealed, read_recipients
from heartguard_cli.backup.settings import BackupSettings
from heartguard_cli.errors import CommandError
from heartguard_cli.progress import bar
from heartguard_common.core.files import sync_directory

DUMP = "database.dump"
MEDIA = "media/"
CHECKPOINTS = "checkpoints/"
STAMP = "heartguard-%Y%m%dT%H%M%S.%fZ"
IN_DATABASE = "postgresql: in the dump"


@dataclass(frozen=True)
class Taken:
    """Where a backup is, and its manifest."""

    location: str
    manifest: Manifest


def take(settings: BackupSettings, root: Path, target: str | None = None, now: datetime | None = None) -> Taken:
    """Write one backup to `target` or the location in the settings; it shows when complete. Raises `CommandError`.

    What was written is read again and compared before that. `var/backups/last.json` tells what became of it.
    """
    with recorded(root) as report:
        report.place = target or settings.target
        taken = _take(settings, root, report.place, now or datetime.now(UTC))
        report.place, report.size = taken.location, taken.manifest.size
        report.encrypted = bool(taken.manifest.sealed)
    return taken


def _take(settings: BackupSettings, root: Path, target: str, moment: datetime) -> Taken:
    recipients = read_recipients(settings.backup_recipients)
    where = location_at(target, settings, root)
    name = moment.strftime(STAMP)
    final = where.within(name)
    if any(final.names()):
        raise CommandError(f"{final} exists already")
    with temporary_directory(where.root if isinstance(where, Directory) else root / "var" / "backups") as staged:
        try:
            if isinstance(final, Directory):
                whole = staged / name
                whole.mkdir(mode=0o700)
                manifest = _write_parts(settings, root, Directory(whole), recipients, staged, moment)
                _sync_tree(whole)
                whole.rename(final.root)
                sync_directory(final.root.parent)
            else:
                manifest = _write_parts(settings, root, final, recipients, staged, moment)
        except BaseException:
            if isinstance(final, Bucket):
                _remove(final)
            raise
    return Taken(str(final), manifest)


def existing(where: Location) -> list[str]:
    """The names of the complete backups at a location, oldest first."""
    found = {name.rpartition("/")[0] for name in where.names() if name.endswith(f"/{NAME}")}
    return sorted(name for name in found if taken_at(name) is not None)


def taken_at(name: str) -> datetime | None:
    """When a backup was taken, by its name; None for what is no backup's name."""
    try:
        return datetime.strptime(name, STAMP).replace(tzinfo=UTC)
    except ValueError:
        return None


def prune(where: Directory | Bucket, keep: int) -> list[str]:
    """Remove all but the newest `keep` complete backups; returns what was removed."""
    gone = existing(where)[:-keep]
    for name in gone:
        # the manifest first: a backup that is removed in part must not look complete
        where.remove(f"{name}/{NAME}")
        if isinstance(where, Directory):
            shutil.rmtree(where.root / name)
        else:
            _remove(where.within(name))
    return gone


def _write_parts(
    settings: BackupSettings,
    root: Path,
    place: Location,
    recipients: Sequence[Any],
    staged: Path,
    moment: datetime,
) -> Manifest:
    sealed = Sealed(place, recipients=recipients) if recipients else None
    location = sealed or place
    part = staged / "part"
    buckets: list[points.Bucket] = []

    def list_series(connection: Any) -> None:
        # Points go after the database: what is erased in between is in neither, or in the list of deletions.
        if settings.influx_url:
            buckets.extend(points.list_series(connection, staged / "series"))

    snapshot = postgres.dump(settings.database_url, part, list_series)
    files = {DUMP: _put(location, DUMP, part)}
    copied = points.take(settings, buckets, location, staged, files) if settings.influx_url else {}
    absent, damaged = _media(media_location(settings, root), snapshot.objects, location, part, files)
    for name, source in _checkpoints(root / settings.checkpoint_dir):
        shutil.copyfile(source, part)
        files[name] = _put(location, name, part)
    manifest = Manifest(
        created_at=moment.isoformat(),
        revision=snapshot.revision,
        postgres=snapshot.major,
        time_series=points.IN_FILES if settings.influx_url else IN_DATABASE,
        secrets=fingerprints(settings.secrets),
        tables=snapshot.tables,
        files=files,
        absent=tuple(absent),
        damaged=tuple(damaged),
        points=copied,
        recipients=settings.backup_recipients,
        sealed=sealed.stored if sealed else {},
    )
    _read_again(place, manifest, part)
    part.write_text(manifest.text())
    place.store(NAME, part)
    return manifest


def _read_again(place: Location, manifest: Manifest, part: Path) -> None:
    """Compare each file as it is stored. Raises `CommandError`."""
    written = {name + SUFFIX: entry for name, entry in manifest.sealed.items()} or manifest.files
    for name, entry in bar(list(written.items()), "read again"):
        if measured(place, name, part) != entry:
            raise CommandError(f"{name} can't be read as it was written in {place}: the backup is not kept")


def _media(
    media: Location, objects: Mapping[str, Entry], location: Location, part: Path, files: dict[str, Entry]
) -> tuple[list[str], list[str]]:
    """Copy the objects that rows of the database name, which are added to `files`; the absent and the damaged ones."""
    absent: list[str] = []
    damaged: list[str] = []
    for key, expected in bar(list(objects.items()), "media"):
        try:
            media.fetch(key, part)
        except FileNotFoundError:
            # deleted since the snapshot, or lost before: the command reports it
            absent.append(key)
            continue
        except (IsADirectoryError, PermissionError):
            damaged.append(key)
            continue
        # The backup goes on without a corrupt one: the command reports it.
        if measure(part) != expected:
            damaged.append(key)
            continue
        files[MEDIA + key] = _put(location, MEDIA + key, part)
    return absent, damaged


def _put(location: Location, name: str, part: Path) -> Entry:
    entry = measure(part)
    location.store(name, part)
    return entry


def _checkpoints(directory: Path) -> Iterator[tuple[str, Path]]:
    if directory.is_dir():
        for path in sorted(directory.iterdir()):
            if path.is_file():
                yield CHECKPOINTS + path.name, path


def _remove(location: Location) -> None:
    for name in list(location.names()):
        location.remove(name)


def _sync_tree(directory: Path) -> None:
    for parent, _, _ in os.walk(directory):
        sync_directory(Path(parent))
