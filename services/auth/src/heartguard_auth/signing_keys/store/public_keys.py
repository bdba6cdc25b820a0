"""The public halves of the ring: as they are published, and as they verify."""

from collections.abc import Sequence

from heartguard_common.identity.authentication import VerificationKey, read_key_set
from heartguard_common.messages import JwkDocument


class PublicKeySet:
    """The keys that can be read among stored JWKs; the others are left out (RFC 7517 section 5)."""

    def __init__(self, stored: Sequence[JwkDocument]) -> None:
        found = [(jwk, key) for jwk in stored for key in read_key_set({"keys": [jwk]})]
        self.stored = stored
        self.published = [jwk for jwk, _ in found]
        self._verifying = {key.key_id or "": key for _, key in found}

    def candidates(self, key_id: str | None) -> Sequence[VerificationKey]:
        """The key of that id, if it is in the set."""
        return [self._verifying[key_id]] if key_id in self._verifying else []


def is_readable(jwk: JwkDocument) -> bool:
    """Whether a stored public half is a key."""
    return bool(read_key_set({"keys": [jwk]}))
