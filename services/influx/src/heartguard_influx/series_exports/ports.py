"""What exports of series need from outside."""

from collections.abc import Iterable, Iterator
from typing import Protocol

from heartguard_common.messages import SeriesExportFormat
from heartguard_influx.series_exports.domain import Cell


class ExportFiles(Protocol):
    """Where the files of exports are kept for a day."""

    def keep(
        self, org_id: int, owner: int, about: int | None, kind: SeriesExportFormat, blocks: Iterable[bytes]
    ) -> str:
        """Store a file of the owner, which replaces the earlier one; returns its id. Raises `ServiceCallError`.

        It is removed with the owner, and with the person `about` whom it is; with None, with any member.
        """

    def url(self, file: str, org_id: int, owner: int) -> str | None:
        """A signed URL of a file; None when it is no longer kept. Raises `ServiceCallError`."""


class TableWriter(Protocol):
    """Writes values as a file."""

    def can_write(self, kind: SeriesExportFormat) -> bool:
        """Whether files of this kind can be made here."""

    def blocks(self, kind: SeriesExportFormat, cells: Iterable[Cell]) -> Iterator[bytes]:
        """The bytes of a file, in blocks; no more than some thousands of values are in memory."""
