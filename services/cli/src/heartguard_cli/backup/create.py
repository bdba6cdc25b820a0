"""Take a backup: database first, then the objects its rows promise, the manifest last."""

import os
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from heartguard_cli.backup import points, postgres
from heartguard_cli.backup.locations import Bucket, Directory, Place, media_place, place_at, scratch
from heartguard_cli.backup.manifest import NAME, Entry, Manifest, fingerprints, measure
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
    """Where a backup is, and what it says of itself."""

    place: str
    manifest: Manifest


def take(settings: BackupSettings, root: Path, target: str | None = None, now: datetime | None = None) -> Taken:
    """Write one backup to `target` or the place in the settings; it shows when complete. Raises `CommandError`."""
    moment = now or datetime.now(UTC)
    where = place_at(target or settings.target, settings, root)
    name = moment.strftime(STAMP)
    final = where.within(name)
    if any(final.names()):
        raise CommandError(f"{final} exists already")
    with scratch(where.root if isinstance(where, Directory) else root / "var" / "backups") as staged:
        try:
            if isinstance(final, Directory):
                whole = staged / name
                whole.mkdir(mode=0o700)
                manifest = _fill(settings, root, Directory(whole), staged, moment)
                _sync_tree(whole)
                whole.rename(final.root)
                sync_directory(final.root.parent)
            else:
                manifest = _fill(settings, root, final, staged, moment)
        except BaseException:
            if isinstance(final, Bucket):
                _remove(final)
            raise
    return Taken(str(final), manifest)


def existing(where: Place) -> list[str]:
    """The names of the whole backups at a place, oldest first."""
    found = {name.rpartition("/")[0] for name in where.names() if name.endswith(f"/{NAME}")}
    return sorted(name for name in found if taken_at(name) is not None)


def taken_at(name: str) -> datetime | None:
    """When a backup was taken, by its name; None for what is no backup's name."""
    try:
        return datetime.strptime(name, STAMP).replace(tzinfo=UTC)
    except ValueError:
        return None


def prune(where: Directory | Bucket, keep: int) -> list[str]:
    """Remove all but the newest `keep` whole backups; returns what was removed."""
    gone = existing(where)[:-keep]
    for name in gone:
        # the manifest first: half a backup must not look like one
        where.remove(f"{name}/{NAME}")
        if isinstance(where, Directory):
            shutil.rmtree(where.root / name)
        else:
            _remove(where.within(name))
    return gone


def _fill(settings: BackupSettings, root: Path, place: Place, staged: Path, moment: datetime) -> Manifest:
    part = staged / "part"
    buckets: list[points.Bucket] = []

    def list_series(connection: Any) -> None:
        # Points go after the database: what is erased in between is in neither, or in the list of deletions.
        if settings.influx_url:
            buckets.extend(points.list_series(connection, staged / "series"))

    instant = postgres.dump(settings.database_url, part, list_series)
    files = {DUMP: _put(place, DUMP, part)}
    copied = points.take(settings, buckets, place, staged, files) if settings.influx_url else {}
    absent, damaged = _media(media_place(settings, root), instant.objects, place, part, files)
    for name, source in _checkpoints(root / settings.checkpoint_dir):
        shutil.copyfile(source, part)
        files[name] = _put(place, name, part)
    manifest = Manifest(
        created_at=moment.isoformat(),
        revision=instant.revision,
        postgres=instant.major,
        time_series=points.IN_FILES if settings.influx_url else IN_DATABASE,
        secrets=fingerprints(settings.secrets),
        tables=instant.tables,
        files=files,
        absent=tuple(absent),
        damaged=tuple(damaged),
        points=copied,
    )
    part.write_text(manifest.text())
    place.store(NAME, part)
    return manifest


def _media(
    media: Place, objects: Mapping[str, Entry], place: Place, part: Path, files: dict[str, Entry]
) -> tuple[list[str], list[str]]:
    """Copy the objects that the database promises, which are added to `files`; the absent and the damaged ones."""
    absent: list[str] = []
    damaged: list[str] = []
    for key, promised in bar(list(objects.items()), "media"):
        try:
            media.fetch(key, part)
        except FileNotFoundError:
            # deleted since the snapshot, or lost before: the restore reports it
            absent.append(key)
            continue
        except (IsADirectoryError, PermissionError):
            damaged.append(key)
            continue
        # A corrupt one keeps nothing else out of the backup: the command reports it.
        if measure(part) != promised:
            damaged.append(key)
            continue
        files[MEDIA + key] = _put(place, MEDIA + key, part)
    return absent, damaged


def _put(place: Place, name: str, part: Path) -> Entry:
    entry = measure(part)
    place.store(name, part)
    return entry


def _checkpoints(directory: Path) -> Iterator[tuple[str, Path]]:
    if directory.is_dir():
        for path in sorted(directory.iterdir()):
            if path.is_file():
                yield CHECKPOINTS + path.name, path


def _remove(place: Place) -> None:
    for name in list(place.names()):
        place.remove(name)


def _sync_tree(directory: Path) -> None:
    for parent, _, _ in os.walk(directory):
        sync_directory(Path(parent))
