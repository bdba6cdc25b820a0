"""What the use cases of media need from outside."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Protocol

from heartguard_media.domain import MediaItem, Scope, Written


class ObjectStore(Protocol):
    """Where the bytes lie, under keys that are paths of plain segments."""

    def write(self, key: str, blocks: Iterable[bytes]) -> Written:
        """Store an object whole or, when `blocks` raises, not at all."""

    def read(self, key: str, start: int, length: int) -> Iterator[bytes]:
        """The bytes of a range, in blocks. Raises FileNotFoundError before the first one."""

    def delete(self, key: str) -> None:
        """Remove an object; no fault when it is gone."""

    def older_than(self, seconds: float) -> Iterator[str]:
        """The keys of all objects that were stored longer ago than that."""

    def direct_url(self, item: MediaItem, seconds: int) -> str | None:
        """A signed URL that leads straight to the store, or None where only this service serves the bytes."""


class Items(Protocol):
    """The metadata, in the database."""

    def begin(self, item: MediaItem) -> None:
        """Remember an upload that begins; nobody sees it yet."""

    def finish(self, item_id: str, written: Written) -> MediaItem | None:
        """Make an upload seen; None when it was given up in between."""

    def forget(self, item_id: str) -> bool:
        """Give up an upload; False when it is not unfinished any more."""

    def find(self, item_id: str) -> MediaItem | None:
        """A finished item."""

    def list(self, scope: Scope, before: str | None, limit: int) -> Sequence[MediaItem]:
        """Up to `limit` finished items, newest first, older than the item `before`."""

    def remove(self, item_id: str, org_id: int) -> MediaItem | None:
        """Remove the row of an organization's item; returns what it was."""

    def remove_all(self, scope: Scope) -> Sequence[MediaItem]:
        """Remove the rows of a scope, unfinished ones too; returns what they were."""

    def abandoned(self, seconds: float) -> Sequence[MediaItem]:
        """The uploads that began longer ago than that and were never finished."""

    def known(self, item_ids: Sequence[str]) -> set[str]:
        """Those of the ids that have a row."""
