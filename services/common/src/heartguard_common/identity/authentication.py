"""Authentication of callers: access tokens (RFC 7519, verified as RFC 8725 says), the operator, other services."""

import base64
import contextlib
import hashlib
import hmac
import re
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, Protocol

import jwt

from heartguard_common.contract.json_documents import Malformed
from heartguard_common.core.clock import NANOSECONDS, Clock, seconds
from heartguard_common.core.errors import INVALID_TOKEN, UNAVAILABLE, ServiceError
from heartguard_common.core.lifecycle import Lifecycle, NotReadyError, Resource
from heartguard_common.core.settings import CommonSettings
from heartguard_common.identity.api_key import INTEGRATION, ApiKey, key_of
from heartguard_common.identity.jws import read_header
from heartguard_common.identity.modes import ACTIVE
from heartguard_common.messages import JwkDocument, JwkSet, Mode, Role

ROLES = ("admin", "manager", "user")
REQUIRED_CLAIMS = ("sub", "role", "org_id", "iat", "exp", "jti", "iss", "aud", "sid")
LEEWAY_SECONDS = 5
KEY_SET_PATH = "/.well-known/jwks.json"


@dataclass(frozen=True)
class Principal:
    """The caller of a request: a person of an organization, the operator, or another service.

    `issued_at` and `expires_at` are NumericDates in seconds; only a person has the fields of the token. `name` is
    the service's name. `api_key` is the key that stands for the person, or for their organization. `mode` is that of
    the organization, when the request was admitted.
    """

    kind: Literal["person", "operator", "service"]
    role: Role | Literal["operator", "service"]
    user_id: int | None = None
    org_id: int | None = None
    token_id: str | None = None
    session_id: str | None = None
    key_id: str | None = None
    issued_at: int = 0
    expires_at: int = 0
    name: str | None = None
    api_key: ApiKey | None = None
    mode: Mode = ACTIVE

    def in_mode(self, mode: Mode) -> "Principal":
        """The same caller in an organization that is in `mode`."""
        return self if mode == self.mode else replace(self, mode=mode)

    @property
    def actor(self) -> str:
        """How this caller is named in audit events: `user:12`, `api_key:0190...`, `service:auth` or `operator`."""
        if self.api_key is not None and self.api_key.kind == INTEGRATION:
            return f"api_key:{self.api_key.id}"
        if self.kind == "person":
            return f"user:{self.user_id}"
        return f"service:{self.name}" if self.kind == "service" else "operator"

    @property
    def attribution(self) -> dict[str, str]:
        """The members of an event's payload that say which API key was used, and whose it is; empty without one."""
        if self.api_key is None:
            return {}
        owner = f"organization:{self.org_id}" if self.api_key.kind == INTEGRATION else f"user:{self.user_id}"
        return {"api_key": self.api_key.id, "owner": owner}

    @property
    def person_role(self) -> Role:
        """The role of a person. Raises TypeError for any other caller."""
        match self.role:
            case "operator" | "service":
                raise TypeError("only a person has a role in an organization")
            case role:
                return role


@dataclass(frozen=True)
class VerificationKey:
    """A key that verifies tokens of one algorithm only (RFC 8725 section 3.1)."""

    algorithm: Literal["ES256", "HS256"]
    key: Any
    key_id: str | None = None


class KeySource(Protocol):
    """A source of verification keys."""

    def candidates(self, key_id: str | None) -> Sequence[VerificationKey]:
        """The keys with which a token that names `key_id` may be verified; empty when there is none."""


class SharedSecrets:
    """HS256 keys from `JWT_SECRET` and, for verifying only, `JWT_SECRET_PREVIOUS`."""

    def __init__(self, *secrets: str) -> None:
        self._keys = tuple(VerificationKey("HS256", secret, secret_id(secret)) for secret in secrets if secret)

    def candidates(self, key_id: str | None) -> Sequence[VerificationKey]:
        """The secret of that id; for a token without a `kid`, all secrets."""
        return [key for key in self._keys if key_id is None or key.key_id == key_id]


def secret_id(secret: str) -> str:
    """The `kid` of a shared secret, which reveals nothing about it."""
    return hashlib.sha256(b"heartguard kid " + secret.encode()).hexdigest()[:16]


