"""Where files of backups and media lie: a directory, or a prefix of a bucket of Google Cloud Storage."""

import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

from heartguard_cli.backup.manifest import Entry, measure
from heartguard_cli.backup.settings import BackupSettings
from heartguard_cli.errors import CommandError
from heartguard_common.core.files import sync_directory
from heartguard_common.core.settings import SettingsError
from heartguard_common.stores.google_storage import open_client

SCHEME = "gs://"
PARTIAL = ".partial-"
DAY_SECONDS = 86_400


class Location(Protocol):
    """Files under names with slashes."""

    def names(self) -> Iterator[str]:
        """Every name."""

    def fetch(self, name: str, target: Path) -> None:
        """Copy one to a local file. Raises FileNotFoundError."""

    def store(self, name: str, source: Path) -> None:
        """Move a local file here; it is durable afterwards, and never visible in part."""

    def remove(self, name: str) -> None:
        """Remove one; no error when there is none."""

    def within(self, name: str) -> "Location":
        """The location below a name."""


class Directory:
    """A directory; it is made when something is stored."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def __str__(self) -> str:
        return str(self.root)

    def names(self) -> Iterator[str]:
        """Every name."""
        for path in sorted(self.root.rglob("*")):
            if path.is_file():
                yield path.relative_to(self.root).as_posix()

    def fetch(self, name: str, target: Path) -> None:
        """Copy one to a local file. Raises FileNotFoundError."""
        shutil.copyfile(self.root / name, target)

    def store(self, name: str, source: Path) -> None:
        """Move a local file here; it is durable afterwards, and never visible in part."""
        target = self.root / name
        missing = [path for path in (target.parent, *target.parent.parents) if not path.exists()]
        for path in reversed(missing):
            path.mkdir(mode=0o700, exist_ok=True)
            sync_directory(path.parent)
        with source.open("rb") as stream:
            os.fsync(stream.fileno())
        if source.stat().st_dev != target.parent.stat().st_dev:
            aside = target.with_name(f".{target.name}.part")
            shutil.copyfile(source, aside)
            with aside.open("rb") as stream:
                os.fsync(stream.fileno())
            source.unlink()
            source = aside
        source.rename(target)
        sync_directory(target.parent)

    def remove(self, name: str) -> None:
        """Remove one; no error when there is none."""
        (self.root / name).unlink(missing_ok=True)

    def within(self, name: str) -> "Directory":
        """The location below a name."""
        return Directory(self.root / name)


class Bucket:
    """A prefix of a bucket, which is empty or ends with a slash; an object appears whole or not at all."""

    def __init__(self, bucket: Any, prefix: str) -> None:
        self._bucket, self._prefix = bucket, prefix

    def __str__(self) -> str:
        return f"{SCHEME}{self._bucket.name}/{self._prefix}".rstrip("/")

    def names(self) -> Iterator[str]:
        """Every name."""
        with _refusals():
            for blob in self._bucket.client.list_blobs(self._bucket, prefix=self._prefix):
                yield str(blob.name).removeprefix(self._prefix)

    def fetch(self, name: str, target: Path) -> None:
        """Copy one to a local file. Raises FileNotFoundError."""
        from google.api_core.exceptions import NotFound  # noqa: PLC0415 - loaded where there is a bucket only

        try:
            with _refusals():
                self._bucket.blob(self._prefix + name).download_to_filename(str(target), checksum="crc32c")
        except NotFound:
            raise FileNotFoundError(name) from None

    def store(self, name: str, source: Path) -> None:
        """Move a local file here; it is durable afterwards, and never visible in part."""
        with _refusals():
            self._bucket.blob(self._prefix + name).upload_from_filename(str(source), checksum="crc32c")
        source.unlink()

    def remove(self, name: str) -> None:
        """Remove one; no error when there is none."""
        from google.api_core.exceptions import NotFound  # noqa: PLC0415 - as above

        try:
            with _refusals():
                self._bucket.blob(self._prefix + name).delete()
        except NotFound:
            return

    def within(self, name: str) -> "Bucket":
        """The location below a name."""
        return Bucket(self._bucket, f"{self._prefix}{name}/")


@contextmanager
def _refusals() -> Iterator[None]:
    """What Google refuses, as a sentence. Raises `CommandError`; what is not there raises what it always did."""
    from google.api_core.exceptions import GoogleAPIError, NotFound  # noqa: PLC0415 - as above
    from google.auth.exceptions import GoogleAuthError  # noqa: PLC0415

    try:
        yield
    except NotFound as error:
        if "bucket" not in str(error).lower():
            raise
        raise CommandError(f"Google Cloud Storage has no such bucket: {error}") from None
    except (GoogleAPIError, GoogleAuthError) as error:
        raise CommandError(f"Google Cloud Storage refuses: {error}") from None


def location_at(text: str, settings: BackupSettings, root: Path) -> Directory | Bucket:
    """The location that `text` names: gs://bucket/prefix, or a directory relative to `root`. Raises `CommandError`."""
    if not text.startswith(SCHEME):
        return Directory(root / text)
    bucket, _, prefix = text.removeprefix(SCHEME).partition("/")
    if not bucket:
        raise CommandError(f"{text} names no bucket: it must look like gs://bucket/prefix")
    return Bucket(_client(settings).bucket(bucket), prefix.strip("/") + "/" if prefix.strip("/") else "")


def measured(location: Location, name: str, part: Path) -> Entry:
    """Size and hash of a file at a location; one that is not on this machine is copied to `part` for it.

    Raises FileNotFoundError.
    """
    if isinstance(location, Directory):
        return measure(location.root / name)
    location.fetch(name, part)
    return measure(part)


def media_location(settings: BackupSettings, root: Path) -> Directory | Bucket:
    """Where the media service keeps its objects."""
    if settings.has_bucket:
        return location_at(f"{SCHEME}{settings.gcs_bucket}", settings, root)
    return Directory(root / settings.media_dir)


@contextmanager
def temporary_directory(beside: Path) -> Iterator[Path]:
    """A private directory for temporary files, on the same disk as `beside`."""
    beside.mkdir(mode=0o700, parents=True, exist_ok=True)
    for left in beside.glob(PARTIAL + "*"):
        # of one that was killed: no backup takes a whole day
        if left.stat().st_mtime < time.time() - DAY_SECONDS:
            shutil.rmtree(left, ignore_errors=True)
    with tempfile.TemporaryDirectory(prefix=PARTIAL, dir=beside) as name:
        yield Path(name)


def _client(settings: BackupSettings) -> Any:
    if not settings.has_bucket:
        raise CommandError("A bucket needs GOOGLE_APPLICATION_CREDENTIALS in .env, the key file of a service account")
    try:
        return open_client(settings.google_credentials, settings.storage_emulator)[0]
    except ValueError as error:
        raise CommandError(f"{settings.google_credentials} is no key of a service account: {error}") from None
    except SettingsError as error:
        raise CommandError(str(error)) from None
