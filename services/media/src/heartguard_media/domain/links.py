"""The signature of a URL that needs no token."""

import hashlib
import hmac

LONGEST_URL_SECONDS = 7 * 86_400  # V4 signed URLs of Google Cloud Storage live no longer


def read_claim(item_id: str, expires: int, disposition: str) -> tuple[str, ...]:
    """What a download URL allows: reading this object with this disposition until `expires`, in epoch seconds."""
    return "GET", item_id, str(expires), disposition


def write_claim(item_id: str, expires: int, content_type: str, size: int) -> tuple[str, ...]:
    """What an upload URL allows: sending this many bytes of this type to this object until `expires`."""
    return "PUT", item_id, str(expires), content_type, str(size)


def sign(secret: str, claim: tuple[str, ...]) -> str:
    """The HMAC-SHA256 of a claim, in hexadecimal. No part of a claim holds a line break."""
    text = "\n".join(("heartguard media", *claim))
    return hmac.new(secret.encode(), text.encode(), hashlib.sha256).hexdigest()


def signed(secret: str, claim: tuple[str, ...], signature: str, expires: int, now: int) -> bool:
    """Whether the signature of a URL is valid, and its expiry is in the future by at most LONGEST_URL_SECONDS."""
    ours = hmac.compare_digest(sign(secret, claim), signature)
    return ours and now < expires <= now + LONGEST_URL_SECONDS