class PublishedKeys:
    """ES256 keys of auth's JWK Set (RFC 7517); unknown `kid`s cause at most one fetch a second.

    So a key is known within a second even if it was not published before it signs, as when the next key had to be
    revoked. A set is trusted for five minutes, so that a key that auth no longer publishes is dropped; while auth is
    unavailable the old set stays in use. Before the first set no token can be verified: until then, as while the
    system starts, a failed fetch is repeated sooner.
    """

    REFETCH_NS = NANOSECONDS
    FIRST_REFETCH_NS = NANOSECONDS // 5
    TRUSTED_NS = 300 * NANOSECONDS

    def __init__(self, fetch: Callable[[], JwkSet], clock: Clock) -> None:
        self._fetch = fetch
        self._clock = clock
        self._lock = threading.Lock()
        self._keys: dict[str, VerificationKey] = {}
        self._asked_at: int | None = None
        self._fetched_at: int | None = None
        self._answered = True

    def candidates(self, key_id: str | None) -> Sequence[VerificationKey]:
        """The key of that id, fetched from auth when it is unknown. Raises GEN_503 when auth is unavailable."""
        if key_id is None:
            return ()
        if key_id not in self._keys:
            self._refetch(wait=True)
        elif not 0 <= self._clock.now_ns() - (self._fetched_at or 0) < self.TRUSTED_NS:
            with contextlib.suppress(ServiceError):
                self._refetch(wait=False)
        key = self._keys.get(key_id)
        return (key,) if key else ()

    def ping(self) -> None:
        """Return when a set has been fetched. Raises `NotReadyError` before."""
        if self._fetched_at is None:
            raise NotReadyError("auth's key set has not been fetched yet")

    def keep_fresh(self) -> float:
        """Fetch the set before a request needs it; returns the seconds until the next fetch or attempt."""
        try:
            self._refetch(wait=True)
        except ServiceError:
            return self._pause_ns() / NANOSECONDS
        return 0.8 * self.TRUSTED_NS / NANOSECONDS

    def _pause_ns(self) -> int:
        """The least time between two fetches."""
        return self.FIRST_REFETCH_NS if self._fetched_at is None else self.REFETCH_NS

    def _refetch(self, *, wait: bool) -> None:
        """Fetch the set, unless another thread did a moment ago; without `wait`, return if one is fetching."""
        if not self._lock.acquire(blocking=wait):
            return
        try:
            now = self._clock.now_ns()
            if self._asked_at is None or not 0 <= now - self._asked_at < self._pause_ns():
                self._ask()
            elif not self._answered:
                # Without the current keys the token can't be called invalid.
                raise ServiceError(UNAVAILABLE)
        finally:
            self._lock.release()

    def _ask(self) -> None:
        self._answered = False
        try:
            keys = read_key_set(self._fetch())
        except ServiceError as error:
            raise ServiceError(UNAVAILABLE) from error
        finally:
            # The end of the attempt: threads that waited for a hanging auth must not ask again one after the other.
            self._asked_at = self._clock.now_ns()
        self._keys = {key.key_id: key for key in keys if key.key_id}
        self._answered = True
        self._fetched_at = self._asked_at


def open_key_source(
    settings: CommonSettings, fetch: Callable[[], JwkSet], clock: Clock, lifecycle: Lifecycle
) -> KeySource:
    """HS256 secrets where `JWT_SECRET` is set, otherwise the keys that auth publishes, which `fetch` returns.

    With those, the process is ready once it has them: before, each of its answers to a person would be GEN_503.
    """
    if settings.jwt_secret:
        return SharedSecrets(settings.jwt_secret, settings.jwt_secret_previous)
    return lifecycle.open(Resource("key_set", lambda: PublishedKeys(fetch, clock), PublishedKeys.ping))


def read_key_set(document: JwkSet) -> list[VerificationKey]:
    """The ES256 keys of a JWK Set document; other entries are ignored (RFC 7517 section 5)."""
    found = (_read_key(entry) for entry in document.get("keys", []))
    return [key for key in found if key is not None]


def _read_key(entry: JwkDocument) -> VerificationKey | None:
    try:
        if entry["kty"] == "EC" and entry["crv"] == "P-256" and entry["kid"]:
            return VerificationKey("ES256", jwt.PyJWK(dict(entry), algorithm="ES256").key, entry["kid"])
    except (jwt.PyJWTError, ValueError, TypeError, KeyError, AttributeError):
        pass  # not an ES256 key; the other keys of the set stay usable
    return None


