"""Objects as files of a directory: written to a temporary file, synced, then linked into place."""

import contextlib
import hashlib
import os
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import BinaryIO
from uuid import uuid4

from heartguard_common.core.errors import ServiceError
from heartguard_common.core.files import sync_directory
from heartguard_media.domain.items import MediaItem, Ticket, Written
from heartguard_media.errors import NO_ITEM

BLOCK_BYTES = 256 * 1024
_TEMPORARY = ".part"


class _Blocks:
    """A range of an open file; closes the file at its end, or when the caller stops earlier.

    Not a generator: one that is never started would not close the file.
    """

    def __init__(self, stream: BinaryIO, start: int, length: int) -> None:
        self._stream = stream
        self._left = length
        stream.seek(start)

    def __iter__(self) -> "_Blocks":
        return self

    def __next__(self) -> bytes:
        block = self._stream.read(min(BLOCK_BYTES, self._left)) if self._left else b""
        if not block:
            self.close()
            raise StopIteration
        self._left -= len(block)
        return block

    def close(self) -> None:
        self._left = 0
        self._stream.close()


class LocalStore:
    """A directory that only this service uses; keys are relative paths made by `domain.items.object_key`."""

    receives_here = True

    def __init__(self, root: Path) -> None:
        self._root = root

    def write(self, key: str, blocks: Iterable[bytes]) -> Written:
        """Store a new object whole or, when `blocks` raises, not at all.

        Raises FileExistsError when the key is used, MEDIA_001 when it was abandoned, OSError when the disk refuses.
        """
        target = self._root / key
        target.parent.mkdir(parents=True, exist_ok=True)
        temporary = target.with_name(f"{target.name}.{uuid4().hex}{_TEMPORARY}")
        size, digest = 0, hashlib.sha256()
        try:
            with temporary.open("xb") as stream:
                for block in blocks:
                    stream.write(block)
                    digest.update(block)
                    size += len(block)
                stream.flush()
                os.fsync(stream.fileno())
            # Unlike a rename, a link never replaces an existing file.
            try:
                os.link(temporary, target)
            except FileNotFoundError as error:
                raise ServiceError(NO_ITEM) from error
        finally:
            temporary.unlink(missing_ok=True)
        # The name is stored in the directory, and is not durable before that is synced too.
        for directory in (target.parent, target.parent.parent, self._root):
            sync_directory(directory)
        return Written(size, digest.hexdigest())

    def read(self, key: str, start: int, length: int) -> Iterator[bytes]:
        """The bytes of a range, in blocks. Raises FileNotFoundError before the first one."""
        return _Blocks((self._root / key).open("rb"), start, length)

    def size(self, key: str) -> int | None:
        """How many bytes an object has; None where there is none."""
        try:
            return (self._root / key).stat().st_size
        except FileNotFoundError:
            return None

    def delete(self, key: str) -> None:
        """Remove an object; no error when there is none."""
        (self._root / key).unlink(missing_ok=True)

    def abandon(self, folder: str) -> None:
        """Let nothing become an object any more that is just being written below `folder`, and remove its bytes."""
        for temporary in (self._root / folder).rglob(f"*{_TEMPORARY}"):
            temporary.unlink(missing_ok=True)

    def older_than(self, seconds: float) -> Iterator[str]:
        """The keys of all objects that were stored longer ago than that; removes temporary files of that age."""
        limit = time.time() - seconds
        for folder, _, names in os.walk(self._root):
            for name in names:
                path = Path(folder, name)
                with contextlib.suppress(FileNotFoundError):
                    if path.stat().st_mtime >= limit:
                        continue
                    if name.endswith(_TEMPORARY):
                        path.unlink()
                    else:
                        yield path.relative_to(self._root).as_posix()

    def direct_url(self, _item: MediaItem, _seconds: int) -> str | None:
        """None: a directory answers no requests."""
        return None

    def direct_upload(self, _item: MediaItem, _seconds: int) -> Ticket | None:
        """None, as above."""
        return None

    def ping(self) -> None:
        """Raises OSError when the directory can't be written."""
        self._root.mkdir(parents=True, exist_ok=True)
        if not os.access(self._root, os.W_OK | os.X_OK):
            raise PermissionError(f"{self._root.name} is not writable")
