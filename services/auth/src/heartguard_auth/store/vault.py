"""Private keys at rest: PKCS #8, encrypted under `KEY_RING_SECRET`, so that a database dump alone signs nothing."""

from cryptography.fernet import InvalidToken
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from heartguard_auth.store.sealing import cipher


class SealedByAnotherSecret(Exception):  # noqa: N818  it says what the key is
    """A stored key can't be decrypted with the configured secret."""


class Vault:
    """Seals and opens the private halves of the key ring."""

    def __init__(self, secret: str) -> None:
        self._cipher = cipher("heartguard ring", secret)

    def seal(self, key: ec.EllipticCurvePrivateKey) -> str:
        """The key as text that only `open` with the same secret reads."""
        pem = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        return self._cipher.encrypt(pem).decode()

    def open(self, sealed: str) -> ec.EllipticCurvePrivateKey:
        """The key that was sealed. Raises `SealedByAnotherSecret`."""
        try:
            pem = self._cipher.decrypt(sealed.encode())
        except InvalidToken as error:
            raise SealedByAnotherSecret from error
        key = serialization.load_pem_private_key(pem, None)
        assert isinstance(key, ec.EllipticCurvePrivateKey)
        return key
