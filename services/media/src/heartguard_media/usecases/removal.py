"""How files go, and how what a crash has left behind goes after them."""

import re
from itertools import islice
from math import ceil

from heartguard_common.clock import NANOSECONDS, parse_rfc3339
from heartguard_common.errors import ServiceError
from heartguard_common.identity import Principal
from heartguard_media.domain.items import MediaItem, Scope, object_folder
from heartguard_media.errors import NO_ITEM
from heartguard_media.usecases.parts import Receiving, each

ORPHAN_SECONDS = 3600.0
SLOWEST_BYTES_PER_SECOND = 4096  # the gateway gives up on slower bodies
_BATCH = 500
_KEY = re.compile(r"org_[0-9]+/user_[0-9]+/([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})")


class Removal(Receiving):
    """Deletion, erasure and the sweeper. Each step may be repeated after a crash."""

    def delete(self, principal: Principal, item_id: str) -> None:
        """Remove a file of the caller's organization, bytes and row. Raises MEDIA_001, GEN_503.

        Its row is marked first: the file and its URLs are gone for everybody then. Bytes that resist are the next
        call's, or the sweeper's.
        """
        org_id = principal.org_id or 0
        with self._transaction():
            self._authority.require_actor(principal)
            item = self._items.retire(item_id, org_id)
            if item is not None:
                self._audit.changed(principal, "media.delete", f"media:{item.id}")
        if item is None:
            item = next(iter(self._items.retired(Scope(org_id), 1, item_id)), None)
        if item is None:
            raise ServiceError(NO_ITEM)
        self._remove(item)

    def erase(self, principal: Principal, org_id: int, user_id: int | None) -> tuple[int, int | None]:
        """Remove all files of an organization or of a member; returns how many. Raises GEN_503.

        Also in how many seconds this has to be called once more, because somebody may still put bytes straight into the
        store by a signed URL; None when it is done. What could not be removed is found again by the next call.
        """
        scope = Scope(org_id, user_id)
        self._authority.wait_for_writers(org_id, user_id)
        with self._transaction():
            retired = self._items.retire_all(scope)
            if retired:
                self._audit.changed(
                    principal, "media.erased", f"organization:{org_id}", org_id=org_id, payload={"files": retired}
                )
        removed, wait, after = 0, 0.0, None
        while items := self._items.retired(scope, _BATCH, after=after):
            for item in items:
                removed += self._remove_settled(item)
                wait = max(wait, self._open_seconds(item))
            after = items[-1].id
        self._objects.abandon(object_folder(scope))
        return removed, ceil(wait) or None

    def sweep(self) -> int:
        """Remove what crashed uploads and removals have left on either side; returns how many things.

        One thing that resists does not keep the others; its fault is raised at the end.
        """
        faults: list[Exception] = []
        # An upload may last as long as the gateway has patience with it.
        longest = ORPHAN_SECONDS + self._rules.max_bytes / SLOWEST_BYTES_PER_SECOND
        swept = each(self._give_up, self._items.abandoned(longest), faults)
        swept += each(self._remove_settled, self._items.retired(None, _BATCH), faults)
        objects = self._objects.older_than(ORPHAN_SECONDS)
        while keys := list(islice(objects, _BATCH)):
            named = {match[1]: key for key in keys if (match := _KEY.fullmatch(key))}
            known = self._items.known(list(named))
            orphans = [key for item_id, key in named.items() if item_id not in known]
            swept += each(self._discard, orphans, faults)
        if faults:
            raise faults[0]
        return swept

    def _remove_settled(self, item: MediaItem) -> bool:
        """Remove bytes and row; not the row while a signed URL could bring the bytes back."""
        if self._open_seconds(item) > 0:
            self._objects.delete(item.key)
            return False
        return self._remove(item)

    def _open_seconds(self, item: MediaItem) -> float:
        """How long a URL that was given out with the item may still be used to put bytes straight into the store."""
        if not self._objects.takes_direct_uploads():
            return 0.0
        until = parse_rfc3339(item.created_at) + self._rules.url_seconds * NANOSECONDS
        return max(0.0, (until - self._clock.now_ns()) / NANOSECONDS)

    def _remove(self, item: MediaItem) -> bool:
        self._objects.delete(item.key)
        self._items.drop(item.id)
        return True

    def _discard(self, key: str) -> bool:
        self._objects.delete(key)
        return True
