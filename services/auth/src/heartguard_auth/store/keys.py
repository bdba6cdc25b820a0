"""The keys that sign access tokens: a ring of ES256 keys in PostgreSQL, or a shared secret (HS256)."""

import base64
import hashlib
import json
import logging
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec
from jwt.algorithms import ECAlgorithm
from sqlalchemy import Connection, Row, text

from heartguard_auth.domain import Claims
from heartguard_auth.store.times import moment, nanoseconds
from heartguard_auth.store.vault import SealedByAnotherSecret, Vault
from heartguard_common.core.clock import NANOSECONDS, Clock, from_datetime, parse_rfc3339
from heartguard_common.core.errors import UNAVAILABLE, ServiceError
from heartguard_common.identity.authentication import SharedSecrets, VerificationKey, read_key_set, secret_id
from heartguard_common.messages import JwkDocument
from heartguard_common.stores.database import Database

REREAD_NS = NANOSECONDS // 2
PATIENCE_SECONDS = 1.0
ROTATION_NS = 90 * 86_400 * NANOSECONDS
# How long a token may live after its key has stopped signing, besides the token's own life.
LEEWAY_SECONDS = 60
# Verifiers ask for unknown keys once a second; a verifier that has known a key this long knows the next one too.
PUBLISHED_NS = 5 * NANOSECONDS
_RING_LOCK = 0x48475249  # advisory lock "HGRI": two processes must not found or turn the ring at the same time
_log = logging.getLogger("heartguard.auth")


@dataclass(frozen=True)
class RingKey:
    """A key of the ring as an operator sees it; times are RFC 3339, `signs_since` is None for the next one."""

    kid: str
    created_at: str
    signs_since: str | None
    expires_at: str | None
    retired_at: str | None

    def state(self, now_ns: int) -> str:
        """`next`, `signing`, `verifying`, `expired` or `retired`."""
        if self.retired_at:
            return "retired"
        if self.signs_since is None:
            return "next"
        if self.expires_at is None:
            return "signing"
        return "verifying" if parse_rfc3339(self.expires_at) > now_ns else "expired"


class TooSoon(Exception):  # noqa: N818  it says what the rotation is
    """The next key has not been published long enough for every verifier to know it."""


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


