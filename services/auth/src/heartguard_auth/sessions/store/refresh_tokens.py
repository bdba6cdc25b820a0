"""Refresh tokens that name their session under a MAC, so that a replay is recognized after its row was removed."""

import base64
import binascii
import hashlib
import hmac
import secrets
import struct
from uuid import UUID

from heartguard_common.core.clock import NANOSECONDS

# Session, expiry in seconds, and random bytes; then the MAC.
_BODY = struct.Struct(">16sQ20s")
_MAC_BYTES = 16


class SignedRefreshTokens:
    """Makes refresh tokens under `secret`. Continuing a session needs the token's row; the MAC alone only ends it."""

    def __init__(self, secret: str) -> None:
        self._key = hashlib.sha256(f"refresh token {secret}".encode()).digest()

    def make(self, session_id: str, expires_at: int) -> str:
        """A new token of a session; `expires_at` in nanoseconds since the epoch."""
        body = _BODY.pack(UUID(session_id).bytes, expires_at // NANOSECONDS, secrets.token_bytes(20))
        return base64.urlsafe_b64encode(body + self._mac(body)).decode()

    def session_of(self, token: str, now: int) -> str | None:
        """The session of a token that was made here and has not expired by `now`; None for any other text."""
        try:
            raw = base64.b64decode(token.encode("ascii"), altchars=b"-_", validate=True)
        except (ValueError, binascii.Error):
            return None
        body, mac = raw[: _BODY.size], raw[_BODY.size :]
        if len(body) < _BODY.size or not hmac.compare_digest(mac, self._mac(body)):
            return None
        if base64.urlsafe_b64encode(raw).decode() != token:  # another encoding of the same bytes was never issued
            return None
        session, expires, _ = _BODY.unpack(body)
        return str(UUID(bytes=session)) if expires > now // NANOSECONDS else None

    def _mac(self, body: bytes) -> bytes:
        return hmac.digest(self._key, body, hashlib.sha256)[:_MAC_BYTES]
