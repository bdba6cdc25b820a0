"""Buckets, and the end of what is in them."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from math import ceil

from heartguard_common.core.errors import TOO_LONG, ServiceError
from heartguard_common.core.retry import RetryPolicy
from heartguard_common.identity.authentication import Principal
from heartguard_common.jobs.dead_letters import DeadLetterStore
from heartguard_common.jobs.items import ItemRunner
from heartguard_common.messages import Payload, PointsDelete
from heartguard_influx.domain.bucket import Bucket, belongs_to, own_name
from heartguard_influx.domain.point import EARLIEST_NS, PERSON_TAG
from heartguard_influx.domain.query import Group, Selection, read_range
from heartguard_influx.errors import BUCKET_EXISTS, NO_BUCKET, OWN_BUCKET, UNFINISHED
from heartguard_influx.usecases.access import find_bucket, organization_of, require_own
from heartguard_influx.usecases.dependencies import Stores

RETENTION = "retention"
# It is done once an hour: a bucket that fails for some two days waits for the operator.
RETRY = RetryPolicy(max_attempts=12, first_delay=1800.0, longest_delay=6 * 3600.0)


def _nothing() -> None:
    pass


class BucketAdministration:
    """Buckets, and the end of what is in them."""

    def __init__(self, stores: Stores) -> None:
        self._s = stores

    def list(self, principal: Principal, after: str, limit: int) -> Sequence[Bucket]:
        """Up to `limit` buckets of the caller's organization with a name above `after`, by name."""
        return self._s.buckets.list(organization_of(principal), after, limit)

    def create(self, principal: Principal, name: str, retention_days: int | None) -> Bucket:
        """A new bucket. Raises TS_001 for a name that can't be the organization's, TS_002 for one that is taken."""
        org_id = organization_of(principal)
        if not belongs_to(name, org_id):
            raise ServiceError(NO_BUCKET)
        with self._s.transaction():
            with self._s.registry():
                if self._s.buckets.find(org_id, own_name(org_id)) is None:
                    raise ServiceError(NO_BUCKET)
                self._s.authority.require_actor(principal)
                bucket = None
                if name != own_name(org_id):
                    bucket = self._s.buckets.create(org_id, name, retention_days)
            if bucket is None:
                raise ServiceError(BUCKET_EXISTS)
            kept = {"retention_days": retention_days}
            self._s.audit.changed(principal, "timeseries.create_bucket", f"bucket:{name}", payload=kept)
            return bucket

    def delete(self, principal: Principal, name: str) -> None:
        """Remove a bucket with its points.

        Raises TS_001, TS_003 for the organization's own, and TS_008 when the time of the request ends before that.
        """
        bucket = find_bucket(self._s.buckets, principal, name)
        if name == own_name(bucket.org_id):
            raise ServiceError(OWN_BUCKET)

        def record_removal(removed: int) -> None:
            payload = {"removed": removed}
            self._s.audit.changed(principal, "timeseries.delete_bucket", f"bucket:{name}", payload=payload)

        self._s.authority.require_actor(principal)
        with _in_parts():
            self._drop(bucket.id or 0, principal, record_removal)

    def delete_points(self, principal: Principal, document: PointsDelete) -> None:
        """Remove what a PointsDelete names: an admin anybody's points, all others their own. Raises TS_001, TS_005."""
        person = None if principal.role == "admin" else principal.user_id
        bucket = find_bucket(self._s.buckets, principal, document["bucket"])
        require_own(document.get("tags"), person)
        start_ns, stop_ns = read_range(document)
        tags = document.get("tags") or {}
        selection = Selection(bucket.id or 0, document["measurement"], start_ns, stop_ns, tags, person)
        resource = f"user:{tags[PERSON_TAG]}" if PERSON_TAG in tags else f"bucket:{bucket.name}"
        if person is not None:
            resource = f"user:{person}"
        # Their row is locked when all is removed and not before: who deletes much, again and again, could not lose
        # their role meanwhile. Who removes what is their own needs no role: of them nothing is asked twice.
        again = partial(self._s.authority.require_actor, principal) if person is None else _nothing
        with self._s.transaction():
            self._s.authority.require_writer(principal)
            removed, groups = self._delete(selection, again)
            payload: Payload = {"bucket": bucket.name, "measurement": selection.measurement, "removed": removed}
            self._s.audit.changed(principal, "timeseries.delete_points", resource, payload=payload)
        if removed:
            self._s.points.tidy(selection.bucket_id, groups)

    def expire(self, dead_letters: DeadLetterStore) -> int:
        """Remove what buckets need not keep any longer; returns how many values that were.

        A bucket that fails does not stop the others: it is recorded in `dead_letters`.
        """
        self._s.points.settle()
        removed = 0

        def remove(bucket: Bucket) -> None:
            nonlocal removed
            oldest = bucket.oldest_ns(self._s.clock.now_ns())
            for name in self._s.types.measurements(bucket.id or 0):
                expired = Selection(bucket.id or 0, name, EARLIEST_NS, oldest or EARLIEST_NS, {})
                part, groups = self._delete(expired)
                if part:
                    self._s.points.tidy(expired.bucket_id, groups)
                removed += part

        buckets = {bucket.name: bucket for bucket in self._s.buckets.with_retention()}
        ItemRunner(dead_letters, RETENTION, RETRY).each(
            {name: partial(remove, bucket) for name, bucket in buckets.items()},
            {name: bucket.org_id for name, bucket in buckets.items()},
        )
        return removed

    def _delete(self, selection: Selection, require: Callable[[], None] = _nothing) -> tuple[int, Sequence[Group]]:
        """How many values are removed, and the series that were looked at."""
        if selection.start_ns >= selection.stop_ns:
            return 0, ()
        groups = self._s.points.groups(selection, None)
        return self._s.points.delete(selection, groups, require), groups

    def erase(self, principal: Principal, org_id: int, user_id: int | None) -> tuple[int, int | None]:
        """Remove what is kept of an organization, or of one member; returns how many values and buckets.

        Also in how many seconds this has to be called once more, because a write may still arrive that was permitted
        before the deletion; None when it is done. Raises TS_008 when the time of the request ends before that.
        """
        with _in_parts():
            # The wait is part of the time too: a deletion that has waited long is called again, and not refused.
            marked = self._s.authority.wait_for_writers(org_id, user_id)
            buckets = self._s.buckets.ids(org_id)
            if user_id is None:
                removed = sum(self._drop(bucket_id) for bucket_id in buckets)
            else:
                removed = self._s.points.erase(buckets, user_id)
        if removed:
            # Part after part is committed, so that a long erasure gets on although it is stopped; this comes after all.
            resource = f"organization:{org_id}" if user_id is None else f"user:{user_id}"
            self._s.audit.changed(principal, "timeseries.erase", resource, org_id=org_id, payload={"removed": removed})
        left = 0.0 if marked is None else self._s.points.settled_seconds - marked
        return removed, ceil(left) if left > 0 else None

    def _drop(
        self, bucket_id: int, actor: Principal | None = None, record_removal: Callable[[int], object] = lambda _: None
    ) -> int:
        require = _nothing if actor is None else partial(self._s.authority.require_actor, actor)
        removed = self._s.points.erase([bucket_id], None, require)
        with self._s.transaction():
            require()
            # Once more, now that the lock keeps writers out until the bucket is removed.
            removed += self._s.points.erase([bucket_id], None) + self._s.buckets.remove(bucket_id)
            record_removal(removed)
        return removed


@contextmanager
def _in_parts() -> Iterator[None]:
    """What is removed and committed part by part gets on although it is ended: sent again, it ends some time."""
    try:
        yield
    except ServiceError as error:
        if error.row is TOO_LONG:
            raise ServiceError(UNFINISHED, headers={"Retry-After": "1"}) from error
        raise
