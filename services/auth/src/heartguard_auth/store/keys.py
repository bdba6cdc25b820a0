"""The keys that sign access tokens: a ring of ES256 keys in PostgreSQL, or a shared secret (HS256)."""

import base64
import hashlib
import json
import threading
from collections.abc import Sequence
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec
from jwt.algorithms import ECAlgorithm
from sqlalchemy import text

from heartguard_auth.store.sessions import moment
from heartguard_auth.store.vault import Vault
from heartguard_common.clock import NANOSECONDS, Clock
from heartguard_common.database import Database
from heartguard_common.identity import SharedSecrets, VerificationKey, read_key_set, secret_id

REREAD_NS = NANOSECONDS // 2
_RING_LOCK = 0x48475249  # advisory lock "HGRI": two workers must not found two rings


class SharedSecretSigner:
    """Signs with `JWT_SECRET` (HS256); publishes nothing."""

    def __init__(self, secret: str, previous: str) -> None:
        self._secret = secret
        self._keys = SharedSecrets(secret, previous)

    def sign(self, claims: dict[str, Any]) -> str:
        """A signed token (RFC 7515 compact form)."""
        return jwt.encode(claims, self._secret, algorithm="HS256", headers={"kid": secret_id(self._secret)})

    def public_keys(self) -> list[dict[str, Any]]:
        """None: a shared secret has no public half."""
        return []

    def candidates(self, key_id: str | None) -> Sequence[VerificationKey]:
        """The secrets that may verify a token naming `key_id`."""
        return self._keys.candidates(key_id)


class KeyRing:
    """Signs with the newest key of the ring (ES256, RFC 7518 section 3.4); the others still verify.

    Private keys are stored encrypted under `KEY_RING_SECRET`. The ring is read again twice a second, so that
    a rotation or a retirement by another process counts here at once.
    """

    def __init__(self, database: Database, secret: str, clock: Clock) -> None:
        self._database = database
        self._vault = Vault(secret)
        self._clock = clock
        self._lock = threading.Lock()
        self._read_at: int | None = None
        self._private: tuple[str, Any] | None = None
        self._public: list[dict[str, Any]] = []
        self._verifying: dict[str, VerificationKey] = {}

    def sign(self, claims: dict[str, Any]) -> str:
        """A signed token (RFC 7515 compact form). Raises GEN_503 when the ring can't be read."""
        self._read()
        assert self._private is not None
        key_id, key = self._private
        return jwt.encode(claims, key, algorithm="ES256", headers={"kid": key_id})

    def public_keys(self) -> list[dict[str, Any]]:
        """The public keys as JWKs (RFC 7517)."""
        self._read()
        return self._public

    def candidates(self, key_id: str | None) -> Sequence[VerificationKey]:
        """The key of that id, unless it is retired."""
        self._read()
        return [self._verifying[key_id]] if key_id in self._verifying else []

    def _read(self) -> None:
        with self._lock:
            now = self._clock.now_ns()
            if self._read_at is not None and 0 <= now - self._read_at < REREAD_NS:
                return
            with self._database.transaction() as connection:
                rows = connection.execute(text(_LIVE)).all()
                if not rows:
                    connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _RING_LOCK})
                    rows = connection.execute(text(_LIVE)).all()
                if not rows:
                    connection.execute(text(_ADD), self._make(now))
                    rows = connection.execute(text(_LIVE)).all()
            newest = rows[0]
            if self._private is None or self._private[0] != newest.kid:
                self._private = (newest.kid, self._vault.open(newest.private_key))
            self._public = [row.public_jwk for row in rows]
            self._verifying = {key.key_id or "": key for key in read_key_set({"keys": self._public})}
            self._read_at = now

    def _make(self, now: int) -> dict[str, Any]:
        key = ec.generate_private_key(ec.SECP256R1())
        jwk = ECAlgorithm.to_jwk(key.public_key(), as_dict=True)
        members = json.dumps({name: jwk[name] for name in ("crv", "kty", "x", "y")}, separators=(",", ":"))
        # The key's own thumbprint is its id (RFC 7638 section 3).
        kid = base64.urlsafe_b64encode(hashlib.sha256(members.encode()).digest()).decode().rstrip("=")
        public = {**json.loads(members), "kid": kid, "use": "sig", "alg": "ES256"}
        return {
            "kid": kid,
            "private_key": self._vault.seal(key),
            "public_jwk": json.dumps(public),
            "created_at": moment(now),
        }


_LIVE = """
SELECT kid, private_key, public_jwk FROM heartguard_core.signing_keys
WHERE retired_at IS NULL ORDER BY created_at DESC, kid
"""
_ADD = """
INSERT INTO heartguard_core.signing_keys (kid, private_key, public_jwk, created_at)
VALUES (:kid, :private_key, cast(:public_jwk AS jsonb), :created_at)
"""
