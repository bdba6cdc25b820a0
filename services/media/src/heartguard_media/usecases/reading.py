"""Reading files: who may see which, and the signed URLs to their bytes."""

from collections.abc import Iterator, Sequence

from heartguard_common.audit.events import disclosed
from heartguard_common.core.clock import rfc3339, seconds
from heartguard_common.core.errors import ServiceError
from heartguard_common.identity.authentication import Principal
from heartguard_media.domain.items import MediaItem, Scope, Usage
from heartguard_media.domain.links import read_claim, sign, signed
from heartguard_media.errors import BAD_SIGNATURE, NO_ITEM
from heartguard_media.usecases.dependencies import Rules, Stores

DISPOSITION = "attachment"


class Reading:
    """Lists, metadata, signed URLs and the bytes behind them."""

    def __init__(self, rules: Rules, stores: Stores) -> None:
        self._rules = rules
        self._items = stores.items
        self._archives = stores.archives
        self._objects = stores.objects
        self._audit = stores.audit
        self._clock = stores.clock

    def list(self, principal: Principal, wanted: Scope, before: str | None, limit: int) -> Sequence[MediaItem]:
        """Up to `limit` files the caller may see: their own, or for managers and admins their organization's."""
        if principal.role == "user":
            if wanted.owner_id not in (None, principal.user_id):
                return []
            wanted = Scope(wanted.org_id, principal.user_id, wanted.content_type)
        return self._items.list(wanted, before, limit)

    def usage(self, principal: Principal) -> tuple[Usage, int]:
        """What the caller's organization stores, and the bytes it may store."""
        org_id = principal.org_id or 0
        return self._items.usage(org_id), self._items.quota(org_id)

    def read(self, principal: Principal, item_id: str) -> MediaItem:
        """The metadata of a file; records the disclosure for its owner. Raises MEDIA_001, also for a file of others."""
        item = self._visible(principal, item_id)
        disclosed(self._audit, principal, "media.read", item.owner_id, {"media": item.id})
        return item

    def _visible(self, principal: Principal, item_id: str) -> MediaItem:
        item = self._items.find(item_id)
        if item is None or item.org_id != principal.org_id:
            raise ServiceError(NO_ITEM)
        if principal.role == "user" and item.owner_id != principal.user_id:
            raise ServiceError(NO_ITEM)
        return item

    def download_url(self, principal: Principal, item_id: str) -> tuple[str, str]:
        """A signed URL to a file's bytes, and when it expires; records the disclosure. Raises MEDIA_001."""
        item = self._visible(principal, item_id)
        disclosed(self._audit, principal, "media.download", item.owner_id, {"media": item.id})
        return self.link(item)

    def link(self, item: MediaItem) -> tuple[str, str]:
        """A signed URL to the bytes of a file that the caller may see, and when it expires."""
        expires = seconds(self._clock) + self._rules.url_seconds
        url = self._objects.direct_url(item, self._rules.url_seconds)
        if url is None:
            signature = sign(self._rules.url_secret, read_claim(item.id, expires, DISPOSITION))
            url = (
                f"{self._rules.public_url}/media/content/{item.id}"
                f"?expires={expires}&disposition={DISPOSITION}&signature={signature}"
            )
        return url, rfc3339(expires * 1_000_000_000)

    def content_of(self, item_id: str, expires: int, disposition: str, signature: str) -> MediaItem:
        """The file that a signed URL leads to. Raises MEDIA_005 for a bad URL, MEDIA_001 when the file was removed."""
        claim = read_claim(item_id, expires, disposition)
        if not signed(self._rules.url_secret, claim, signature, expires, seconds(self._clock)):
            raise ServiceError(BAD_SIGNATURE)
        item = self._items.find(item_id) or self._archives.find(item_id, self._clock.now_ns())
        if item is None:
            raise ServiceError(NO_ITEM)
        return item

    def content(self, item: MediaItem, start: int, length: int) -> Iterator[bytes]:
        """A range of a file's bytes, in blocks. Raises MEDIA_001 when they were removed."""
        try:
            return self._objects.read(item.key, start, length)
        except FileNotFoundError as error:
            raise ServiceError(NO_ITEM) from error
