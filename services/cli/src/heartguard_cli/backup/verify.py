"""Look at backups that were made: which there are, and whether one is still what it was."""

import subprocess
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from heartguard_cli.backup import postgres
from heartguard_cli.backup.create import DUMP, existing, taken_at
from heartguard_cli.backup.locations import (
    Bucket,
    Directory,
    Location,
    location_at,
    measured,
    temporary_directory,
)
from heartguard_cli.backup.manifest import Entry, Manifest, fingerprints, read
from heartguard_cli.backup.sealing import SUFFIX, Sealed, read_identities
from heartguard_cli.backup.settings import BackupSettings
from heartguard_cli.errors import CommandError
from heartguard_cli.progress import bar


@dataclass(frozen=True)
class Listed:
    """One complete backup: its name in its place, when it was begun, and its manifest."""

    name: str
    time: datetime
    manifest: Manifest


@dataclass(frozen=True)
class Verified:
    """What was found in a backup.

    `damaged` names files that are missing or not what the manifest says; `opened` says whether the contents were read,
    which for an encrypted backup needs a private key; `other_secrets` are those in which `.env` differs from the one
    that the backup was taken with.
    """

    location: str
    manifest: Manifest
    damaged: tuple[str, ...]
    opened: bool
    other_secrets: tuple[str, ...]


def listed(settings: BackupSettings, root: Path, place: str | None) -> tuple[str, list[Listed]]:
    """The complete backups of a place, by default that of the settings, oldest first. Raises `CommandError`."""
    where = location_at(place or settings.target, settings, root)
    found = []
    with temporary_directory(_staging(where, root)) as staged:
        for name in existing(where):
            time = taken_at(name)
            if time is not None:
                found.append(Listed(name, time, read(where.within(name), staged / "part")))
    return str(where), found


def verify(settings: BackupSettings, root: Path, backup: str | None, identity: Path | None) -> Verified:
    """Read a backup completely: the newest one of the settings' place, or the one that `backup` names.

    Raises `CommandError` for what is no backup, or can't be decrypted with that private key.
    """
    location = location_at(backup or _newest(settings, root), settings, root)
    with temporary_directory(root / "var" / "backups") as staged:
        part = staged / "part"
        manifest = read(location, part)
        contents: Location | None = location
        if manifest.sealed:
            identities = read_identities(identity)
            contents = Sealed(location, identities=identities) if identities else None
        damaged = [*_damaged(location, manifest, part)]
        if contents is not None and not damaged:
            damaged += _unreadable(contents, manifest, part)
    ours = fingerprints(settings.secrets)
    others = tuple(name for name, digest in manifest.secrets.items() if ours.get(name) != digest)
    return Verified(str(location), manifest, tuple(damaged), contents is not None, others)


def _staging(where: Directory | Bucket, root: Path) -> Path:
    return where.root if isinstance(where, Directory) and where.root.is_dir() else root / "var" / "backups"


def _newest(settings: BackupSettings, root: Path) -> str:
    where = location_at(settings.target, settings, root)
    names = existing(where)
    if not names:
        raise CommandError(f"There is no backup in {where}")
    return str(where.within(names[-1]))


def _damaged(location: Directory | Bucket, manifest: Manifest, part: Path) -> Iterator[str]:
    """The files as they lie there whose size or hash is another one."""
    stored = {name + SUFFIX: entry for name, entry in manifest.sealed.items()} or manifest.files
    yield from _differing(stored, lambda name: measured(location, name, part))


def _unreadable(contents: Location, manifest: Manifest, part: Path) -> Iterator[str]:
    """What an encrypted file holds that is another than was encrypted, and a dump that pg_restore can't read."""
    if manifest.sealed:
        yield from _differing(manifest.files, lambda name: measured(contents, name, part))
    contents.fetch(DUMP, part)
    program = postgres.program("pg_restore", manifest.postgres)
    done = subprocess.run([program, "--file=/dev/null", part], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        yield f"{DUMP} ({(done.stderr.strip().splitlines() or ['pg_restore fails'])[0]})"


def _differing(expected: Mapping[str, Entry], measured_now: Callable[[str], Entry]) -> Iterator[str]:
    for name in bar(sorted(expected), "files"):
        try:
            if measured_now(name) != expected[name]:
                yield name
        except FileNotFoundError:
            yield f"{name} (missing)"


def age(time: datetime) -> str:
    """How long ago that was, in the largest unit that fits."""
    seconds = int((datetime.now(UTC) - time).total_seconds())
    for unit, length in (("day", 86_400), ("hour", 3600), ("minute", 60)):
        if seconds >= length:
            count = seconds // length
            return f"{count} {unit}{'s' if count > 1 else ''}"
    return "now"
