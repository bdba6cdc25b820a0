"""What signs access tokens, and what an operator can do with the keys."""

from collections.abc import Sequence
from typing import Protocol

from heartguard_auth.signing_keys.domain import Claims, RingKey
from heartguard_common.messages import JwkDocument


class Signer(Protocol):
    """Signs access tokens."""

    def sign(self, claims: Claims) -> tuple[str, str]:
        """A signed token (RFC 7515 compact form), and the id of the key that signed it."""

    def public_keys(self) -> list[JwkDocument]:
        """The public keys as JWKs (RFC 7517); empty when a shared secret signs."""


class KeyRotation(Protocol):
    """Lists, rotates and retires the keys of the ring."""

    def all_keys(self) -> Sequence[RingKey]:
        """Every key that exists or existed, the newest first."""

    def rotate(self) -> str:
        """Let the next key sign from now on; returns its id. Tokens of the key before count until they expire.

        Raises `KeyNotPublishedYet` within five seconds of the rotation or retirement that made the next key.
        """

    def retire(self, kid: str) -> bool:
        """Take a key out of the ring for ever; if it signs, the next one does so at once. False for an unknown id.

        The caller revokes the key's id too, in the same transaction: services keep public keys in memory.
        """
