"""Encryption and keyed hashes of stored texts, with keys derived from secrets, one for each purpose."""

import base64
import hashlib
import hmac

from cryptography.fernet import Fernet


def cipher(purpose: str, secret: str) -> Fernet:
    """A cipher whose key is derived from a purpose and a secret of at least 128 bits."""
    return Fernet(base64.urlsafe_b64encode(hashlib.sha256(f"{purpose} {secret}".encode()).digest()))


def keyed_hash(purpose: str, secret: str, text: str) -> str:
    """A keyed hash (HMAC-SHA256, hex) that is stored instead of a text; without the secret no text can be tested."""
    return hmac.new(f"{purpose} {secret}".encode(), text.encode(), hashlib.sha256).hexdigest()
