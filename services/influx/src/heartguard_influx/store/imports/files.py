"""The files of imports, which the media service keeps."""

import errno
import os
import shutil
from collections.abc import Callable, Generator, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from heartguard_common.core.errors import LIMIT_REACHED, NOT_FOUND, ServiceCallError, ServiceError
from heartguard_common.messages import ImportUpload, UploadTicket
from heartguard_common.stores.service_client import ServiceClient
from heartguard_influx.errors import NO_ROOM_FOR_FILE
from heartguard_influx.imports.domain import Import, Request
from heartguard_influx.imports.ports import NotUploadedError, Ticket

NOT_ARRIVED = "MEDIA_013"
RESERVED_BYTES = 512 * 1024**2
REFUSALS = {
    "MEDIA_001": ServiceError(NOT_FOUND, "There is no such person"),
    "MEDIA_009": ServiceError(NO_ROOM_FOR_FILE),
    LIMIT_REACHED.code: ServiceError(LIMIT_REACHED, "Too many files wait for their upload or their import"),
}


class MediaImportFiles:
    """Files in the store of media; a file that is read is copied into a directory of its own below `directory`."""

    def __init__(self, media: ServiceClient, directory: Path) -> None:
        self._media = media
        self._directory = directory

    def announce(self, request: Request, *, direct: bool) -> Ticket:
        """Reserve room for the bytes of a file. Raises GEN_404, GEN_409_LIMIT, TS_043, GEN_502.

        With `direct` the ticket may lead straight to a bucket, otherwise always to this HeartGuard.
        """
        document: ImportUpload = {
            "org_id": request.principal.org_id or 0,
            "user_id": request.user_id,
            "file_name": request.file_name,
            "size": request.size,
            "direct": direct,
        }
        try:
            ticket = self._media.post("/media/imports", document, UploadTicket)
        except ServiceCallError as error:
            raise REFUSALS.get(error.code or "", error) from error
        return Ticket(ticket["id"], ticket["url"], ticket["headers"], ticket["expires_at"])

    def arrived(self, found: Import) -> bool:
        """Whether the bytes are there. Raises `NotUploadedError`, GEN_502."""
        try:
            with closing(self._content(found)) as blocks:
                next(blocks, b"")
        except ServiceCallError as error:
            if error.code == NOT_ARRIVED:
                return False
            raise
        return True

    @contextmanager
    def fetched(self, found: Import) -> Iterator[Path]:
        """The file, in a directory that only the parser of this import uses. Raises `NotUploadedError`, GEN_502."""
        folder = self._directory / found.id
        shutil.rmtree(folder, ignore_errors=True)  # what a killed process has left
        folder.mkdir(mode=0o700, parents=True)
        try:
            _require_room(folder, found.request.size)
            file = folder / "file"
            self._copy(found, file)
            if file.stat().st_size != found.request.size:
                raise ServiceCallError
            yield file
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def _copy(self, found: Import, file: Path) -> None:
        try:
            with file.open("xb") as stream, closing(self._content(found)) as blocks:
                for block in blocks:
                    stream.write(block)
        except ServiceCallError as error:
            if error.code == NOT_ARRIVED:  # they were there, before the backup was restored that has the row
                raise NotUploadedError from error
            raise

    def remove(self, found: Import) -> None:
        """Remove the bytes; no error when there are none. Raises GEN_502."""
        self._media.delete(_path(found))

    def sweep(self, is_open: Callable[[str], bool]) -> int:
        """Remove the directories of imports that have ended, which killed processes have left; returns how many."""
        left = [it for it in self._directory.glob("*") if not is_open(it.name)]
        for folder in left:
            shutil.rmtree(folder, ignore_errors=True)
        return len(left)

    def _content(self, found: Import) -> Generator[bytes, None, None]:
        try:
            yield from self._media.stream(_path(found))
        except ServiceCallError as error:
            if error.status == 404:
                raise NotUploadedError from error
            raise


def _require_room(folder: Path, size: int) -> None:
    """Raises OSError where the disk would be left with less than what events of all services may need there."""
    if shutil.disk_usage(folder).free < size + RESERVED_BYTES:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def _path(found: Import) -> str:
    return f"/media/imports/{found.id}?org_id={found.org_id}&user_id={found.request.user_id}"
