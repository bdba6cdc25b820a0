"""API keys verified by auth, and remembered.

Auth looks a key up by introspection. What it says is remembered for `LIFE_SECONDS`, while the copy of the revocations
in Redis shows that nothing has changed: each change of a key, or of the rights of the person who is responsible for it,
revokes the key's version, and a key whose version is revoked is looked up again. Where the copy can't be trusted,
as without Redis, a look-up counts for `UNCONFIRMED_SECONDS`: no longer than a change of the organization's mode may
take to count.
"""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from heartguard_common.core.clock import Clock, seconds
from heartguard_common.core.errors import INVALID_TOKEN, UNAVAILABLE, ServiceError
from heartguard_common.identity.api_key import DEVICE, ApiKey, read_networks
from heartguard_common.identity.authentication import Principal
from heartguard_common.identity.modes import ACTIVE
from heartguard_common.identity.revocation import CallerState, Verdict
from heartguard_common.messages import Introspection, IntrospectRequest, Mode

LIFE_SECONDS = 3600
UNCONFIRMED_SECONDS = 1.0
SIZE = 20_000


class Introspector(Protocol):
    """A client of auth."""

    def post(self, path: str, document: IntrospectRequest, gives: type[Introspection]) -> Introspection:
        """The answer of a route. Raises ServiceError."""


@dataclass(frozen=True, slots=True)
class _Known:
    principal: Principal
    looked_up_at: float


class ApiKeyCache:
    """The callers that API keys stand for; `look_up` returns auth's introspection of a key."""

    def __init__(
        self,
        look_up: Callable[[str], Introspection],
        clock: Clock,
        monotonic: Callable[[], float] = time.monotonic,
        size: int = SIZE,
    ) -> None:
        self._look_up = look_up
        self._clock = clock
        self._monotonic = monotonic
        self._size = size
        self._lock = threading.Lock()
        self._known: dict[str, _Known] = {}

    def remembered(self, secret: str) -> Principal | None:
        """The caller of a key that was looked up before; None where it has to be looked up (again)."""
        known = self._known.get(secret)
        if known is None or self._monotonic() - known.looked_up_at > LIFE_SECONDS:
            return None
        return known.principal if seconds(self._clock) < known.principal.expires_at else None

    def find(self, secret: str) -> Principal:
        """The caller of a well-formed key, from memory or from auth. Raises GEN_401_TOKEN, GEN_503."""
        return self.remembered(secret) or self.look_up(secret)

    def look_up(self, secret: str) -> Principal:
        """The caller of a key as auth knows it now. Raises GEN_401_TOKEN for an invalid one, GEN_503 without auth."""
        at = self._monotonic()
        try:
            principal = _principal(self._look_up(secret))
        except ServiceError as error:
            raise ServiceError(UNAVAILABLE, "Whether this API key is valid can't be checked now") from error
        if principal is None:
            with self._lock:
                self._known.pop(secret, None)
            raise ServiceError(INVALID_TOKEN, "The API key is not valid")
        with self._lock:
            self._known.pop(secret, None)  # it moves to the end: the oldest look-up falls out first
            if len(self._known) >= self._size:
                del self._known[next(iter(self._known))]
            self._known[secret] = _Known(principal, at)
        return principal

    def confirm(self, secret: str, principal: Principal, state: CallerState) -> Principal:
        """The caller after the verdict on the version that was remembered, looked up again unless it is active.

        Raises GEN_401_TOKEN, GEN_503.
        """
        verdict = state.verdict
        if verdict is Verdict.ACTIVE:
            return principal.in_mode(state.mode)
        known = self._known.get(secret)
        fresh = known is not None and self._monotonic() - known.looked_up_at < UNCONFIRMED_SECONDS
        if verdict is Verdict.UNKNOWN and known is not None and known.principal is principal and fresh:
            return principal
        return self.look_up(secret)


def introspection_by(auth: Introspector) -> Callable[[str], Introspection]:
    """The look-up of keys by a client of auth."""

    def look_up(secret: str) -> Introspection:
        asked: IntrospectRequest = {"token": secret}
        return auth.post("/auth/token/introspect", asked, Introspection)

    return look_up


def _principal(answer: Introspection) -> Principal | None:
    """The caller of an active key; None for an inactive one. Raises GEN_503 for an answer of another form."""
    if answer["active"] is not True:
        return None
    try:
        found = answer["api_key"]
        key = ApiKey(
            id=answer["jti"],
            kind=found["kind"],
            version=found["version"],
            member_role=answer["role"],
            scopes=frozenset(found["scopes"]),
            buckets=frozenset(found["buckets"]),
            networks=read_networks(found["networks"]),
        )
        return Principal(
            kind="person",
            role="user" if key.kind == DEVICE else key.member_role,
            user_id=int(answer["sub"]),
            org_id=answer["org_id"],
            session_id=key.version,
            issued_at=answer["iat"],
            expires_at=answer["exp"],
            api_key=key,
            mode=answer.get("mode", ACTIVE),
        )
    except (KeyError, ValueError) as error:
        raise ServiceError(UNAVAILABLE) from error


class KeyedRevocations:
    """Confirms API keys for the services, and checks again while a body arrives."""

    def __init__(self, cache: ApiKeyCache, state: Callable[[Principal], CallerState]) -> None:
        """`state` is what the copy in Redis says about a caller."""
        self._cache = cache
        self._state = state

    def find(self, secret: str) -> Principal:
        """The caller of a well-formed key, confirmed. Raises GEN_401_TOKEN, GEN_503."""
        principal = self._cache.find(secret)
        return self._cache.confirm(secret, principal, self._state(principal))

    def require_active(self, principal: Principal, token: str) -> Mode:
        """The organization's mode, if the key still permits what it did. Raises GEN_401_TOKEN otherwise, GEN_503."""
        confirmed = self._cache.confirm(token, principal, self._state(principal))
        now, before = confirmed.api_key, principal.api_key
        if now is None or before is None or not now.covers(before):
            raise ServiceError(INVALID_TOKEN, "The API key is not valid")
        return confirmed.mode
