"""Restore a backup into an empty system, and compare the result with the manifest."""

import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from heartguard_cli import migrate
from heartguard_cli.backup import points, postgres
from heartguard_cli.backup.after_restore import finish_restore
from heartguard_cli.backup.create import CHECKPOINTS, DUMP, MEDIA
from heartguard_cli.backup.locations import Directory, Location, location_at, media_location, temporary_directory
from heartguard_cli.backup.manifest import NAME, Entry, Manifest, Table, fingerprints, measure, read
from heartguard_cli.backup.sealing import Sealed, read_identities
from heartguard_cli.backup.settings import BackupSettings
from heartguard_cli.errors import CommandError
from heartguard_cli.progress import bar
from heartguard_common.jobs import deletion_list
from heartguard_common.jobs.deletion_list import Deletion, DeletionList


@dataclass(frozen=True)
class Restored:
    """What was restored, and how many deletions that were done after the backup are carried out again."""

    manifest: Manifest
    deletions: int


def restore(
    settings: BackupSettings, root: Path, source: str, passwords: Mapping[str, str], identity: Path | None = None
) -> Restored:
    """Restore everything. Raises `CommandError`; the system is as empty afterwards as it was before.

    `passwords` are those of the database's roles, and `identity` is the file of the private key of an encrypted backup.
    A backup of an older revision is migrated after it was verified. Before anybody can log in, all sessions are ended,
    and what the lists of deletions hold is blocked: that of the backup, and that in CHECKPOINT_DIR, which may be newer.
    """
    place = location_at(source, settings, root)
    with temporary_directory(root / "var" / "backups") as staged:
        manifest = read(place, staged / "part")
        _same_secrets(manifest, settings)
        location = _opened(place, manifest, identity)
        media, checkpoints = media_location(settings, root), Directory(root / settings.checkpoint_dir)
        points.refuse_other_store(manifest, settings)
        _refuse_unless_empty(settings, media, checkpoints)
        deletions = _deletions(location, manifest, settings, root, staged)
        dump = staged / DUMP
        _fetch(location, DUMP, manifest.files[DUMP], dump)
        stored: list[tuple[Location, str]] = []
        try:
            targets: tuple[tuple[str, Location], ...] = ((MEDIA, media), (CHECKPOINTS, checkpoints))
            with _points(location, manifest, settings, staged / "part") as keep_points:
                for prefix, target in targets:
                    _copy(location, manifest, prefix, target, staged / "part", stored)
                repeated = _load(settings, manifest, dump, passwords, deletions, keep_points)
        except BaseException:
            for at, name in stored:
                with contextlib.suppress(OSError):
                    at.remove(name)
            raise
        _listed(settings, root / settings.checkpoint_dir).append(deletions)
        return Restored(manifest, repeated)


def _listed(settings: BackupSettings, directory: Path) -> DeletionList:
    return DeletionList(directory, settings.checkpoint_key, settings.checkpoint_key_previous)


def _deletions(
    location: Location, manifest: Manifest, settings: BackupSettings, root: Path, staged: Path
) -> Sequence[Deletion]:
    """The deletions of the list in the backup and of the one in CHECKPOINT_DIR, each once."""
    name = CHECKPOINTS + deletion_list.NAME
    lists = [_listed(settings, root / settings.checkpoint_dir)]
    if name in manifest.files:
        _fetch(location, name, manifest.files[name], staged / deletion_list.NAME)
        lists.append(_listed(settings, staged))
    try:
        return list({it.event: it for known in lists for it in known.read()}.values())
    except deletion_list.UnsealedLineError as error:
        raise CommandError(f"The list of deletions was tampered with: {error}") from None


def _opened(place: Location, manifest: Manifest, identity: Path | None) -> Location:
    if not manifest.sealed:
        return place
    identities = read_identities(identity)
    if not identities:
        raise CommandError(
            f"The backup is encrypted for {', '.join(manifest.recipients)}: name the file of the private key "
            "with --identity"
        )
    return Sealed(place, identities=identities)


