"""Tokens whose signature was verified a short while ago."""

import hashlib

from heartguard_common.core.clock import Clock, seconds
from heartguard_common.identity.authentication import Principal, Verifier

# As long as a set of published keys is trusted: a key that auth no longer publishes verifies nothing after that.
TRUSTED_SECONDS = 300
MOST = 4096


class RememberedTokens:
    """A verifier that verifies the signature of a token once in five minutes, and its times at each request.

    It says nothing about revocation, which is asked about at each request. Only the hash of a token is kept (D311).
    """

    def __init__(self, verifier: Verifier, clock: Clock, size: int = MOST) -> None:
        self._verifier = verifier
        self._clock = clock
        self._size = size
        self._known: dict[bytes, tuple[Principal, int]] = {}

    def verify(self, token: str) -> Principal:
        """The person whom a token identifies. Raises GEN_401_TOKEN for an invalid one, GEN_503 without its key."""
        digest, now = hashlib.sha256(token.encode()).digest(), seconds(self._clock)
        known = self._known.get(digest)
        if known is not None and known[1] <= now < min(known[0].expires_at, known[1] + TRUSTED_SECONDS):
            return known[0]
        self._known.pop(digest, None)
        principal = self._verifier.verify(token)
        if len(self._known) >= self._size:
            for oldest in list(self._known)[: self._size // 8]:  # a dict keeps the order of insertion
                self._known.pop(oldest, None)
        self._known[digest] = principal, now
        return principal
