"""Deletions in other services: each one that keeps something is asked to remove it."""

from collections.abc import Mapping

from heartguard_common.jobs.erasures import Eraser, RetryAfter
from heartguard_common.messages import ErasureRequest, ErasureResult
from heartguard_common.stores.service_client import ServiceClient

# A service takes longer to remove years of telemetry than to answer a query.
ERASURE_SECONDS = 20.0


def service_erasers(caller: str, secret: str, endpoints: Mapping[str, tuple[str, str]]) -> dict[str, Eraser]:
    """Erasers that call other services; `endpoints` has the base URL and the erasure path of each."""
    return {
        eraser: _behind(ServiceClient(url, caller, secret, timeout_seconds=ERASURE_SECONDS), path)
        for eraser, (url, path) in endpoints.items()
    }


def _behind(client: ServiceClient, path: str) -> Eraser:
    def erase(org_id: int, user_id: int | None) -> object:
        whose: ErasureRequest = {"org_id": org_id}
        if user_id is not None:
            whose["user_id"] = user_id
        seconds = client.post(path, whose, ErasureResult).get("again_in")
        return RetryAfter(seconds) if isinstance(seconds, int) else None

    return erase
