"""Checks whether a token was revoked: by the copy in Redis, and by auth where the copy can't be trusted."""

from heartguard_common.core.errors import INVALID_TOKEN, UNAVAILABLE, ServiceError
from heartguard_common.identity.authentication import Principal
from heartguard_common.identity.revocation import CopyReader, Verdict, keys
from heartguard_common.messages import Introspection, IntrospectRequest
from heartguard_common.stores.redis_client import REDIS_ERRORS, RedisClient
from heartguard_common.stores.service_client import ServiceClient


class RedisRevocations:
    """Reads the copy in Redis first, and asks auth where the copy can't be trusted."""

    def __init__(self, redis: RedisClient, auth: ServiceClient) -> None:
        self._redis = redis
        self._auth = auth
        self._copy = CopyReader()

    def require_active(self, principal: Principal, token: str) -> None:
        """Return if the token is not revoked. Raises GEN_401_TOKEN when it is, GEN_503 when that is unknown."""
        verdict = self.verdict(principal)
        if verdict is Verdict.UNKNOWN:
            verdict = introspect(self._auth, token)
        if verdict is Verdict.REVOKED:
            raise ServiceError(INVALID_TOKEN)

    def verdict(self, principal: Principal) -> Verdict:
        """What the copy says; unknown where it can't be trusted."""
        try:
            return self._copy.verdict(principal, self._redis.mget(keys(principal)))
        except REDIS_ERRORS:
            return Verdict.UNKNOWN


def introspect(auth: ServiceClient, token: str) -> Verdict:
    """The verdict of auth on a token (RFC 7662). Raises GEN_503 when auth gives no answer."""
    asked: IntrospectRequest = {"token": token}
    try:
        answer = auth.post("/auth/token/introspect", asked, Introspection)
    except ServiceError as error:
        raise ServiceError(UNAVAILABLE, "Whether this token is revoked can't be checked now") from error
    return Verdict.ACTIVE if answer.get("active") is True else Verdict.REVOKED
