"""The answers of the last seconds' refreshes, in Redis, each encrypted with the token that was exchanged."""

import hashlib
import json
from dataclasses import asdict

from heartguard_auth.sessions.domain import REPLAY_SECONDS, TokenPair
from heartguard_auth.shared.store.text_encryption import cipher
from heartguard_common.core.errors import UNAVAILABLE, ServiceError
from heartguard_common.stores.redis_client import REDIS_ERRORS, RedisClient

# Longer than a replay is allowed, which is counted from the commit: without its answer it would look like a theft.
STORED_SECONDS = REPLAY_SECONDS + 5
# An earlier name of the replay, in keys and encryption of answers that may be stored now.
_NAME = "grace"


class RefreshReplayCache:
    """Answers are encrypted with the old token, which is not stored, so that nobody can read them in Redis."""

    def __init__(self, redis: RedisClient) -> None:
        self._redis = redis

    def store(self, token: str, pair: TokenPair) -> None:
        """Store the pair that `token` was exchanged for. Raises GEN_503 when it can't be stored."""
        encrypted = cipher(_NAME, token).encrypt(json.dumps(asdict(pair)).encode()).decode()
        try:
            self._redis.set(_key(token), encrypted, ex=STORED_SECONDS)
        except REDIS_ERRORS as error:
            raise ServiceError(UNAVAILABLE, headers={"Retry-After": "1"}) from error

    def find(self, token: str) -> TokenPair | None:
        """The pair that `token` was exchanged for. Raises GEN_503 when that can't be read."""
        try:
            encrypted = self._redis.get(_key(token))
        except REDIS_ERRORS as error:
            raise ServiceError(UNAVAILABLE, headers={"Retry-After": "1"}) from error
        if encrypted is None:
            return None
        return TokenPair(**json.loads(cipher(_NAME, token).decrypt(str(encrypted).encode())))


def _key(token: str) -> str:
    return f"hg:{_NAME}:" + hashlib.sha256(b"key " + token.encode()).hexdigest()
