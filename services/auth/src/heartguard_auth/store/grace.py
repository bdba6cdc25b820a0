"""The answers of the last seconds' refreshes, in Redis, each encrypted under the token that was exchanged."""

import hashlib
import json
from dataclasses import asdict

from heartguard_auth.domain import GRACE_SECONDS, TokenPair
from heartguard_auth.store.sealing import cipher
from heartguard_common.core.errors import UNAVAILABLE, ServiceError
from heartguard_common.stores.redis_client import REDIS_ERRORS, RedisClient

# Longer than the grace, which is counted from the commit: an answer that ran out first would look like a theft.
KEPT_SECONDS = GRACE_SECONDS + 5


class RedisGraceAnswers:
    """Answers are encrypted with the old token, which is stored nowhere: reading Redis reveals nothing."""

    def __init__(self, redis: RedisClient) -> None:
        self._redis = redis

    def keep(self, token: str, pair: TokenPair) -> None:
        """Keep the pair that `token` was exchanged for. Raises GEN_503 when it can't be kept."""
        sealed = cipher("grace", token).encrypt(json.dumps(asdict(pair)).encode()).decode()
        try:
            self._redis.set(_key(token), sealed, ex=KEPT_SECONDS)
        except REDIS_ERRORS as error:
            raise ServiceError(UNAVAILABLE, headers={"Retry-After": "1"}) from error

    def find(self, token: str) -> TokenPair | None:
        """The pair that `token` was exchanged for. Raises GEN_503 when that can't be known."""
        try:
            sealed = self._redis.get(_key(token))
        except REDIS_ERRORS as error:
            raise ServiceError(UNAVAILABLE, headers={"Retry-After": "1"}) from error
        if sealed is None:
            return None
        return TokenPair(**json.loads(cipher("grace", token).decrypt(str(sealed).encode())))


def _key(token: str) -> str:
    return "hg:grace:" + hashlib.sha256(b"key " + token.encode()).hexdigest()
