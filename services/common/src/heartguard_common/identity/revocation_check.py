"""Checks whether a token was revoked: by the copy in Redis, and by auth where the copy can't be trusted."""

from heartguard_common.core.errors import INVALID_TOKEN, UNAVAILABLE, ServiceError
from heartguard_common.identity.authentication import Principal
from heartguard_common.identity.modes import ACTIVE
from heartguard_common.identity.revocation import CallerState, CopyReader, Verdict, keys
from heartguard_common.messages import Introspection, IntrospectRequest, Mode
from heartguard_common.stores.redis_client import REDIS_ERRORS, RedisClient
from heartguard_common.stores.service_client import ServiceClient


class RedisRevocations:
    """Reads the copy in Redis first, and asks auth where the copy can't be trusted."""

    def __init__(self, redis: RedisClient, auth: ServiceClient) -> None:
        self._redis = redis
        self._auth = auth
        self._copy = CopyReader()

    def require_active(self, principal: Principal, token: str) -> Mode:
        """The mode of the person's organization. Raises GEN_401_TOKEN for a revoked token, GEN_503 where unknown."""
        state = self.state(principal)
        if state.verdict is Verdict.UNKNOWN:
            state = introspect(self._auth, token)
        if state.verdict is Verdict.REVOKED:
            raise ServiceError(INVALID_TOKEN)
        return state.mode

    def state(self, principal: Principal) -> CallerState:
        """What the copy says; the verdict is unknown where it can't be trusted."""
        try:
            return self._copy.state(principal, self._redis.mget(keys(principal)))
        except REDIS_ERRORS:
            return CallerState(Verdict.UNKNOWN)


def introspect(auth: ServiceClient, token: str) -> CallerState:
    """What auth says about a token (RFC 7662). Raises GEN_503 when auth gives no answer."""
    asked: IntrospectRequest = {"token": token}
    try:
        answer = auth.post("/auth/token/introspect", asked, Introspection)
    except ServiceError as error:
        raise ServiceError(UNAVAILABLE, "Whether this token is revoked can't be checked now") from error
    if answer.get("active") is not True:
        return CallerState(Verdict.REVOKED)
    return CallerState(Verdict.ACTIVE, answer.get("mode", ACTIVE))
