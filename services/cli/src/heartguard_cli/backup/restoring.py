"""Restore a backup into an empty system, and hold what came out against the manifest."""

import contextlib
from collections.abc import Mapping
from pathlib import Path

from heartguard_cli import migrate
from heartguard_cli.backup import postgres
from heartguard_cli.backup.manifest import NAME, Entry, Manifest, Table, fingerprints, measure
from heartguard_cli.backup.places import Directory, Place, media_place, place_at, scratch
from heartguard_cli.backup.progress import bar
from heartguard_cli.backup.settings import BackupSettings
from heartguard_cli.backup.taking import CHECKPOINTS, DUMP, MEDIA
from heartguard_cli.trouble import Trouble


def restore(settings: BackupSettings, root: Path, source: str, passwords: Mapping[str, str]) -> Manifest:
    """Bring everything back. Raises `Trouble`; the system is as empty afterwards as it was before.

    `passwords` are those of the database's roles. A backup of an older revision is migrated after it was verified.
    """
    place = place_at(source, settings, root)
    with scratch(root / "var" / "backups") as staged:
        manifest = _read(place, staged / "part")
        _same_secrets(manifest, settings)
        media, checkpoints = media_place(settings, root), Directory(root / settings.checkpoint_dir)
        _refuse_unless_empty(settings, media, checkpoints)
        dump = staged / DUMP
        _fetch(place, DUMP, manifest.files[DUMP], dump)
        stored: list[tuple[Place, str]] = []
        try:
            targets: tuple[tuple[str, Place], ...] = ((MEDIA, media), (CHECKPOINTS, checkpoints))
            for prefix, target in targets:
                _copy(place, manifest, prefix, target, staged / "part", stored)
            _load(settings, manifest, dump, passwords)
        except BaseException:
            for at, name in stored:
                with contextlib.suppress(OSError):
                    at.remove(name)
            raise
        return manifest


def _read(place: Place, part: Path) -> Manifest:
    try:
        place.fetch(NAME, part)
    except (FileNotFoundError, NotADirectoryError):
        raise Trouble(f"{place} holds no backup: there is no {NAME}") from None
    return Manifest.parse(part.read_text())


def _same_secrets(manifest: Manifest, settings: BackupSettings) -> None:
    ours = fingerprints(settings.secrets)
    if others := [name for name, digest in manifest.secrets.items() if ours.get(name) != digest]:
        raise Trouble(
            f"{', '.join(others)} in .env differ from those the backup was taken with: without them its keys can't be "
            "decrypted and its audit trail can't be verified. Bring the old .env back first"
        )


def _refuse_unless_empty(settings: BackupSettings, media: Place, checkpoints: Place) -> None:
    if running := postgres.connected_services(settings.database_url):
        raise Trouble(f"Services are connected to the database ({', '.join(running)}): stop them first")
    found = [f"{count} {name.replace('_', ' ')}" for name, count in postgres.holdings(settings.database_url).items()]
    if any(name.startswith("org_") for name in media.names()):
        found.append(f"media objects in {media}")
    if any(True for _ in checkpoints.names()):
        found.append(f"audit checkpoints in {checkpoints}")
    if found:
        raise Trouble(f"A backup is restored into an empty system only, and this one holds {', '.join(found)}")


def _fetch(place: Place, name: str, promised: Entry, target: Path) -> None:
    try:
        place.fetch(name, target)
    except FileNotFoundError:
        raise Trouble(f"The backup is damaged: {name} is missing") from None
    if measure(target) != promised:
        raise Trouble(f"The backup is damaged: {name} is not what {NAME} says of it")


def _copy(
    place: Place, manifest: Manifest, prefix: str, target: Place, part: Path, stored: list[tuple[Place, str]]
) -> None:
    names = [name for name in manifest.files if name.startswith(prefix)]
    for name in bar(names, prefix.rstrip("/")):
        _fetch(place, name, manifest.files[name], part)
        stored.append((target, name.removeprefix(prefix)))
        target.store(name.removeprefix(prefix), part)


def _load(settings: BackupSettings, manifest: Manifest, dump: Path, passwords: Mapping[str, str]) -> None:
    url = settings.database_url
    # The roles that the dump's grants name, with their own settings, come from the migrations; without a password
    # none of them can log in before all is compared.
    migrate.upgrade(url, {})
    try:
        postgres.restore(url, dump, manifest.postgres)
        _compare(postgres.tables(url), manifest)
        migrate.upgrade(url, passwords)
    except BaseException:
        postgres.erase(url)
        raise


def _compare(found: Mapping[str, Table], manifest: Manifest) -> None:
    names = sorted({*found, *manifest.tables})
    if wrong := [name for name in names if found.get(name) != manifest.tables.get(name)]:
        raise Trouble(f"What was restored differs from {NAME} in {', '.join(wrong)}")
