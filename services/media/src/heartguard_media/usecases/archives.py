"""The export of a person: their files for the archive of all their data, and the archive itself."""

from collections.abc import Iterable, Iterator
from functools import partial

from heartguard_common.core.clock import NANOSECONDS, rfc3339
from heartguard_common.core.errors import ServiceError
from heartguard_common.core.ids import uuid7
from heartguard_common.http.exports import FileRecord, Record
from heartguard_common.jobs.items import ItemRunner
from heartguard_media.domain.items import ArchiveContent, MediaItem, Scope
from heartguard_media.errors import NO_ITEM
from heartguard_media.usecases.dependencies import RETRY, Rules, Stores

PAGE = 500


class Archives:
    """The requests of the user service when it exports a person."""

    def __init__(self, rules: Rules, stores: Stores) -> None:
        self._rules = rules
        self._s = stores

    def records(self, org_id: int, user_id: int) -> Iterator[Record]:
        """The metadata of each file of a person, newest first."""
        before = None
        while items := self._s.items.list(Scope(org_id, user_id), before, PAGE):
            for item in items:
                yield "file", _record(item)
            before = items[-1].id

    def content(self, org_id: int, user_id: int, item_id: str) -> tuple[MediaItem, Iterator[bytes]]:
        """A file of a person. Raises MEDIA_001 when it is not theirs, or was removed."""
        item = self._s.items.find(item_id)
        if item is None or (item.org_id, item.owner_id) != (org_id, user_id):
            raise ServiceError(NO_ITEM)
        try:
            return item, self._s.objects.read(item.key, 0, item.size)
        except FileNotFoundError as error:
            raise ServiceError(NO_ITEM) from error

    def keep(self, owner: Scope, content: ArchiveContent, blocks: Iterable[bytes]) -> MediaItem:
        """Store an archive for seven days, or a file of points for one; it replaces the owner's earlier ones.

        Raises MEDIA_001 where there is no such person, and what `blocks` raises.
        """
        org_id, user_id, now = owner.org_id, owner.owner_id or 0, self._s.clock.now_ns()
        earlier = self._s.archives.of(owner, content.kind)
        archive = MediaItem(
            *(uuid7(self._s.clock), org_id, user_id, content.file_name, content.content_type),
            *(0, "", "pending", rfc3339(now)),
        )
        with self._s.transaction():
            begun = self._s.authority.admits(org_id, user_id) and self._s.archives.begin(
                archive, content, now + content.days * 86_400 * NANOSECONDS
            )
        if not begun:
            raise ServiceError(NO_ITEM, "There is no such person")
        try:
            written = self._s.objects.write(archive.key, blocks)
            with self._s.transaction():
                kept = self._s.authority.admits(org_id, user_id) and self._s.archives.finish(archive.id, written)
        except BaseException:
            self._remove(archive)
            raise
        found = self._s.archives.find(archive.id, self._s.clock.now_ns()) if kept else None
        if found is None:
            self._remove(archive)
            raise ServiceError(NO_ITEM)
        for old in earlier:
            self._remove(old)
        return found

    def find(self, org_id: int, user_id: int, item_id: str) -> MediaItem:
        """An archive of a person. Raises MEDIA_001 when it is not theirs, has expired, or was removed."""
        archive = self._s.archives.find(item_id, self._s.clock.now_ns())
        if archive is None or (archive.org_id, archive.owner_id) != (org_id, user_id):
            raise ServiceError(NO_ITEM)
        return archive

    def erase(self, org_id: int, user_id: int | None) -> int:
        """Remove the archives of an organization or of a member; returns how many.

        Also the files of points that others asked for and that may have points of the member.
        """
        self._s.authority.wait_for_writers(org_id, user_id)
        found = [*self._s.archives.of(Scope(org_id, user_id))]
        if user_id is not None:
            found += self._s.archives.with_points_of(org_id, user_id)
        return self._remove_all({archive.id: archive for archive in found}.values())

    def sweep(self) -> int:
        """Remove the expired archives; returns how many.

        One that fails does not stop the others: after some attempts it is a dead letter of `archives`.
        """
        archives = ItemRunner(self._s.dead_letters, "archives", RETRY)
        swept, last = 0, None
        while expired := self._s.archives.expired(self._s.clock.now_ns(), last, PAGE):
            swept += archives.each(
                {archive.id: partial(self._remove, archive) for archive in expired},
                {archive.id: archive.org_id for archive in expired},
            )
            last = expired[-1].id
        return swept

    def _remove_all(self, archives: Iterable[MediaItem]) -> int:
        return sum(self._remove(archive) for archive in archives)

    def _remove(self, archive: MediaItem) -> int:
        # The row is removed last, so that after a failure the archive is found again by the next call or the sweeper.
        self._s.objects.delete(archive.key)
        self._s.archives.drop(archive.id)
        return 1


def _record(item: MediaItem) -> FileRecord:
    return {
        "id": item.id,
        "file_name": item.file_name,
        "content_type": item.content_type,
        "size": item.size,
        "sha256": item.sha256,
        "created_at": item.created_at,
    }
