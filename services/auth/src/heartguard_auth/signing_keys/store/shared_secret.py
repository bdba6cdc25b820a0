"""Access tokens that a shared secret signs (HS256)."""

from collections.abc import Sequence

import jwt

from heartguard_auth.signing_keys.domain import Claims
from heartguard_common.identity.authentication import SharedSecrets, VerificationKey, secret_id
from heartguard_common.messages import JwkDocument


class SharedSecretSigner:
    """Signs with `JWT_SECRET` (HS256); publishes nothing."""

    def __init__(self, secret: str, previous: str) -> None:
        self._secret = secret
        self._keys = SharedSecrets(secret, previous)

    def sign(self, claims: Claims) -> tuple[str, str]:
        """A signed token (RFC 7515 compact form), and the id of the secret that signed it."""
        key_id = secret_id(self._secret)
        return jwt.encode(dict(claims), self._secret, algorithm="HS256", headers={"kid": key_id}), key_id

    def public_keys(self) -> list[JwkDocument]:
        """None: a shared secret has no public half."""
        return []

    def candidates(self, key_id: str | None) -> Sequence[VerificationKey]:
        """The secrets that may verify a token naming `key_id`."""
        return self._keys.candidates(key_id)