class KeyRing:
    """Signs with one key (ES256, RFC 7518 section 3.4), publishes that, the next one, and those that signed before.

    The next key is published long before it signs, so that every verifier knows it when it begins to sign, also at
    once. It comes every 90 days, by the age of the stored key, and by command. A key that has signed goes on verifying
    until its last token has expired, unless it is retired. Private keys are stored encrypted under `KEY_RING_SECRET`.
    The ring is read again twice a second, so that what another process does to it counts here at once.
    Where the signing key can't be decrypted, the next one signs in its place: verifiers know it already. `prove`
    informs the operator, who rotates or retires the key.
    """

    def __init__(
        self,
        database: Database,
        secret: str,
        clock: Clock,
        *,
        access_seconds: int,
        rotated: Callable[[str], object] = lambda _: None,
    ) -> None:
        self._database = database
        self._vault = Vault(secret)
        self._clock = clock
        self._overlap_ns = (access_seconds + LEEWAY_SECONDS) * NANOSECONDS
        self._rotated = rotated
        self._lock = threading.Lock()
        self._read_at: int | None = None
        self._private: tuple[str, Any] | None = None
        self._halves: list[JwkDocument] = []  # as they are stored; those that can be read are published
        self._public: list[JwkDocument] = []
        self._logged: set[str] = set()
        self._verifying: dict[str, VerificationKey] = {}

    def sign(self, claims: Claims) -> tuple[str, str]:
        """A signed token (RFC 7515 compact form) and its key's id. Raises GEN_503 when the ring can't be read."""
        self._read()
        assert self._private is not None
        key_id, key = self._private
        return jwt.encode(dict(claims), key, algorithm="ES256", headers={"kid": key_id}), key_id

    def public_keys(self) -> list[JwkDocument]:
        """The public keys as JWKs (RFC 7517): of the key that signs, of the next, and of those before."""
        self._read()
        return self._public

    def candidates(self, key_id: str | None) -> Sequence[VerificationKey]:
        """The key of that id, unless it is retired."""
        self._read()
        return [self._verifying[key_id]] if key_id in self._verifying else []

    def prove(self) -> None:
        """Return when the key that signs and the next one can be used. Raises GEN_503, also when they can't be read."""
        self._read()
        with self._database.transaction() as connection:
            rows = self._live(connection)
        for row in (rows[0], rows[-1]):
            self._open(row)
            if not read_key_set({"keys": [row.public_jwk]}):
                self._log_once(row.kid, "the public half of the key %s can't be read")
                raise ServiceError(UNAVAILABLE)

    def list(self) -> list[RingKey]:
        """Every key there is or was, the newest first."""
        with self._database.transaction() as connection:
            return [RingKey(*(_shown(value) for value in row)) for row in connection.execute(text(_EVERY))]

    def rotate(self) -> str:
        """Let the next key sign from now on; returns its id. Tokens of the key before count until they expire.

        Raises `TooSoon` within five seconds of the rotation or retirement that made the next key.
        """
        with self._database.transaction() as connection:
            self._hold(connection)
            rows = self._complete(connection)
            made = nanoseconds(rows[-1].created_at)
            # A verifier that knows a key no older than the next one knows the next one as well.
            if made > nanoseconds(rows[0].created_at) and 0 <= self._clock.now_ns() - made < PUBLISHED_NS:
                raise TooSoon
            kid = self._turn(connection, rows)
        self._forget()
        return kid

    def retire(self, kid: str) -> bool:
        """Take a key out of the ring for ever; if it signs, the next one does so at once. False for an unknown id.

        The caller revokes the key id too, in the same transaction: others keep public keys in memory.
        """
        with self._database.transaction() as connection:
            self._hold(connection)
            rows = self._complete(connection)
            found = connection.execute(text(_RETIRE), {"kid": kid, "now": self._now()}).rowcount
            if rows[0].kid == kid:
                self._turn(connection, rows)
            self._complete(connection)
        self._forget()
        return found == 1

    def _read(self) -> None:
        """Know the ring as it is. A database that hangs holds one thread: the others go on with what was read.

        Raises GEN_503 when nothing was, or nothing since the ring was changed from here.
        """
        if self._read_at is not None:
            held = self._lock.acquire(blocking=False)
        elif not (held := self._lock.acquire(timeout=PATIENCE_SECONDS)):
            raise ServiceError(UNAVAILABLE, headers={"Retry-After": "1"})
        if held:
            try:
                self._read_again()
            finally:
                self._lock.release()

    def _read_again(self) -> None:
        now = self._clock.now_ns()
        if self._read_at is None or not 0 <= now - self._read_at < REREAD_NS:
            with self._database.transaction() as connection:
                rows = self._live(connection)
                if not _is_complete(rows) or self._due(rows):
                    self._hold(connection)
                    rows = self._complete(connection)
                    if self._due(rows):  # no other process has rotated it meanwhile
                        self._rotated(self._turn(connection, rows))
                        rows = self._live(connection)
            signing = rows[0]
            if self._private is None or self._private[0] != signing.kid:
                self._private = self._signing(rows)
            halves = [row.public_jwk for row in rows]
            if halves != self._halves:
                found = [(half, key) for half in halves for key in read_key_set({"keys": [half]})]
                self._verifying = {key.key_id or "": key for _, key in found}
                self._public = [half for half, _ in found]
                self._halves = halves
            self._read_at = now

    def _signing(self, rows: Sequence[Row[Any]]) -> tuple[str, Any]:
        """The key of a complete ring that signs, or else the next one. Raises GEN_503 when neither can be read."""
        try:
            return rows[0].kid, self._open(rows[0])
        except ServiceError:
            return rows[-1].kid, self._open(rows[-1])

    def _open(self, row: Row[Any]) -> Any:
        try:
            return self._vault.open(row.private_key)
        except SealedByAnotherSecret as error:
            self._log_once(row.kid, "KEY_RING_SECRET is not the one that the key %s is sealed under")
            raise ServiceError(UNAVAILABLE) from error

    def _log_once(self, kid: str, what: str) -> None:
        """Log what is wrong with a key, once: the ring is read twice a second."""
        if kid not in self._logged:
            self._logged.add(kid)
            _log.critical(what, kid)

    def _forget(self) -> None:
        with self._lock:
            self._read_at = None

    def _now(self) -> object:
        return moment(self._clock.now_ns())

    def _hold(self, connection: Connection) -> None:
        connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _RING_LOCK})

    def _live(self, connection: Connection) -> Sequence[Row[Any]]:
        """The keys that verify: the one that signs, then those before it; the next one is last."""
        return connection.execute(_LIVE, {"now": self._now()}).all()

    def _due(self, rows: Sequence[Row[Any]]) -> bool:
        return self._clock.now_ns() - nanoseconds(rows[0].signs_since) >= ROTATION_NS

    def _complete(self, connection: Connection) -> Sequence[Row[Any]]:
        """The ring with a key that signs and a next one, made where they are missing; under the lock."""
        while not _is_complete(rows := self._live(connection)):
            signs = None if any(row.signs_since for row in rows) else self._now()
            connection.execute(text(_ADD), {**self._make(), "now": self._now(), "signs_since": signs})
        return rows

    def _turn(self, connection: Connection, rows: Sequence[Row[Any]]) -> str:
        """Let the next key of a complete ring sign; under the lock."""
        kid: str = rows[-1].kid
        until = moment(self._clock.now_ns() + self._overlap_ns)
        connection.execute(text(_TURN), {"kid": kid, "now": self._now(), "until": until})
        self._complete(connection)
        return kid

    def _make(self) -> dict[str, object]:
        key = ec.generate_private_key(ec.SECP256R1())
        jwk = ECAlgorithm.to_jwk(key.public_key(), as_dict=True)
        members = json.dumps({name: jwk[name] for name in ("crv", "kty", "x", "y")}, separators=(",", ":"))
        # The key's own thumbprint is its id (RFC 7638 section 3).
        kid = base64.urlsafe_b64encode(hashlib.sha256(members.encode()).digest()).decode().rstrip("=")
        public = {**json.loads(members), "kid": kid, "use": "sig", "alg": "ES256"}
        return {"kid": kid, "private_key": self._vault.seal(key), "public_jwk": json.dumps(public)}


