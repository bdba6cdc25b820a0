"""A ZIP archive (APPNOTE 6.3) that is written as a stream."""

import zipfile
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import IO, cast

from heartguard_common.core.clock import Clock, seconds

BLOCK_BYTES = 64 * 1024


class _Sink:
    """The file object that `zipfile` writes to: not seekable; `taken` returns and removes what was written."""

    def __init__(self) -> None:
        self._written = bytearray()

    def write(self, data: bytes, /) -> int:
        self._written += data
        return len(data)

    def flush(self) -> None:
        """Does nothing: writes are not buffered elsewhere."""

    def taken(self) -> bytes:
        taken = bytes(self._written)
        self._written.clear()
        return taken

    def __len__(self) -> int:
        return len(self._written)


class Zip:
    """Packs files, given by path; files under `media/` are stored as they are, others are compressed."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    def __call__(self, entries: Iterable[tuple[str, Iterable[bytes]]]) -> Iterator[bytes]:
        """The bytes of the archive, in blocks. Raises what the files raise; the archive is then incomplete."""
        sink = _Sink()
        archive = zipfile.ZipFile(cast("IO[bytes]", sink), "w")
        for path, blocks in entries:
            with archive.open(self._info(path), "w", force_zip64=True) as file:
                for block in blocks:
                    file.write(block)
                    if len(sink) >= BLOCK_BYTES:
                        yield sink.taken()
        archive.close()
        yield sink.taken()

    def _info(self, path: str) -> zipfile.ZipInfo:
        now = datetime.fromtimestamp(seconds(self._clock), UTC)
        info = zipfile.ZipInfo(path, now.timetuple()[:6])
        info.compress_type = zipfile.ZIP_STORED if path.startswith("media/") else zipfile.ZIP_DEFLATED
        info.external_attr = 0o600 << 16
        return info
