"""Has a token been revoked? Redis holds the fast copy, PostgreSQL (behind auth's introspection) the truth.

The copy may be believed only while `hg:rev:ready` exists: auth writes it after it has copied everything, and a
Redis that lost its memory has lost this key too.
"""

from collections.abc import Sequence
from enum import Enum
from typing import Protocol

from heartguard_common.calls import Sister
from heartguard_common.errors import INVALID_TOKEN, UNAVAILABLE, ServiceError
from heartguard_common.identity import Principal
from heartguard_common.store_redis import REDIS_FAULTS, RedisClient

READY = "hg:rev:ready"


class Verdict(Enum):
    """What the copy in Redis says of a token."""

    ACTIVE = "active"
    REVOKED = "revoked"
    UNKNOWN = "unknown"


def key(kind: str, value: str) -> str:
    """The Redis key that marks a token (`jti`), a session (`sid`) or a signing key (`kid`) as revoked."""
    return f"hg:rev:{kind}:{value}"


def keys(principal: Principal) -> list[str]:
    """The keys to MGET for a person's token; `judge` reads the values in this order."""
    marks = (("jti", principal.token_id), ("sid", principal.session_id), ("kid", principal.key_id))
    return [READY, *(key(kind, value) for kind, value in marks if value)]


def judge(values: Sequence[object]) -> Verdict:
    """The verdict of an MGET of `keys`: unknown without the ready mark, revoked with any other mark."""
    if values[0] is None:
        return Verdict.UNKNOWN
    return Verdict.REVOKED if any(value is not None for value in values[1:]) else Verdict.ACTIVE


class Revocations(Protocol):
    """Something that knows whether a verified token still counts."""

    def require_active(self, principal: Principal, token: str) -> None:
        """Return when the token counts. Raises GEN_402 when revoked, GEN_503 when nobody can tell."""


class RedisRevocations:
    """Asks Redis first, and auth where Redis can't be believed."""

    def __init__(self, redis: RedisClient, auth: Sister) -> None:
        self._redis = redis
        self._auth = auth

    def require_active(self, principal: Principal, token: str) -> None:
        """Return when the token counts. Raises GEN_402 when revoked, GEN_503 when nobody can tell."""
        try:
            verdict = judge(self._redis.mget(keys(principal)))
        except REDIS_FAULTS:
            verdict = Verdict.UNKNOWN
        if verdict is Verdict.UNKNOWN:
            verdict = introspect(self._auth, token)
        if verdict is Verdict.REVOKED:
            raise ServiceError(INVALID_TOKEN)


def introspect(auth: Sister, token: str) -> Verdict:
    """Auth's word on a token (RFC 7662). Raises GEN_503 when auth can't be asked."""
    try:
        answer = auth.post("/auth/token/introspect", {"token": token})
    except ServiceError as error:
        raise ServiceError(UNAVAILABLE, "Whether this token is revoked can't be known now") from error
    return Verdict.ACTIVE if answer.get("active") is True else Verdict.REVOKED
