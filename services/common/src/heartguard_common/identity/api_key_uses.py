"""When and from where API keys were last used, collected in each process and sent to auth."""

import contextlib
from collections.abc import Callable, Sequence

from heartguard_common.core.clock import NANOSECONDS, Clock, rfc3339
from heartguard_common.core.errors import ServiceError
from heartguard_common.identity.authentication import Principal
from heartguard_common.messages import ApiKeyUseDocument, ApiKeyUses, ApiKeyUsesResult
from heartguard_common.stores.service_client import ServiceClient

SEND_SECONDS = 20.0
MOST = 10_000
BATCH = 1000
_MINUTE_NS = 60 * NANOSECONDS


class ApiKeyUseLog:
    """The last use of each key since it was last sent; `send` hands a batch to auth."""

    def __init__(self, send: Callable[[Sequence[ApiKeyUseDocument]], None], clock: Clock) -> None:
        self._send = send
        self._clock = clock
        self._uses: dict[str, tuple[int, int, str]] = {}

    def record(self, principal: Principal | None, address: str) -> None:
        """Note that the key of a caller was used now; nothing for a caller without one."""
        if principal is None or principal.api_key is None or principal.org_id is None:
            return
        if len(self._uses) < MOST or principal.api_key.id in self._uses:
            self._uses[principal.api_key.id] = (principal.org_id, self._clock.now_ns() // _MINUTE_NS, address)

    def flush(self) -> float:
        """Send what was collected; returns the seconds until the next call. What can't be sent now is kept."""
        uses, self._uses = self._uses, {}
        waiting = list(uses.items())
        while waiting:
            batch = waiting[:BATCH]
            try:
                self._send([_document(key_id, *use) for key_id, use in batch])
            except ServiceError:
                self._uses = {**dict(waiting), **self._uses}
                break
            waiting = waiting[BATCH:]
        return SEND_SECONDS

    def close(self) -> None:
        """Send what was collected, where that is possible."""
        with contextlib.suppress(ServiceError):
            self.flush()


def sent_to(auth: ServiceClient) -> Callable[[Sequence[ApiKeyUseDocument]], None]:
    """What sends a batch to auth; it raises ServiceError."""

    def send(uses: Sequence[ApiKeyUseDocument]) -> None:
        document: ApiKeyUses = {"uses": list(uses)}
        auth.post("/auth/api-keys/uses", document, ApiKeyUsesResult)

    return send


def _document(key_id: str, org_id: int, minute: int, address: str) -> ApiKeyUseDocument:
    document: ApiKeyUseDocument = {"org_id": org_id, "id": key_id, "minute": rfc3339(minute * _MINUTE_NS)}
    if address:
        document["address"] = address
    return document