class TokenVerifier:
    """Verifies access tokens locally: signature, algorithm, issuer, audience, times, and the claims' types."""

    def __init__(self, keys: KeySource, issuer: str, audience: str, clock: Clock) -> None:
        self._keys = keys
        self._issuer = issuer
        self._audience = audience
        self._clock = clock

    def verify(self, token: str) -> Principal:
        """The person whom a token identifies. Raises `ServiceError` GEN_401_TOKEN for an invalid token."""
        try:
            header = read_header(token)
            for key in self._keys.candidates(header.get("kid")):
                if header["alg"] == key.algorithm:
                    # For a token without a kid, the next key may have made the signature.
                    with contextlib.suppress(jwt.InvalidSignatureError):
                        return self._principal(self._claims(token, key), key.key_id)
        except (Malformed, jwt.PyJWTError, ValueError, TypeError, KeyError) as error:
            raise ServiceError(INVALID_TOKEN) from error
        raise ServiceError(INVALID_TOKEN)

    def _claims(self, token: str, key: VerificationKey) -> dict[str, object]:
        # The times are checked below with the clock port; PyJWT would use the machine's clock.
        return jwt.decode(
            token,
            key.key,
            algorithms=[key.algorithm],
            audience=self._audience,
            issuer=self._issuer,
            options={
                "require": list(REQUIRED_CLAIMS),
                "verify_exp": False,
                "verify_iat": False,
                "verify_nbf": False,
            },
        )

    def _principal(self, claims: dict[str, Any], key_id: str | None) -> Principal:
        now = seconds(self._clock)
        times = [claims["exp"], claims["iat"], claims.get("nbf", 0), claims["org_id"]]
        if any(type(value) is not int for value in times) or claims["role"] not in ROLES:
            raise ServiceError(INVALID_TOKEN)
        too_early = max(claims["iat"], claims.get("nbf", 0)) > now + LEEWAY_SECONDS
        if claims["exp"] <= now or too_early or not all(type(claims[name]) is str for name in ("sub", "jti", "sid")):
            raise ServiceError(INVALID_TOKEN)
        return Principal(
            kind="person",
            role=claims["role"],
            user_id=_number(claims["sub"]),
            org_id=claims["org_id"],
            token_id=claims["jti"],
            session_id=claims["sid"],
            key_id=key_id,
            issued_at=claims["iat"],
            expires_at=claims["exp"],
        )


def _number(text: str) -> int:
    # int() alone would also take "1_2", " 12" and digits of other scripts.
    if not re.fullmatch(r"[1-9][0-9]{0,17}", text, re.ASCII):
        raise ServiceError(INVALID_TOKEN)
    return int(text)


class Verifier(Protocol):
    """What verifies access tokens."""

    def verify(self, token: str) -> Principal:
        """The person whom a token identifies. Raises `ServiceError` GEN_401_TOKEN for an invalid token."""


class ApiKeys(Protocol):
    """Finds the callers of API keys."""

    def find(self, secret: str) -> Principal:
        """The caller of a well-formed key. Raises GEN_401_TOKEN, and GEN_503 where that is unknown."""


class Authenticator:
    """Turns an `Authorization` header into a `Principal`.

    Persons and the operator send Bearer tokens (RFC 6750), services Basic credentials (RFC 7617). `credentials` maps
    a service's name, and `operator`, to the SHA-256 of its secret, so that no process needs another one's secret.
    Without `api_keys` every API key is refused.
    """

    def __init__(self, verifier: Verifier, credentials: Mapping[str, str], api_keys: ApiKeys | None = None) -> None:
        self._verifier = verifier
        self._credentials = credentials
        self._api_keys = api_keys

    def identify(self, authorization: str | None, dialect: str | None = None) -> Principal | None:
        """The caller, or None without a header; `dialect` is that of the route's errors, as for `key_of`.

        Raises `ServiceError` GEN_401_TOKEN for invalid credentials.
        """
        if authorization is None:
            return None
        secret = key_of(authorization, dialect)
        if secret is not None:
            return self._api_key(secret)
        scheme, _, value = authorization.strip().partition(" ")
        value = value.strip()
        if scheme.lower() == "bearer" and value:
            return self._bearer(value)
        if scheme.lower() == "basic" and value:
            return self._basic(value)
        raise ServiceError(INVALID_TOKEN)

    def _bearer(self, token: str) -> Principal:
        if "." not in token and self._matches("operator", token):
            return Principal(kind="operator", role="operator")
        return self._verifier.verify(token)

    def _api_key(self, secret: str) -> Principal:
        if self._api_keys is None:
            raise ServiceError(INVALID_TOKEN)
        return self._api_keys.find(secret)

    def _basic(self, value: str) -> Principal:
        try:
            name, _, secret = base64.b64decode(value, validate=True).decode().partition(":")
        except ValueError as error:  # no base64, no UTF-8, or not even ASCII
            raise ServiceError(INVALID_TOKEN) from error
        if name == "operator" or not self._matches(name, secret):
            raise ServiceError(INVALID_TOKEN)
        return Principal(kind="service", role="service", name=name)

    def _matches(self, name: str, secret: str) -> bool:
        expected = self._credentials.get(name, "")
        return hmac.compare_digest(expected, hashlib.sha256(secret.encode()).hexdigest())


def bearer_token(authorization: str | None) -> str | None:
    """The token of a Bearer header, or None."""
    scheme, _, value = (authorization or "").strip().partition(" ")
    return value.strip() if scheme.lower() == "bearer" and value else None
