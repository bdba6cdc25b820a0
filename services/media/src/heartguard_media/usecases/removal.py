"""Removing files, and what crashed uploads and removals have left behind."""

import re
from collections.abc import Callable, Mapping
from functools import partial
from itertools import islice
from math import ceil

from heartguard_common.core.clock import NANOSECONDS, parse_rfc3339
from heartguard_common.core.errors import ServiceError
from heartguard_common.identity.authentication import Principal
from heartguard_common.jobs.items import ItemRunner
from heartguard_media.domain.items import MediaItem, Scope, object_folder
from heartguard_media.errors import NO_ITEM
from heartguard_media.usecases.dependencies import RETRY, SLOWEST_BYTES_PER_SECOND
from heartguard_media.usecases.upload_flow import UploadFlow

ORPHAN_SECONDS = 3600.0
EXPIRED_SECONDS = 60
_BATCH = 500
_KEY = re.compile(r"org_[0-9]+/user_[0-9]+/([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})")


class Removal(UploadFlow):
    """Deletion, erasure and the sweeper. Each step can be repeated after a crash."""

    def delete(self, principal: Principal, item_id: str) -> None:
        """Remove a file of the caller's organization, bytes and row. Raises MEDIA_001, GEN_503.

        Its row is marked first: from then on the file and its URLs don't exist for any caller. If removing the bytes
        fails, the next call or the sweeper tries again.
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

        Also returns in how many seconds it must be called once more, because a signed URL may still be used to put
        bytes straight into the store; None when all is done. The next call finds again what could not be removed.
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
                removed += self.remove_settled(item)
                wait = max(wait, self._open_seconds(item))
            after = items[-1].id
        self._objects.abandon(object_folder(scope))
        return removed, ceil(wait) or None

    def expire(self) -> int:
        """Give up direct uploads whose URL has expired and whose bytes are not stored; returns how many.

        One minute after the expiry, because clocks differ; one hour where bytes go straight to the store, which does
        not tell when an upload has begun.
        """
        late = EXPIRED_SECONDS if self._objects.receives_here else ORPHAN_SECONDS
        expired = self._items.expired(self._clock.now_ns() - int(late * NANOSECONDS))
        orphans = ItemRunner(self._dead_letters, "orphans", RETRY)
        return self._each(orphans, {item.key: (item, self._expire) for item in expired})

    def _expire(self, item: MediaItem) -> bool:
        return self._objects.size(item.key) is None and self._give_up(item)

    def sweep(self) -> int:
        """Remove the rows and objects that crashed uploads and removals have left; returns how many.

        One that fails does not stop the others: after some attempts it is a dead letter of `removals` or `orphans`.
        """
        removals, orphans = (ItemRunner(self._dead_letters, queue, RETRY) for queue in ("removals", "orphans"))
        # An upload lasts as long as the gateway waits for it at most. It is named by its key, like an orphaned object.
        longest = ORPHAN_SECONDS + max(self._rules.max_bytes, self._rules.import_bytes) / SLOWEST_BYTES_PER_SECOND
        swept = self._each(orphans, {item.key: (item, self._give_up) for item in self._items.abandoned(longest)})
        last = None
        while items := self._items.all_retired(last, _BATCH):
            swept += self._each(removals, {item.id: (item, self.remove_settled) for item in items})
            last = items[-1].id
        objects = self._objects.older_than(ORPHAN_SECONDS)
        while keys := list(islice(objects, _BATCH)):
            named = {match[1]: key for key in keys if (match := _KEY.fullmatch(key))}
            known = self._items.known(list(named))
            left = [key for item_id, key in named.items() if item_id not in known]
            swept += orphans.each({key: partial(self._objects.delete, key) for key in left})
        return swept

    def _each(self, runner: ItemRunner, things: Mapping[str, tuple[MediaItem, Callable[[MediaItem], object]]]) -> int:
        return runner.each(
            {name: partial(act, item) for name, (item, act) in things.items()},
            {name: item.org_id for name, (item, _) in things.items()},
        )

    def remove_settled(self, item: MediaItem) -> bool:
        """Remove bytes and row; keep the row as long as a signed URL could be used to store the bytes again."""
        if self._open_seconds(item) > 0:
            self._objects.delete(item.key)
            return False
        return self._remove(item)

    def _open_seconds(self, item: MediaItem) -> float:
        """The seconds for which a signed URL of the item may still be used to put bytes straight into the store."""
        if self._objects.receives_here:
            return 0.0
        until = parse_rfc3339(item.created_at) + self._rules.url_seconds * NANOSECONDS
        return max(0.0, (until - self._clock.now_ns()) / NANOSECONDS)

    def _remove(self, item: MediaItem) -> bool:
        self._objects.delete(item.key)
        self._items.drop(item.id)
        return True
