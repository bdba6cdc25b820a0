"""Asks whether a token was revoked: the copy in Redis, and auth where the copy can't be trusted."""

from heartguard_common.core.errors import INVALID_TOKEN, UNAVAILABLE, ServiceError
from heartguard_common.identity.authentication import Principal
from heartguard_common.identity.revocation import Copy, Verdict, keys
from heartguard_common.messages import Introspection, IntrospectRequest
from heartguard_common.stores.redis_client import REDIS_ERRORS, RedisClient
from heartguard_common.stores.service_client import ServiceClient


class RedisRevocations:
    """Asks Redis first, and auth where Redis can't be trusted."""

    def __init__(self, redis: RedisClient, auth: ServiceClient) -> None:
        self._redis = redis
        self._auth = auth
        self._copy = Copy()

    def require_active(self, principal: Principal, token: str) -> None:
        """Return when the token is not revoked. Raises GEN_401_TOKEN when it is, GEN_503 when that is unknown."""
        try:
            verdict = self._copy.judge(principal, self._redis.mget(keys(principal)))
        except REDIS_ERRORS:
            verdict = Verdict.UNKNOWN
        if verdict is Verdict.UNKNOWN:
            verdict = introspect(self._auth, token)
        if verdict is Verdict.REVOKED:
            raise ServiceError(INVALID_TOKEN)


def introspect(auth: ServiceClient, token: str) -> Verdict:
    """Auth's word on a token (RFC 7662). Raises GEN_503 when auth can't be asked."""
    asked: IntrospectRequest = {"token": token}
    try:
        answer = auth.post("/auth/token/introspect", asked, Introspection)
    except ServiceError as error:
        raise ServiceError(UNAVAILABLE, "Whether this token is revoked can't be known now") from error
    return Verdict.ACTIVE if answer.get("active") is True else Verdict.REVOKED
