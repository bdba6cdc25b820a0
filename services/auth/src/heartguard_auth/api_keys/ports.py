"""Where API keys are stored."""

from collections.abc import Sequence
from typing import Protocol

from heartguard_auth.api_keys.domain import FoundKey, KeyUse, StoredKey


class StoredKeys(Protocol):
    """The API keys, by the digests of their secrets."""

    def add(self, key: StoredKey, digest: bytes) -> None:
        """Store a new key."""

    def count(self, org_id: int) -> int:
        """How many keys an organization has."""

    def find(self, digest: bytes) -> FoundKey | None:
        """The key of a secret, or of the former secret while that is valid."""

    def read(self, org_id: int, key_id: str, *, lock: bool = False) -> StoredKey | None:
        """A key of an organization; `lock` keeps others from changing it until the transaction ends."""

    def page(self, org_id: int, created_by: int | None, after: str | None, limit: int | None) -> list[StoredKey]:
        """The keys of an organization, or those that a person is responsible for, oldest first, behind the id.

        Without `limit` all of them.
        """

    def replace(self, key: StoredKey) -> None:
        """Store the changed members of a key."""

    def rotate(self, key: StoredKey, digest: bytes) -> None:
        """Store a new secret; the present one becomes the former one until `key.former_until`."""

    def delete(self, org_id: int, key_id: str) -> None:
        """Remove a key."""

    def of_person(self, org_id: int, user_id: int | None) -> list[StoredKey]:
        """The keys that a person, or anybody in the organization, is responsible for; locked."""

    def record_uses(self, uses: Sequence[KeyUse]) -> int:
        """Store the last uses that are newer than the known ones; returns how many."""

    def admins(self, org_id: int) -> list[tuple[int, str]]:
        """The numbers and addresses of the active admins of an organization."""
