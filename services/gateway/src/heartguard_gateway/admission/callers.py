"""Authenticated callers, cached: a token's signature is verified once, its expiry at every request."""

from collections.abc import Callable

from heartguard_common.core.clock import Clock, seconds
from heartguard_common.core.errors import ServiceError
from heartguard_common.identity.authentication import Authenticator, Principal
from heartguard_gateway.errors import SERVICE_CREDENTIALS


class CachedCallers:
    """An `Authenticator` with a memory of verified tokens, never past their `exp`; see `ports.Callers`."""

    def __init__(
        self,
        authenticator: Authenticator,
        clock: Clock,
        size: int = 10_000,
        *,
        hit: Callable[[], object] = lambda: None,
        miss: Callable[[], object] = lambda: None,
    ) -> None:
        """`hit` is called for credentials that are remembered, `miss` for those that have to be verified."""
        self._authenticator = authenticator
        self._clock = clock
        self._size = size
        self._hit, self._miss = hit, miss
        self._known: dict[str, Principal] = {}

    def identify(self, authorization: str | None) -> Principal | None:
        """The caller. Raises GEN_401_TOKEN for bad credentials, GEN_503 when the keys to check them can't be had.

        Raises GW_020 for Basic credentials, right or wrong: they are the services', which call each other directly.
        """
        if authorization is None:
            return None
        known = self._known.get(authorization)
        if known is not None:
            if seconds(self._clock) < known.expires_at:
                self._hit()
                return known
            del self._known[authorization]
        if authorization.strip().partition(" ")[0].lower() == "basic":
            raise ServiceError(SERVICE_CREDENTIALS)
        self._miss()
        principal = self._authenticator.identify(authorization)
        if principal is not None and principal.kind == "person":
            if len(self._known) >= self._size:
                self._known.pop(next(iter(self._known)))  # the oldest: a dict keeps the order of insertion
            self._known[authorization] = principal
        return principal
