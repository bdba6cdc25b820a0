"""Tickets: for 30 s one of them stands for the credentials that it was asked for with, once.

Redis holds the credentials encrypted with the ticket, of which it has only the hash: who reads Redis has neither.
"""

import base64
import hashlib
import secrets

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESSIV

from heartguard_common.core.errors import INVALID_TOKEN, UNAVAILABLE, ServiceError
from heartguard_gateway.redis_client.commands import RedisUnavailable
from heartguard_gateway.redis_client.connection import RedisConnection

TICKET_SECONDS = 30
_BYTES = 32


class Tickets:
    """Tickets in Redis."""

    def __init__(self, redis: RedisConnection) -> None:
        self._redis = redis

    def issue(self, authorization: str) -> str:
        """A ticket for the value of an Authorization header. Raises GEN_503 without Redis."""
        ticket = base64.urlsafe_b64encode(secrets.token_bytes(_BYTES)).decode().rstrip("=")
        sealed = _cipher(ticket).encrypt(authorization.encode(), None)
        try:
            self._redis.call([("SET", _key(ticket), sealed, "EX", TICKET_SECONDS)])
        except RedisUnavailable as error:
            raise ServiceError(UNAVAILABLE, headers={"Retry-After": "1"}) from error
        return ticket

    def redeem(self, ticket: str) -> str:
        """The value of the header, once. Raises GEN_401_TOKEN, GEN_503 without Redis."""
        try:
            (sealed,) = self._redis.call([("GETDEL", _key(ticket))])
        except RedisUnavailable as error:
            raise ServiceError(UNAVAILABLE, headers={"Retry-After": "1"}) from error
        if sealed is None:
            raise ServiceError(INVALID_TOKEN, "The ticket is not valid, or was used before")
        try:
            return _cipher(ticket).decrypt(sealed, None).decode()
        except InvalidTag as error:
            raise ServiceError(INVALID_TOKEN) from error


def _key(ticket: str) -> str:
    return f"hg:ticket:{hashlib.sha256(ticket.encode()).hexdigest()}"


def _cipher(ticket: str) -> AESSIV:
    return AESSIV(hashlib.sha512(b"heartguard stream ticket " + ticket.encode()).digest())
