"""What the use cases of media need from outside."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Protocol

from heartguard_common.identity.authentication import Principal
from heartguard_media.domain.items import (
    Announcement,
    ArchiveContent,
    ArchiveKind,
    MediaItem,
    Scope,
    Ticket,
    Usage,
    Written,
)


class ObjectStore(Protocol):
    """The bytes, under keys that are paths of plain segments."""

    @property
    def receives_here(self) -> bool:
        """Whether the bytes of direct uploads come through this service; otherwise they go straight to the store."""

    def write(self, key: str, blocks: Iterable[bytes]) -> Written:
        """Store a new object whole or, when `blocks` raises, not at all.

        Raises FileExistsError for a used key, MEDIA_001 when `abandon` was called meanwhile.
        """

    def read(self, key: str, start: int, length: int) -> Iterator[bytes]:
        """The bytes of a range, in blocks. Raises FileNotFoundError before the first one."""

    def size(self, key: str) -> int | None:
        """How many bytes an object has; None where there is none."""

    def delete(self, key: str) -> None:
        """Remove an object; no error when there is none."""

    def abandon(self, folder: str) -> None:
        """End all writes below `folder` without an object, and remove the bytes written so far."""

    def older_than(self, seconds: float) -> Iterator[str]:
        """The keys of all objects that were stored longer ago than that."""

    def ping(self) -> None:
        """Return when the store is available; otherwise raises."""

    def direct_url(self, item: MediaItem, seconds: int) -> str | None:
        """A signed URL to the bytes in the store, or None where only this service serves them."""

    def direct_upload(self, item: MediaItem, seconds: int) -> Ticket | None:
        """A signed URL to put an object straight into the store, once; None where only this service can store it."""


class Items(Protocol):
    """The metadata, in the database."""

    def begin(self, principal: Principal | None, item: MediaItem, until_ns: int | None) -> None:
        """Record an upload that begins, and reserve `item.size` bytes of the organization's quota for it.

        The file is not visible yet. `until_ns` is the time until which the bytes of a direct upload must begin to come.
        This is committed on return, even if a transaction is open. Raises `LimitError` (MEDIA_009, GEN_409_LIMIT), and
        GEN_401_TOKEN when the caller's account no longer matches their token; without a caller MEDIA_001 when the
        person is deleted.
        """

    def finish(self, item_id: str, written: Written) -> MediaItem | None:
        """Make a file visible; None when its upload was given up in between."""

    def discard(self, item_id: str) -> bool:
        """Remove the row of an unfinished upload; False when it is finished, or is just being finished."""

    def find(self, item_id: str) -> MediaItem | None:
        """A finished item, or None."""

    def direct_upload(self, item_id: str) -> MediaItem | None:
        """An item that is, or was, a direct upload: unfinished or finished."""

    def extend(self, item_id: str, until_ns: int) -> None:
        """Change the expiry of a direct upload; no error when there is none. Committed on return."""

    def open(self, scope: Scope, before: str | None, limit: int) -> Sequence[Announcement]:
        """Up to `limit` unfinished direct uploads, newest first, older than the upload `before`."""

    def cancel(self, item_id: str, scope: Scope) -> MediaItem | None:
        """Remove the row of an unfinished direct upload of a scope; None when there is none."""

    def expired(self, before_ns: int) -> Sequence[MediaItem]:
        """Some of the unfinished direct uploads that expired before that time."""

    def list(self, scope: Scope, before: str | None, limit: int) -> Sequence[MediaItem]:
        """Up to `limit` finished items, newest first, older than the item `before`."""

    def usage(self, org_id: int) -> Usage:
        """What an organization stores."""

    def quota(self, org_id: int) -> int:
        """How many bytes an organization may store."""

    def retire(self, item_id: str, org_id: int) -> MediaItem | None:
        """Hide an organization's finished item; None when there is no such item."""

    def retire_import(self, item_id: str, scope: Scope) -> MediaItem | None:
        """Mark the file of an import of a member as removed, also once more; None when there is none."""

    def retire_all(self, scope: Scope) -> int:
        """The same for all items of a scope, unfinished ones too; returns how many."""

    def retired(
        self, scope: Scope, limit: int, item_id: str | None = None, after: str | None = None
    ) -> Sequence[MediaItem]:
        """Some of the hidden items whose bytes are still to be removed, by id, after `after`."""

    def all_retired(self, after: str | None, limit: int) -> Sequence[MediaItem]:
        """The same of all organizations: at most `limit` with an id above `after`."""

    def drop(self, item_id: str) -> None:
        """Remove the row of a hidden item, after its bytes."""

    def abandoned(self, seconds: float) -> Sequence[MediaItem]:
        """The unfinished uploads that must have ended longer ago than that."""

    def known(self, item_ids: Sequence[str]) -> set[str]:
        """Those of the ids that have a row."""


class Archives(Protocol):
    """The metadata of the archives of people's data."""

    def begin(self, archive: MediaItem, content: ArchiveContent, expires_ns: int) -> bool:
        """Create the row of an archive before its bytes; it is not visible yet. False where there is no such person."""

    def finish(self, item_id: str, written: Written) -> bool:
        """Make an archive visible; False when it was removed in between."""

    def find(self, item_id: str, now_ns: int) -> MediaItem | None:
        """A complete archive that has not expired, or None."""

    def of(self, scope: Scope, kind: ArchiveKind | None = None) -> Sequence[MediaItem]:
        """All archives of an organization or of a member, also incomplete and expired ones; of one kind, or of all."""

    def with_points_of(self, org_id: int, person: int) -> Sequence[MediaItem]:
        """The files of points of a person, or of the whole organization, whoever asked for them."""

    def expired(self, now_ns: int, after: str | None, limit: int) -> Sequence[MediaItem]:
        """The expired archives: at most `limit` with an id above `after`."""

    def drop(self, item_id: str) -> None:
        """Remove an archive's row; no error when there is none."""
