"""The answers of the last seconds' refreshes, in Redis, each encrypted under the token that was exchanged."""

import base64
import hashlib
import json
from dataclasses import asdict

from cryptography.fernet import Fernet

from heartguard_auth.domain import GRACE_SECONDS, TokenPair
from heartguard_common.errors import UNAVAILABLE, ServiceError
from heartguard_common.store_redis import REDIS_FAULTS, RedisClient


class RedisGraceAnswers:
    """Whoever reads Redis learns nothing: the key to an answer is the old token, which is stored nowhere."""

    def __init__(self, redis: RedisClient) -> None:
        self._redis = redis

    def keep(self, token: str, pair: TokenPair) -> None:
        """Keep the pair that `token` was exchanged for. Raises GEN_503 when it can't be kept."""
        sealed = _cipher(token).encrypt(json.dumps(asdict(pair)).encode()).decode()
        try:
            self._redis.set(_key(token), sealed, ex=GRACE_SECONDS)
        except REDIS_FAULTS as error:
            raise ServiceError(UNAVAILABLE, headers={"Retry-After": "1"}) from error

    def find(self, token: str) -> TokenPair | None:
        """The pair that `token` was exchanged for. Raises GEN_503 when nobody can tell."""
        try:
            sealed = self._redis.get(_key(token))
        except REDIS_FAULTS as error:
            raise ServiceError(UNAVAILABLE, headers={"Retry-After": "1"}) from error
        if sealed is None:
            return None
        return TokenPair(**json.loads(_cipher(token).decrypt(str(sealed).encode())))


def _key(token: str) -> str:
    return "hg:grace:" + hashlib.sha256(b"key " + token.encode()).hexdigest()


def _cipher(token: str) -> Fernet:
    return Fernet(base64.urlsafe_b64encode(hashlib.sha256(b"cipher " + token.encode()).digest()))
