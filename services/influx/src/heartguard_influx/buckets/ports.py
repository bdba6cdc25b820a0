"""What is needed of the buckets' store."""

from collections.abc import Sequence
from typing import Protocol

from heartguard_influx.buckets.domain import Bucket, Organization


class Buckets(Protocol):
    """The buckets, with the settings of their organization."""

    def find(self, org_id: int, name: str) -> Bucket | None:
        """The bucket, or None. The organization's own exists as long as the organization."""

    def name_of(self, org_id: int, bucket_id: int) -> str | None:
        """The name of the bucket with that id, or None."""

    def organization(self, org_id: int) -> Organization | None:
        """The organization, or None where it was deleted."""

    def ensure_and_lock(self, bucket: Bucket) -> int | None:
        """The bucket's id; creates its row if it has none. It can't be deleted until the transaction ends.

        None where it was deleted.
        """

    def list(self, org_id: int, after: str, limit: int) -> Sequence[Bucket]:
        """Up to `limit` buckets with a name above `after`, by name."""

    def create(self, org_id: int, name: str, retention_days: int | None) -> Bucket | None:
        """A new bucket, or None when there is one of that name. Raises `LimitError` for too many."""

    def ids(self, org_id: int) -> Sequence[int]:
        """The buckets that an organization has points in, or could have."""

    def with_retention(self) -> Sequence[Bucket]:
        """Every bucket with a retention, of all organizations."""

    def lock(self, bucket_id: int) -> None:
        """Block all writes into the bucket until the transaction ends."""

    def remove(self, bucket_id: int) -> int:
        """Remove an empty bucket with its field types; returns how many buckets that were."""
