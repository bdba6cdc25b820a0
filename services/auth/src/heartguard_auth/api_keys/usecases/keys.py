"""API keys: making, changing, rotating and ending them, and what a key stands for."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from heartguard_auth.api_keys.domain import (
    DAY_NS,
    DEFAULT_DAYS,
    MAKERS,
    MOST_DAYS,
    FoundKey,
    KeyUse,
    StoredKey,
    foreign_buckets,
)
from heartguard_auth.api_keys.ports import StoredKeys
from heartguard_auth.api_keys.usecases.versions import VersionRevocation
from heartguard_auth.errors import NOT_ADOPTABLE, NOT_FOR_DEVICES, ROLE_WITHOUT_KEYS
from heartguard_auth.shared.domain import digest
from heartguard_auth.shared.ports import CommonPorts
from heartguard_common.core.clock import NANOSECONDS, parse_rfc3339
from heartguard_common.core.errors import NOT_FOUND, UNPROCESSABLE, ServiceError, Violation
from heartguard_common.core.ids import uuid7
from heartguard_common.core.limits import require
from heartguard_common.identity.api_key import (
    DEVICE,
    INTEGRATION,
    PREFIXES,
    VISIBLE_LENGTH,
    new_secret,
    read_networks,
)
from heartguard_common.identity.authentication import Principal
from heartguard_common.messages import ApiKeyRequest, ApiKeyUpdate

LIMIT = "api_keys"


@dataclass(frozen=True)
class Reachable:
    """What keys may reach by the policy.

    `scopes` maps each scope of integration keys to its routes, `device` are the routes of device keys, `rights` maps a
    role to the routes that an integration key can have with it.
    """

    scopes: Mapping[str, tuple[str, ...]]
    device: tuple[str, ...]
    rights: Mapping[str, frozenset[str]]

    def unknown(self, scopes: Sequence[str]) -> list[int]:
        """The places of the scopes that don't exist."""
        return [place for place, scope in enumerate(scopes) if scope not in self.scopes]

    def beyond(self, scopes: Sequence[str], role: str) -> list[int]:
        """The places of the scopes of which a role has no right at all."""
        rights = self.rights.get(role, frozenset())
        return [place for place, scope in enumerate(scopes) if rights.isdisjoint(self.scopes.get(scope, ()))]


