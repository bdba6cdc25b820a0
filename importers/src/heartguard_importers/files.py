"""Opening what is to be read: only regular files and members of zip archives, as large as the limits allow.

The format of zip archives is APPNOTE.TXT 6.3 of PKWARE. Nothing is extracted under a name of the archive.
"""

import os
import stat
import struct
import tempfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import IO

from heartguard_importers.records import InvalidFileError, LimitError, Limits, Report, plain

CHUNK = 64 * 1024
ZIP = b"PK\x03\x04"
_END = b"PK\x05\x06"
_END_64 = b"PK\x06\x06"
_DIRECTORY_BYTES = 32 * 1024**2  # zipfile holds the whole directory in memory, about five times its size
_ENCRYPTED = 0x1


class Stream:
    """A file or a member that is read once, from its beginning; `name` says in messages what it is."""

    def __init__(self, raw: IO[bytes], name: str, size: int, report: Report, most: int) -> None:
        self.name = name
        self.size = size
        self._raw = raw
        self._report = report
        self._most = most
        self._ahead = b""
        self.consumed = 0

    def peek(self, size: int) -> bytes:
        """The first bytes, which `read` gives again."""
        while len(self._ahead) < size and (more := self._pull(size - len(self._ahead))):
            self._ahead += more
        return self._ahead[:size]

    def read(self, size: int = CHUNK) -> bytes:
        """Up to `size` bytes, none at the end. Raises InvalidFileError where more came than the limits allow."""
        if self._ahead:
            data, self._ahead = self._ahead[:size], self._ahead[size:]
        else:
            data = self._pull(size)
        self.consumed += len(data)
        if self.consumed > self._most:
            raise LimitError(self.name, f"has more than {self._most} bytes unpacked (zip bomb)")
        if self.size:
            self._report.advance(self.consumed / self.size)
        return data

    def _pull(self, size: int) -> bytes:
        try:
            return self._raw.read(size)
        except (zipfile.BadZipFile, zlib.error, EOFError, OSError) as error:
            place = f"{self.name}, after byte {self.consumed}"
            raise InvalidFileError(place, "the member of the archive is damaged") from error

    def exactly(self, size: int) -> bytes:
        """So many bytes, fewer at the end."""
        data = self.read(size) if size else b""
        while len(data) < size and (more := self.read(size - len(data))):
            data += more
        return data

    def chunks(self) -> Iterator[bytes]:
        """All that is left, in pieces."""
        while data := self.read():
            yield data


@contextmanager
def open_file(path: Path, name: str, limits: Limits, report: Report) -> Iterator[Stream]:
    """A regular file as a stream. Raises InvalidFileError, also where it does not exist."""
    try:
        # Without O_NONBLOCK opening a pipe would wait for its other end.
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    except OSError as error:
        raise InvalidFileError(name, f"can't be opened: {error.strerror}") from error
    status = os.fstat(descriptor)
    if not stat.S_ISREG(status.st_mode):
        os.close(descriptor)
        raise InvalidFileError(name, "is not a regular file")
    with open(descriptor, "rb") as raw:  # noqa: PTH123  a descriptor, not a path
        if status.st_size > limits.file_bytes:
            raise InvalidFileError(name, f"has {status.st_size} bytes, more than {limits.file_bytes}")
        if not status.st_size:
            raise InvalidFileError(name, "is empty")
        yield Stream(raw, name, status.st_size, report, limits.file_bytes)


class Archive:
    """A zip archive whose directory was checked: names, sizes, methods, overlaps."""

    def __init__(self, file: zipfile.ZipFile, name: str, limits: Limits, report: Report) -> None:
        self.name = name
        self._file = file
        self._limits = limits
        self._report = report
        self._left = limits.unpacked_bytes
        self.members = [member for member in file.infolist() if not member.filename.endswith("/")]
        self._check()

    def place(self, member: zipfile.ZipInfo) -> str:
        """How a member is called in messages."""
        return f"{plain(member.filename)} in {self.name}"

    @contextmanager
    def open(self, member: zipfile.ZipInfo) -> Iterator[Stream]:
        """A member as a stream."""
        place = self.place(member)
        try:
            raw = self._file.open(member)
        except (zipfile.BadZipFile, RuntimeError, ValueError, OSError, struct.error) as error:
            raise InvalidFileError(place, "the member of the archive is damaged") from error
        most = min(self._left, max(self._limits.ratio_from_bytes, self._limits.ratio * member.compress_size))
        with raw:
            stream = Stream(raw, place, member.file_size, self._report, most)
            try:
                yield stream
            finally:
                self._left -= stream.consumed

    @contextmanager
    def unpacked(self, member: zipfile.ZipInfo) -> Iterator[Path]:
        """A member as a file of our own name in a private directory, which is removed afterwards."""
        with tempfile.TemporaryDirectory(prefix="heartguard-import-") as folder, self.open(member) as stream:
            path = Path(folder, "member")
            with path.open("xb") as file:
                for chunk in stream.chunks():
                    file.write(chunk)
            yield path

    def _check(self) -> None:
        if len(self.members) > self._limits.members:
            raise InvalidFileError(self.name, f"has more than {self._limits.members} members")
        total = 0
        end = 0
        for member in sorted(self.members, key=lambda member: member.header_offset):
            place = self.place(member)
            name = PurePosixPath(member.filename.replace("\\", "/"))
            if name.is_absolute() or ".." in name.parts or "\0" in member.filename or member.filename[1:2] == ":":
                raise InvalidFileError(place, "the name leads out of the archive (zip slip)")
            if stat.S_ISLNK(member.external_attr >> 16):
                raise InvalidFileError(place, "is a symbolic link")
            if member.flag_bits & _ENCRYPTED:
                raise InvalidFileError(place, "is encrypted")
            if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
                raise InvalidFileError(place, "has a compression other than deflate")
            if member.header_offset < end:
                raise InvalidFileError(place, "overlaps another member (zip bomb)")
            end = member.header_offset + member.compress_size
            total += member.file_size
        if total > self._limits.unpacked_bytes:
            raise InvalidFileError(self.name, f"has more than {self._limits.unpacked_bytes} bytes unpacked (zip bomb)")


@contextmanager
def open_archive(path: Path, name: str, limits: Limits, report: Report) -> Iterator[Archive]:
    """A zip archive. Raises InvalidFileError where it is damaged or made to harm."""
    with open_file(path, name, limits, report):
        size = _directory_bytes(path)
    if size > _DIRECTORY_BYTES:
        raise InvalidFileError(name, f"the directory of the archive has {size} bytes, more than {_DIRECTORY_BYTES}")
    try:
        file = zipfile.ZipFile(path)
    except (zipfile.BadZipFile, RuntimeError, ValueError, OSError, struct.error, OverflowError) as error:
        raise InvalidFileError(name, "is not a readable zip archive") from error
    with file:
        yield Archive(file, name, limits, report)


def _directory_bytes(path: Path) -> int:
    """How large the archive says its directory is; zipfile reads that much."""
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - 65_557 - 76))
        tail = file.read()
    end = tail.rfind(_END)
    if end < 0 or len(tail) < end + 22:
        return 0
    (size,) = struct.unpack_from("<L", tail, end + 12)
    if end >= 76 and tail[end - 76 :].startswith(_END_64):  # the record for 64 bits, and its locator of 20 bytes
        size = max(size if size != 0xFFFFFFFF else 0, *struct.unpack_from("<Q", tail, end - 76 + 40))
    return int(size)
