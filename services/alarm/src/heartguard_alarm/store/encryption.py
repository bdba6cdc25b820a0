"""Encryption of stored addresses and URLs."""

import base64
import hashlib

from cryptography.fernet import Fernet, InvalidToken

from heartguard_common.core.retry import AttemptError


class TargetCipher:
    """Encrypts where channels lead to, with a key derived from a secret of at least 128 bits."""

    def __init__(self, secret: str) -> None:
        self._fernet = Fernet(base64.urlsafe_b64encode(hashlib.sha256(f"channels {secret}".encode()).digest()))

    def encrypt(self, text: str) -> str:
        """The text, encrypted and authenticated."""
        return self._fernet.encrypt(text.encode()).decode()

    def decrypt(self, encrypted: str) -> str:
        """The text again. Raises `AttemptError` where it was encrypted under another secret."""
        try:
            return self._fernet.decrypt(encrypted.encode()).decode()
        except InvalidToken:
            raise AttemptError("the channel was encrypted under another ALARM_CHANNEL_SECRET", permanent=True) from None