class ApiKeyUseCases:
    """The keys that `principal` may see and change.

    A person sees the keys that they are responsible for, an admin all keys of the organization. An admin may change
    each integration key, and end every key, but not change or rotate the device keys of other people.
    """

    def __init__(
        self, common: CommonPorts, *, keys: StoredKeys, revocation: VersionRevocation, reachable: Reachable
    ) -> None:
        self._common = common
        self._keys = keys
        self._revocation = revocation
        self.reachable = reachable

    def create(self, principal: Principal, asked: ApiKeyRequest) -> tuple[StoredKey, str]:
        """Make a key; returns it with its secret, which is never shown again.

        Raises AUTH_050 for an integration key of a member with the role user, AUTH_051 for a device key with scopes,
        GEN_422 for scopes, buckets, networks and an expiry that can't be, GEN_409_LIMIT for too many keys.
        """
        kind, now = asked["kind"], self._common.clock.now_ns()
        if kind == INTEGRATION and principal.role not in MAKERS:
            raise ServiceError(ROLE_WITHOUT_KEYS)
        secret = new_secret(kind)
        key = StoredKey(
            org_id=principal.org_id or 0,
            id=uuid7(self._common.clock),
            kind=kind,
            name=asked["name"],
            scopes=_distinct(asked.get("scopes", ())),
            buckets=_distinct(asked.get("buckets", ())),
            networks=_distinct(asked.get("networks", ())),
            created_by=principal.user_id or 0,
            created_at=now,
            expires_at=_time(asked.get("expires_at")) or now + DEFAULT_DAYS * DAY_NS,
            hint=_hint(secret),
            version=uuid7(self._common.clock),
        )
        self._require_valid(key, asked, principal.role)
        with self._common.transactions.transaction():
            self._common.authority.require_actor(principal)
            self._common.limits.lock(key.org_id, LIMIT)
            require(self._common.limits, key.org_id, LIMIT, self._keys.count(key.org_id))
            self._keys.add(key, digest(secret))
            self._common.audit.changed(
                principal, "auth.create_api_key", f"api_key:{key.id}", payload={"kind": kind, "hint": key.hint}
            )
        return key, secret

    def page(self, principal: Principal, after: str | None, limit: int) -> list[StoredKey]:
        """The keys that the caller may see, oldest first, behind the id `after`."""
        own = None if principal.role == "admin" else principal.user_id or 0
        return self._keys.page(principal.org_id or 0, own, after, limit)

    def read(self, principal: Principal, key_id: str, *, lock: bool = False) -> StoredKey:
        """A key that the caller may see. Raises GEN_404."""
        key = self._keys.read(principal.org_id or 0, key_id, lock=lock)
        if key is None or (principal.role != "admin" and key.created_by != principal.user_id):
            raise ServiceError(NOT_FOUND)
        return key

    def update(self, principal: Principal, key_id: str, asked: ApiKeyUpdate) -> StoredKey:
        """Change a key. Raises GEN_404, AUTH_051, AUTH_052 for a key that can't be adopted, and GEN_422 as `create`."""
        with self._revocation.transaction() as end:
            self._common.authority.require_actor(principal)
            before = self._changeable(principal, key_id)
            key = replace(
                before,
                name=asked.get("name", before.name),
                scopes=_distinct(asked.get("scopes", before.scopes)),
                buckets=_distinct(asked.get("buckets", before.buckets)),
                networks=_distinct(asked.get("networks", before.networks)),
                expires_at=_time(asked.get("expires_at")) or before.expires_at,
                version=uuid7(self._common.clock),
            )
            if asked.get("adopt"):
                if principal.role != "admin" or key.kind == DEVICE:
                    raise ServiceError(NOT_ADOPTABLE)
                key = replace(key, created_by=principal.user_id or 0, adopt_before=None, kept_role=None)
            self._require_valid(key, asked, principal.role)
            self._keys.replace(key)
            end([before.version], "api key changed")
            changed = sorted(asked.keys() & ApiKeyUpdate.__annotations__.keys())
            self._common.audit.changed(
                principal, "auth.update_api_key", f"api_key:{key.id}", payload={"changed": " ".join(changed)}
            )
        return key

    def rotate(self, principal: Principal, key_id: str, overlap_seconds: int) -> tuple[StoredKey, str]:
        """Give a key a new secret; the present one is valid for `overlap_seconds` more. Raises GEN_404.

        A still older secret ends at once.
        """
        with self._revocation.transaction() as end:
            self._common.authority.require_actor(principal)
            before = self._changeable(principal, key_id)
            secret = new_secret(before.kind)
            key = replace(
                before,
                hint=_hint(secret),
                version=uuid7(self._common.clock),
                former_until=self._common.clock.now_ns() + overlap_seconds * NANOSECONDS,
            )
            self._keys.rotate(key, digest(secret))
            end([before.version], "api key rotated")
            self._common.audit.changed(
                principal,
                "auth.rotate_api_key",
                f"api_key:{key.id}",
                payload={"overlap_seconds": overlap_seconds, "hint": key.hint},
            )
        return key, secret

    def delete(self, principal: Principal, key_id: str) -> None:
        """End a key. Raises GEN_404."""
        with self._revocation.transaction() as end:
            self._common.authority.require_actor(principal)
            key = self.read(principal, key_id, lock=True)
            self._keys.delete(key.org_id, key.id)
            end([key.version], "api key deleted")
            self._common.audit.changed(principal, "auth.delete_api_key", f"api_key:{key.id}")

    def find(self, secret: str) -> FoundKey | None:
        """What a secret stands for, None where it is not valid now."""
        found = self._keys.find(digest(secret))
        if found is None or found.role is None or found.valid_until <= self._common.clock.now_ns():
            return None
        return found if secret.startswith(PREFIXES[found.key.kind]) else None

    def record_uses(self, uses: Sequence[KeyUse]) -> int:
        """Store when and from where keys were used; returns how many are newer than what was known."""
        return self._keys.record_uses(uses)

    def _changeable(self, principal: Principal, key_id: str) -> StoredKey:
        key = self.read(principal, key_id, lock=True)
        if key.kind == DEVICE and key.created_by != principal.user_id:
            raise ServiceError(NOT_FOUND)
        return key

    def _require_valid(self, key: StoredKey, asked: ApiKeyRequest | ApiKeyUpdate, role: str) -> None:
        """Raises AUTH_051, and GEN_422 for the members of `asked` that can't be."""
        if key.kind == DEVICE and key.scopes:
            raise ServiceError(NOT_FOR_DEVICES)
        violations = list(self._violations(key, asked, role))
        if violations:
            raise ServiceError(UNPROCESSABLE, details=tuple(violations))

    def _violations(self, key: StoredKey, asked: ApiKeyRequest | ApiKeyUpdate, role: str) -> Iterator[Violation]:
        scopes = asked.get("scopes", ())
        if key.kind == INTEGRATION and not key.scopes:
            yield Violation("/scopes", "an integration key needs at least one scope")
        unknown = self.reachable.unknown(scopes)
        yield from (Violation(f"/scopes/{place}", "is no scope of GET /auth/scopes") for place in unknown)
        beyond = [place for place in self.reachable.beyond(scopes, role) if place not in unknown]
        yield from (Violation(f"/scopes/{place}", "is beyond your own rights") for place in beyond)
        buckets = asked.get("buckets", ())
        for place in foreign_buckets(key.org_id, buckets):
            yield Violation(f"/buckets/{place}", "is no bucket of the organization")
        for place, network in enumerate(asked.get("networks", ())):
            try:
                read_networks([network])
            except ValueError:
                yield Violation(f"/networks/{place}", "is no network in CIDR notation, or has bits behind its prefix")
        if "expires_at" in asked:
            left = key.expires_at - self._common.clock.now_ns()
            if not 0 < left <= MOST_DAYS * DAY_NS:
                yield Violation("/expires_at", "must be in the future, and at most five years from now")


def _distinct(texts: Sequence[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(texts))


def _time(text: str | None) -> int | None:
    return None if text is None else parse_rfc3339(text)


def _hint(secret: str) -> str:
    return secret[: len(PREFIXES[DEVICE]) + VISIBLE_LENGTH]
