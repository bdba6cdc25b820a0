"""Private keys at rest: PKCS #8, encrypted with `KEY_RING_SECRET`, so that a database dump alone signs nothing."""

from cryptography.fernet import InvalidToken
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from heartguard_auth.shared.store.text_encryption import cipher


class UndecryptableKey(Exception):  # noqa: N818  a state of the key
    """A stored key can't be decrypted with the configured secret."""


class KeyEncryption:
    """Encrypts and decrypts the private keys of the ring."""

    def __init__(self, secret: str) -> None:
        self._cipher = cipher("heartguard ring", secret)

    def encrypt(self, key: ec.EllipticCurvePrivateKey) -> str:
        """The key as text that `decrypt` reads with the same secret only."""
        pem = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        return self._cipher.encrypt(pem).decode()

    def decrypt(self, text: str) -> ec.EllipticCurvePrivateKey:
        """The key that was encrypted. Raises `UndecryptableKey`."""
        try:
            pem = self._cipher.decrypt(text.encode())
        except InvalidToken as error:
            raise UndecryptableKey from error
        key = serialization.load_pem_private_key(pem, None)
        assert isinstance(key, ec.EllipticCurvePrivateKey)
        return key
