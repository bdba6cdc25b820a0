"""API keys at the gateway: verified, remembered, and their uses told to auth."""

import gevent

from heartguard_common.core.clock import Clock
from heartguard_common.core.lifecycle import Lifecycle
from heartguard_common.identity.api_key_cache import ApiKeyCache, introspection_by
from heartguard_common.identity.api_key_uses import ApiKeyUseLog, sent_to
from heartguard_common.identity.authentication import Principal
from heartguard_common.stores.service_client import ServiceClient


class CachedApiKeys(ApiKeyCache):
    """See `ports.ApiKeys`."""

    def __init__(self, auth: ServiceClient, clock: Clock, lifecycle: Lifecycle) -> None:
        super().__init__(introspection_by(auth), clock)
        self._uses = ApiKeyUseLog(sent_to(auth), clock)
        lifecycle.on_close(self._uses.close)
        lifecycle.on_close(gevent.spawn(self._send_uses).kill)

    def record_use(self, principal: Principal, address: str) -> None:
        """Note that the key of a caller was used now."""
        self._uses.record(principal, address)

    def _send_uses(self) -> None:
        while True:
            gevent.sleep(self._uses.flush())
