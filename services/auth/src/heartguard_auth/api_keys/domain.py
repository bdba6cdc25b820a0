"""API keys as auth stores them."""

from collections.abc import Sequence
from dataclasses import dataclass

from heartguard_common.core.clock import NANOSECONDS, parse_rfc3339
from heartguard_common.identity.api_key import Kind
from heartguard_common.messages import ApiKeyUseDocument, Role

DAY_NS = 86_400 * NANOSECONDS
DEFAULT_DAYS = 365
MOST_DAYS = 5 * 366
OVERLAP_SECONDS = 86_400
"""How long the former secret is valid after a rotation, by default."""
ADOPTION_DAYS = 7
"""For how long an integration key outlives the membership of the person who is responsible for it."""
MAKERS = ("admin", "manager")
"""The roles that may be responsible for an integration key."""


@dataclass(frozen=True)
class StoredKey:
    """An API key without its secret; times in nanoseconds since the epoch."""

    org_id: int
    id: str
    kind: Kind
    name: str
    scopes: tuple[str, ...]
    buckets: tuple[str, ...]
    networks: tuple[str, ...]
    created_by: int
    created_at: int
    expires_at: int
    hint: str
    version: str
    former_until: int | None = None
    last_used_at: int | None = None
    last_used_address: str | None = None
    adopt_before: int | None = None
    kept_role: Role | None = None

    @property
    def ends_at(self) -> int:
        """When it ends: at its expiry, or when nobody has adopted it."""
        return self.expires_at if self.adopt_before is None else min(self.expires_at, self.adopt_before)


@dataclass(frozen=True)
class FoundKey:
    """A key that was found by its secret, with the role of the person who is responsible.

    `role` is None where this person may not act: not active, deleted, or the organization is. `former` says that the
    secret is the one before the last rotation.
    """

    key: StoredKey
    role: Role | None
    former: bool

    @property
    def valid_until(self) -> int:
        """Until when this secret is valid, unless something changes."""
        if self.former and self.key.former_until is not None:
            return min(self.key.ends_at, self.key.former_until)
        return self.key.ends_at


@dataclass(frozen=True)
class KeyUse:
    """A use of a key; `used_at` in nanoseconds since the epoch, a full minute."""

    org_id: int
    id: str
    used_at: int
    address: str | None


def key_uses(documents: Sequence[ApiKeyUseDocument]) -> list[KeyUse]:
    """The uses in the documents of a message."""
    return [KeyUse(it["org_id"], it["id"], parse_rfc3339(it["minute"]), it.get("address")) for it in documents]


def foreign_buckets(org_id: int, names: Sequence[str]) -> list[int]:
    """The places of the names that can't be buckets of an organization."""
    own = f"org_{org_id}"
    return [place for place, name in enumerate(names) if name != own and not name.startswith(f"{own}_")]
