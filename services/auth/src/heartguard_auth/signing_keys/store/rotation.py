"""Creation, rotation and retirement of the keys of the ring."""

import base64
import hashlib
import json
from collections.abc import Callable, Sequence

from cryptography.hazmat.primitives.asymmetric import ec
from jwt.algorithms import ECAlgorithm

from heartguard_auth.signing_keys.domain import KeyNotPublishedYet, RingKey
from heartguard_auth.signing_keys.store.key_encryption import KeyEncryption
from heartguard_auth.signing_keys.store.stored_keys import StoredKey, StoredKeys
from heartguard_common.core.clock import NANOSECONDS, Clock
from heartguard_common.messages import JwkDocument
from heartguard_common.stores.database import Connection, Database

ROTATION_NS = 90 * 86_400 * NANOSECONDS
# How long a token may live after its key has stopped signing, besides the token's own lifetime.
LEEWAY_SECONDS = 60
# Verifiers fetch the key set for an unknown key once a second; one that has known a key this long knows the next one.
PUBLISHED_NS = 5 * NANOSECONDS


class PostgresKeyRotation:
    """Keeps a key that signs and a next one, and lets the next one sign: every 90 days, and by command.

    The next key is published long before it signs, so that every verifier knows it when it begins to sign. A key that
    has signed verifies until its last token has expired, unless it is retired. `rotated` is called with the id of a key
    that begins to sign because of the age of the one before, in the same transaction.
    """

    def __init__(
        self,
        database: Database,
        encryption: KeyEncryption,
        clock: Clock,
        *,
        access_seconds: int,
        rotated: Callable[[str], object] = lambda _: None,
    ) -> None:
        self._database = database
        self._keys = StoredKeys(clock)
        self._encryption = encryption
        self._clock = clock
        self._overlap_ns = (access_seconds + LEEWAY_SECONDS) * NANOSECONDS
        self._rotated = rotated

    def live_keys(self) -> Sequence[StoredKey]:
        """The keys as they are stored: the one that signs, those before it, and last the next one."""
        with self._database.transaction() as connection:
            return self._keys.live(connection)

    def current_keys(self) -> Sequence[StoredKey]:
        """As `live_keys`, after creating the keys that are missing and after the rotation that is due."""
        with self._database.transaction() as connection:
            keys = self._keys.live(connection)
            if not _is_complete(keys) or self._is_due(keys):
                self._keys.lock(connection)
                keys = self._complete(connection)
                if self._is_due(keys):  # no other process has rotated it meanwhile
                    self._rotated(self._sign_with_next(connection, keys))
                    keys = self._keys.live(connection)
        return keys

    def all_keys(self) -> Sequence[RingKey]:
        """Every key that exists or existed, the newest first."""
        with self._database.transaction() as connection:
            return self._keys.all_keys(connection)

    def rotate(self) -> str:
        """Let the next key sign from now on; returns its id. Tokens of the key before count until they expire.

        Raises `KeyNotPublishedYet` within five seconds of the rotation or retirement that made the next key.
        """
        with self._database.transaction() as connection:
            self._keys.lock(connection)
            keys = self._complete(connection)
            created = keys[-1].created_at
            # A verifier that knows a key no older than the next one knows the next one as well.
            if created > keys[0].created_at and 0 <= self._clock.now_ns() - created < PUBLISHED_NS:
                raise KeyNotPublishedYet
            return self._sign_with_next(connection, keys)

    def retire(self, kid: str) -> bool:
        """Take a key out of the ring for ever; if it signs, the next one does so at once. False for an unknown id.

        The caller revokes the key's id too, in the same transaction: services keep public keys in memory.
        """
        with self._database.transaction() as connection:
            self._keys.lock(connection)
            keys = self._complete(connection)
            found = self._keys.retire(connection, kid)
            if keys[0].kid == kid:
                self._sign_with_next(connection, keys)
            self._complete(connection)
        return found

    def _is_due(self, keys: Sequence[StoredKey]) -> bool:
        return self._clock.now_ns() - (keys[0].signs_since or 0) >= ROTATION_NS

    def _complete(self, connection: Connection) -> Sequence[StoredKey]:
        """The live keys, with a key that signs and a next one, created where they are missing; under the lock."""
        while not _is_complete(keys := self._keys.live(connection)):
            signs = not any(key.signs_since for key in keys)
            self._keys.add(connection, *self._new_key(), signs=signs)
        return keys

    def _sign_with_next(self, connection: Connection, keys: Sequence[StoredKey]) -> str:
        """Let the next of a complete ring of keys sign, and create the one after it; under the lock."""
        kid = keys[-1].kid
        self._keys.sign_with(connection, kid, self._clock.now_ns() + self._overlap_ns)
        self._complete(connection)
        return kid

    def _new_key(self) -> tuple[str, JwkDocument]:
        """A new private key, encrypted, and its public half."""
        key = ec.generate_private_key(ec.SECP256R1())
        jwk = ECAlgorithm.to_jwk(key.public_key(), as_dict=True)
        x, y = str(jwk["x"]), str(jwk["y"])
        members = json.dumps({"crv": "P-256", "kty": "EC", "x": x, "y": y}, separators=(",", ":"))
        # The key's own thumbprint is its id (RFC 7638 section 3).
        kid = base64.urlsafe_b64encode(hashlib.sha256(members.encode()).digest()).decode().rstrip("=")
        public: JwkDocument = {"crv": "P-256", "kty": "EC", "x": x, "y": y, "kid": kid, "use": "sig", "alg": "ES256"}
        return self._encryption.encrypt(key), public


def _is_complete(keys: Sequence[StoredKey]) -> bool:
    """Whether there is a key that signs (the first) and a next one (the last)."""
    return len(keys) > 1 and keys[0].signs_since is not None and keys[-1].signs_since is None
