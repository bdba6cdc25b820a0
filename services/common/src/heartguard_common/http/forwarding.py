"""The client's address, which the gateway signs, so that no other peer can claim to forward for a client."""

import hmac
from collections.abc import Mapping
from functools import lru_cache

SIGNATURE = "X-Gateway-Signature"


@lru_cache(maxsize=4096)
def sign(key: str, address: str) -> str:
    """The signature of a client's address (HMAC-SHA-256) under the digest of the gateway's secret."""
    return hmac.digest(key.encode(), address.encode(), "sha256").hex()


def forwarded(headers: Mapping[str, str], key: str) -> str | None:
    """The address of the client that the gateway forwarded and signed; None where the gateway did not send this.

    Without a `key` nothing is accepted.
    """
    address = headers.get("X-Forwarded-For", "")
    signature = headers.get(SIGNATURE, "")
    if not key or not address or not signature.isascii():
        return None
    return address if hmac.compare_digest(sign(key, address), signature) else None
