"""Encryption of stored texts: keys derived from secrets, one for each purpose."""

import base64
import hashlib
import hmac

from cryptography.fernet import Fernet


def cipher(purpose: str, secret: str) -> Fernet:
    """A cipher whose key follows from a secret of at least 128 bits; another purpose makes another key."""
    return Fernet(base64.urlsafe_b64encode(hashlib.sha256(f"{purpose} {secret}".encode()).digest()))


def keyed_hash(purpose: str, secret: str, text: str) -> str:
    """A keyed hash in place of a text that must not be stored: without the secret nobody can try texts."""
    return hmac.new(f"{purpose} {secret}".encode(), text.encode(), hashlib.sha256).hexdigest()
