"""What the use cases of media need from outside."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Protocol

from heartguard_common.identity.authentication import Principal
from heartguard_media.domain.items import Announcement, MediaItem, Scope, Ticket, Usage, Written


class ObjectStore(Protocol):
    """Where the bytes lie, under keys that are paths of plain segments."""

    @property
    def receives_here(self) -> bool:
        """Whether announced uploads come through this service; else they go straight to the store."""

    def write(self, key: str, blocks: Iterable[bytes]) -> Written:
        """Store a new object whole or, when `blocks` raises, not at all.

        Raises FileExistsError for a used key, MEDIA_001 when it was abandoned meanwhile.
        """

    def read(self, key: str, start: int, length: int) -> Iterator[bytes]:
        """The bytes of a range, in blocks. Raises FileNotFoundError before the first one."""

    def size(self, key: str) -> int | None:
        """How many bytes an object has; None where there is none."""

    def delete(self, key: str) -> None:
        """Remove an object; no error when there is none."""

    def abandon(self, folder: str) -> None:
        """Let nothing become an object any more that is just being written below `folder`, and remove its bytes."""

    def older_than(self, seconds: float) -> Iterator[str]:
        """The keys of all objects that were stored longer ago than that."""

    def ping(self) -> None:
        """Return when the store answers. Raises whatever it raises when it is unavailable."""

    def direct_url(self, item: MediaItem, seconds: int) -> str | None:
        """A signed URL that leads straight to the store, or None where only this service serves the bytes."""

    def direct_upload(self, item: MediaItem, seconds: int) -> Ticket | None:
        """A signed URL by which an object can be put straight into the store, once; None as above."""


class Items(Protocol):
    """The metadata, in the database."""

    def begin(self, principal: Principal, item: MediaItem, until_ns: int | None) -> None:
        """Remember an upload that begins and keep `item.size` bytes of the organization's room for it.

        It is not visible yet. `until_ns`: when the bytes must have begun to come, where they don't come with the call.
        Committed when it returns, whatever transaction is open. Raises `LimitError` (MEDIA_009, GEN_409_LIMIT), and
        GEN_401_TOKEN where the caller is not who their token says any more.
        """

    def finish(self, item_id: str, written: Written) -> MediaItem | None:
        """Make an upload seen; None when it was given up in between."""

    def forget(self, item_id: str) -> bool:
        """Give up an upload; False when it is finished, or is just being finished."""

    def find(self, item_id: str) -> MediaItem | None:
        """A finished item."""

    def announced(self, item_id: str) -> MediaItem | None:
        """An item whose bytes come, or came, by a URL of their own: unfinished or finished."""

    def extend(self, item_id: str, until_ns: int) -> None:
        """Change the expiry of an announced upload; no error when there is none. Committed on return."""

    def open(self, scope: Scope, before: str | None, limit: int) -> Sequence[Announcement]:
        """Up to `limit` announced uploads that are not finished, newest first, older than the upload `before`."""

    def cancel(self, item_id: str, scope: Scope) -> MediaItem | None:
        """Forget an announced upload of a scope that is not finished; None when there is none."""

    def expired(self, before_ns: int) -> Sequence[MediaItem]:
        """Some of the announced uploads that ended before that time and are not finished."""

    def list(self, scope: Scope, before: str | None, limit: int) -> Sequence[MediaItem]:
        """Up to `limit` finished items, newest first, older than the item `before`."""

    def usage(self, org_id: int) -> Usage:
        """What an organization stores."""

    def quota(self, org_id: int) -> int:
        """How many bytes an organization may store."""

    def retire(self, item_id: str, org_id: int) -> MediaItem | None:
        """Hide an organization's finished item; None when there is no such item."""

    def retire_all(self, scope: Scope) -> int:
        """The same for all items of a scope, unfinished ones too; returns how many."""

    def retired(
        self, scope: Scope, limit: int, item_id: str | None = None, after: str | None = None
    ) -> Sequence[MediaItem]:
        """Some of the hidden items whose bytes are still to be removed, by id, after `after`."""

    def all_retired(self, after: str | None, limit: int) -> Sequence[MediaItem]:
        """The same of all organizations: at most `limit` behind the id `after`."""

    def drop(self, item_id: str) -> None:
        """Remove the row of a hidden item, after its bytes."""

    def abandoned(self, seconds: float) -> Sequence[MediaItem]:
        """The uploads that could have ended longer ago than that and were never finished."""

    def known(self, item_ids: Sequence[str]) -> set[str]:
        """Those of the ids that have a row."""


class Archives(Protocol):
    """Archives of people's data: which there are, and until when."""

    def begin(self, archive: MediaItem, expires_ns: int) -> bool:
        """Make the row of an archive whose bytes will follow; not visible yet. False where there is no such person."""

    def finish(self, item_id: str, written: Written) -> bool:
        """Let it be found; False when it was removed in between."""

    def find(self, item_id: str, now_ns: int) -> MediaItem | None:
        """A whole archive that has not expired."""

    def of(self, scope: Scope) -> Sequence[MediaItem]:
        """The archives of an organization, or of a member, in whatever state."""

    def expired(self, now_ns: int, after: str | None, limit: int) -> Sequence[MediaItem]:
        """The archives whose time is over: at most `limit` behind the id `after`."""

    def drop(self, item_id: str) -> None:
        """Remove an archive's row; no error when there is none."""