def _same_secrets(manifest: Manifest, settings: BackupSettings) -> None:
    ours = fingerprints(settings.secrets)
    if others := [name for name, digest in manifest.secrets.items() if ours.get(name) != digest]:
        raise CommandError(
            f"{', '.join(others)} in .env differ from those the backup was taken with: without them its keys can't be "
            "decrypted and its audit trail can't be verified. Bring the old .env back first"
        )


def _refuse_unless_empty(settings: BackupSettings, media: Location, checkpoints: Location) -> None:
    if running := postgres.connected_services(settings.database_url):
        raise CommandError(f"Services are connected to the database ({', '.join(running)}): stop them first")
    found = [f"{count} {name.replace('_', ' ')}" for name, count in postgres.contents(settings.database_url).items()]
    if any(name.startswith("org_") for name in media.names()):
        found.append(f"media objects in {media}")
    if any(name != deletion_list.NAME for name in checkpoints.names()):
        found.append(f"audit checkpoints in {checkpoints}")
    if found:
        raise CommandError(f"A backup is restored into an empty system only, and this one holds {', '.join(found)}")


def _fetch(location: Location, name: str, expected: Entry, target: Path) -> None:
    try:
        location.fetch(name, target)
    except FileNotFoundError:
        raise CommandError(f"The backup is damaged: {name} is missing") from None
    if measure(target) != expected:
        raise CommandError(f"The backup is damaged: {name} is not what {NAME} says of it")


def _copy(
    location: Location,
    manifest: Manifest,
    prefix: str,
    target: Location,
    part: Path,
    stored: list[tuple[Location, str]],
) -> None:
    # The list of deletions is not copied but joined with the one that is there.
    joined = CHECKPOINTS + deletion_list.NAME
    names = [name for name in manifest.files if name.startswith(prefix) and name != joined]
    for name in bar(names, prefix.rstrip("/")):
        _fetch(location, name, manifest.files[name], part)
        stored.append((target, name.removeprefix(prefix)))
        target.store(name.removeprefix(prefix), part)


@contextlib.contextmanager
def _points(
    location: Location, manifest: Manifest, settings: BackupSettings, part: Path
) -> Iterator[Callable[[], None]]:
    """The backup's points in the InfluxDB, compared with the manifest; removed if the block fails.

    The block calls the function that it is given when all else is done; a restore that is killed before that is
    removed by the next one. Raises `CommandError`.
    """
    if manifest.time_series != points.IN_FILES:
        yield lambda: None
        return
    with points.copier(settings) as copying:
        copying.do("prove")
        copying.do("begin")
        try:
            names = [(bucket, name) for bucket in manifest.points for name in points.files_of(manifest, bucket)]
            for bucket, name in bar(names, "points"):
                _fetch(location, name, manifest.files[name], part)
                copying.do("load", bucket=bucket, file=str(part), days=manifest.points[bucket].days)
            for bucket, found in bar(list(manifest.points.items()), "points, compared"):
                copying.do("compare", bucket=bucket, values=found.values, digest=found.digest)
            yield copying.finish
        except BaseException:
            copying.discard()
            raise


def _load(
    settings: BackupSettings,
    manifest: Manifest,
    dump: Path,
    passwords: Mapping[str, str],
    deletions: Sequence[Deletion],
    keep_points: Callable[[], None],
) -> int:
    url = settings.database_url
    # The roles that the dump's grants name, with their own settings, come from the migrations; without a password
    # none of them can log in before all is compared.
    migrate.upgrade(url, {})
    try:
        postgres.restore(url, dump, manifest.postgres)
        _compare(postgres.tables(url), manifest)
        migrate.upgrade(url, {})
        repeated = finish_restore(url, manifest.created_at, deletions)
        keep_points()
        migrate.upgrade(url, passwords)
    except BaseException:
        postgres.erase(url)
        raise
    return repeated


def _compare(found: Mapping[str, Table], manifest: Manifest) -> None:
    names = sorted({*found, *manifest.tables})
    if wrong := [name for name in names if found.get(name) != manifest.tables.get(name)]:
        raise CommandError(f"What was restored differs from {NAME} in {', '.join(wrong)}")
