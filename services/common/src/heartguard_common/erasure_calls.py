"""Deletions in other services: each one that keeps something is asked to remove it."""

from collections.abc import Mapping

from heartguard_common.calls import Sister
from heartguard_common.erasures import Again, Keeper
from heartguard_common.messages import ErasureRequest, ErasureResult

# To remove years of telemetry takes a service longer than to answer a question.
ERASURE_SECONDS = 20.0


def sister_keepers(caller: str, secret: str, doors: Mapping[str, tuple[str, str]]) -> dict[str, Keeper]:
    """Keepers that are other services; `doors` has the base URL and the path of each one's door for erasures."""
    return {
        keeper: _behind(Sister(url, caller, secret, timeout_seconds=ERASURE_SECONDS), path)
        for keeper, (url, path) in doors.items()
    }


def _behind(sister: Sister, path: str) -> Keeper:
    def erase(org_id: int, user_id: int | None) -> object:
        whose: ErasureRequest = {"org_id": org_id}
        if user_id is not None:
            whose["user_id"] = user_id
        seconds = sister.post(path, whose, ErasureResult).get("again_in")
        return Again(seconds) if isinstance(seconds, int) else None

    return erase