def _is_complete(rows: Sequence[Row[Any]]) -> bool:
    """Whether there is a key that signs (the first) and a next one (the last)."""
    return len(rows) > 1 and rows[0].signs_since is not None and rows[-1].signs_since is None


def _shown(value: Any) -> Any:
    return from_datetime(value) if isinstance(value, datetime) else value


_LIVE = text("""
SELECT kid, private_key, public_jwk, created_at, signs_since FROM heartguard_core.signing_keys
WHERE retired_at IS NULL AND (expires_at IS NULL OR expires_at > :now)
ORDER BY signs_since DESC NULLS LAST, kid
""")
_EVERY = """
SELECT kid, created_at, signs_since, expires_at, retired_at FROM heartguard_core.signing_keys
ORDER BY signs_since DESC NULLS FIRST, created_at DESC
"""
_ADD = """
INSERT INTO heartguard_core.signing_keys (kid, private_key, public_jwk, created_at, signs_since)
VALUES (:kid, :private_key, cast(:public_jwk AS jsonb), :now, :signs_since)
"""
_TURN = """
UPDATE heartguard_core.signing_keys
SET signs_since = CASE WHEN kid = :kid THEN :now ELSE signs_since END,
    expires_at = CASE WHEN kid = :kid THEN NULL ELSE coalesce(expires_at, :until) END
WHERE retired_at IS NULL
"""
_RETIRE = "UPDATE heartguard_core.signing_keys SET retired_at = coalesce(retired_at, :now) WHERE kid = :kid"
