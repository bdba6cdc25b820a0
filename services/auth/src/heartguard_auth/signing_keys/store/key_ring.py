"""Access tokens that a ring of ES256 keys signs."""

import logging
import threading
from collections.abc import Sequence

import jwt
from cryptography.hazmat.primitives.asymmetric import ec

from heartguard_auth.signing_keys.domain import Claims
from heartguard_auth.signing_keys.store.key_encryption import KeyEncryption, UndecryptableKey
from heartguard_auth.signing_keys.store.public_keys import PublicKeySet, is_readable
from heartguard_auth.signing_keys.store.rotation import PostgresKeyRotation
from heartguard_auth.signing_keys.store.stored_keys import StoredKey
from heartguard_common.core.clock import NANOSECONDS, Clock
from heartguard_common.core.errors import UNAVAILABLE, ServiceError
from heartguard_common.identity.authentication import VerificationKey
from heartguard_common.messages import JwkDocument

REREAD_NS = NANOSECONDS // 2
LOCK_SECONDS = 1.0
_log = logging.getLogger("heartguard.auth")


class KeyRing:
    """Signs with one key (ES256, RFC 7518 section 3.4); publishes that, the next one, and those that signed before.

    The keys are read again twice a second, so that a rotation or retirement by another process takes effect here.
    Where the signing key can't be decrypted, the next one signs in its place: verifiers know it already. `prove`
    informs the operator, who rotates or retires the key.
    """

    def __init__(self, rotation: PostgresKeyRotation, encryption: KeyEncryption, clock: Clock) -> None:
        self._rotation = rotation
        self._encryption = encryption
        self._clock = clock
        self._lock = threading.Lock()
        self._read_at: int | None = None
        self._private: tuple[str, ec.EllipticCurvePrivateKey] | None = None
        self._public = PublicKeySet([])
        self._logged: set[str] = set()

    def sign(self, claims: Claims) -> tuple[str, str]:
        """A signed token (RFC 7515 compact form) and its key's id. Raises GEN_503 when the keys can't be read."""
        self._read()
        assert self._private is not None
        key_id, key = self._private
        return jwt.encode(dict(claims), key, algorithm="ES256", headers={"kid": key_id}), key_id

    def public_keys(self) -> list[JwkDocument]:
        """The public keys as JWKs (RFC 7517): of the key that signs, of the next, and of those before."""
        self._read()
        return self._public.published

    def candidates(self, key_id: str | None) -> Sequence[VerificationKey]:
        """The key of that id, unless it is retired."""
        self._read()
        return self._public.candidates(key_id)

    def prove(self) -> None:
        """Return when the key that signs and the next one can be used. Raises GEN_503, also when they can't be read."""
        self._read()
        keys = self._rotation.live_keys()
        for key in (keys[0], keys[-1]):
            self._decrypt(key)
            if not is_readable(key.public_jwk):
                self._log_once(key.kid, "the public half of the key %s can't be read")
                raise ServiceError(UNAVAILABLE)

    def _read(self) -> None:
        """Read the keys if it is time. While the database hangs one thread waits, the others use what was read.

        Raises GEN_503 when nothing has been read yet.
        """
        if self._read_at is not None:
            acquired = self._lock.acquire(blocking=False)
        elif not (acquired := self._lock.acquire(timeout=LOCK_SECONDS)):
            raise ServiceError(UNAVAILABLE, headers={"Retry-After": "1"})
        if acquired:
            try:
                self._read_if_due()
            finally:
                self._lock.release()

    def _read_if_due(self) -> None:
        now = self._clock.now_ns()
        if self._read_at is not None and 0 <= now - self._read_at < REREAD_NS:
            return
        keys = self._rotation.current_keys()
        if self._private is None or self._private[0] != keys[0].kid:
            self._private = self._signing_key(keys)
        jwks = [key.public_jwk for key in keys]
        if jwks != self._public.stored:
            self._public = PublicKeySet(jwks)
        self._read_at = now

    def _signing_key(self, keys: Sequence[StoredKey]) -> tuple[str, ec.EllipticCurvePrivateKey]:
        """The key that signs, or else the next one. Raises GEN_503 when neither can be decrypted."""
        try:
            return keys[0].kid, self._decrypt(keys[0])
        except ServiceError:
            return keys[-1].kid, self._decrypt(keys[-1])

    def _decrypt(self, key: StoredKey) -> ec.EllipticCurvePrivateKey:
        try:
            return self._encryption.decrypt(key.private_key)
        except UndecryptableKey as error:
            self._log_once(key.kid, "KEY_RING_SECRET does not decrypt the key %s")
            raise ServiceError(UNAVAILABLE) from error

    def _log_once(self, kid: str, message: str) -> None:
        """Log what is wrong with a key, once: the keys are read twice a second."""
        if kid not in self._logged:
            self._logged.add(kid)
            _log.critical(message, kid)
