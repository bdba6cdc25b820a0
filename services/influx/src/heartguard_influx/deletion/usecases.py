"""Removing points: of a range, of a bucket, of a person or an organization, and those past their retention."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from math import ceil

from heartguard_common.audit.events import AuditTrail
from heartguard_common.core.clock import Clock
from heartguard_common.core.errors import TOO_LONG, ServiceError
from heartguard_common.core.retry import RetryPolicy
from heartguard_common.core.transactions import Transaction
from heartguard_common.identity.authentication import Principal
from heartguard_common.identity.authority import Authority
from heartguard_common.jobs.dead_letters import DeadLetterStore
from heartguard_common.jobs.items import ItemRunner
from heartguard_common.messages import Payload, PointsDelete
from heartguard_influx.buckets.access import find_bucket, require_own
from heartguard_influx.buckets.domain import Bucket, own_name
from heartguard_influx.buckets.ports import Buckets
from heartguard_influx.changes.domain import ChangedRange
from heartguard_influx.changes.ports import ChangeLog, NoChangeLog
from heartguard_influx.deletion.ports import PointRemover
from heartguard_influx.errors import OWN_BUCKET, UNFINISHED
from heartguard_influx.fields.ports import FieldTypes
from heartguard_influx.series.domain import EARLIEST_NS, PERSON_TAG, Group, Selection, person_of, read_range

RETENTION = "retention"
# Retention runs once an hour: a bucket that fails for some two days becomes a dead letter.
RETRY = RetryPolicy(max_attempts=12, first_delay=1800.0, longest_delay=6 * 3600.0)


def _nothing() -> None:
    pass


class Deletion:
    """Removes points, buckets with their points, and what has been kept long enough."""

    def __init__(
        self,
        buckets: Buckets,
        types: FieldTypes,
        points: PointRemover,
        *,
        transaction: Transaction,
        audit: AuditTrail,
        clock: Clock,
        authority: Authority,
        erase_others: Callable[[int, int | None], int] = lambda *_: 0,
        removed: Callable[[int], object] = lambda _: None,
        changes: ChangeLog | None = None,
    ) -> None:
        """`erase_others` removes what else the service keeps of an organization or member; returns how much.

        `removed` gets the id of each organization of which points are removed that may be shown by a live stream.
        `changes` records which ranges members delete; what retention and erasures remove is none.
        """
        self._erase_others = erase_others
        self._removed = removed
        self._buckets = buckets
        self._types = types
        self._points = points
        self._transaction = transaction
        self._audit = audit
        self._clock = clock
        self._authority = authority
        self._changes = changes or NoChangeLog()

    def delete_bucket(self, principal: Principal, name: str) -> None:
        """Remove a bucket with its points.

        Raises TS_001, TS_003 for the organization's own bucket, and TS_008 when the time of the request ends first.
        """
        bucket = find_bucket(self._buckets, principal, name)
        if name == own_name(bucket.org_id):
            raise ServiceError(OWN_BUCKET)

        def record_removal(removed: int) -> None:
            payload = {"removed": removed}
            self._audit.changed(principal, "timeseries.delete_bucket", f"bucket:{name}", payload=payload)
            self._removed(bucket.org_id)

        self._authority.require_actor(principal)
        with _in_parts():
            self._drop(bucket.id or 0, principal, record_removal)

    def delete_points(self, principal: Principal, document: PointsDelete) -> None:
        """Remove the points that a PointsDelete names; admins may remove anybody's, all others their own.

        Raises TS_001, TS_005.
        """
        person = None if principal.role == "admin" else principal.user_id
        bucket = find_bucket(self._buckets, principal, document["bucket"])
        require_own(document.get("tags"), person)
        start_ns, stop_ns = read_range(document)
        tags = document.get("tags") or {}
        selection = Selection(bucket.id or 0, document["measurement"], start_ns, stop_ns, tags, person)
        resource = f"user:{tags[PERSON_TAG]}" if PERSON_TAG in tags else f"bucket:{bucket.name}"
        if person is not None:
            resource = f"user:{person}"
        # The caller's row is locked after everything is removed and not before: otherwise a caller with many long
        # deletions could not be demoted. A member who removes their own points needs no role, so it is not asked again.
        again = partial(self._authority.require_actor, principal) if person is None else _nothing
        with self._transaction():
            self._authority.require_writer(principal)
            removed, groups = self._delete(selection, again, bucket.org_id)
            if removed:
                self._removed(bucket.org_id)
            payload: Payload = {"bucket": bucket.name, "measurement": selection.measurement, "removed": removed}
            self._audit.changed(principal, "timeseries.delete_points", resource, payload=payload)
        if removed:
            self._points.tidy(selection.bucket_id, groups)

    def expire(self, dead_letters: DeadLetterStore) -> int:
        """Remove the points past the retention of their buckets; returns how many values that were.

        A bucket that fails does not stop the others: it is recorded in `dead_letters`.
        """
        self._points.settle()
        removed = 0

        def remove(bucket: Bucket) -> None:
            nonlocal removed
            oldest = bucket.oldest_ns(self._clock.now_ns())
            for name in self._types.measurements(bucket.id or 0):
                expired = Selection(bucket.id or 0, name, EARLIEST_NS, oldest or EARLIEST_NS, {})
                part, groups = self._delete(expired)
                if part:
                    self._points.tidy(expired.bucket_id, groups)
                removed += part

        buckets = {bucket.name: bucket for bucket in self._buckets.with_retention()}
        ItemRunner(dead_letters, RETENTION, RETRY).each(
            {name: partial(remove, bucket) for name, bucket in buckets.items()},
            {name: bucket.org_id for name, bucket in buckets.items()},
        )
        return removed

    def _delete(
        self, selection: Selection, require: Callable[[], None] = _nothing, org_id: int | None = None
    ) -> tuple[int, Sequence[Group]]:
        """Remove the points of a selection; returns how many values that were, and its series.

        With `org_id` the change is recorded.
        """
        if selection.start_ns >= selection.stop_ns:
            return 0, ()
        groups = self._points.groups(selection, None)
        people = {person for group in groups if (person := person_of(group.tags)) is not None}
        bounds = selection.measurement, selection.start_ns, selection.stop_ns - 1
        ranges = () if org_id is None else [ChangedRange(person, *bounds) for person in sorted(people)]
        with self._changes.recording(org_id or 0, ranges):
            return self._points.delete(selection, groups, require), groups

    def erase(self, principal: Principal, org_id: int, user_id: int | None) -> tuple[int, int | None]:
        """Remove the points of an organization, or of one member; returns how many values and buckets that were.

        Also returns in how many seconds it must be called once more, because a write that was permitted before the
        deletion may still arrive; None when all is done. Raises TS_008 when the time of the request ends before that.
        """
        with _in_parts():
            # The wait counts as part of the time: a deletion that has waited long ends with TS_008 and is sent again.
            marked = self._authority.wait_for_writers(org_id, user_id)
            buckets = self._buckets.ids(org_id)
            if user_id is None:
                removed = sum(self._drop(bucket_id) for bucket_id in buckets)
            else:
                removed = self._points.erase(buckets, user_id)
            removed += self._erase_others(org_id, user_id)
        if removed:
            self._removed(org_id)
            # Part by part is committed, so that a long erasure advances even if it is stopped; the event comes last.
            resource = f"organization:{org_id}" if user_id is None else f"user:{user_id}"
            self._audit.changed(principal, "timeseries.erase", resource, org_id=org_id, payload={"removed": removed})
        left = 0.0 if marked is None else self._points.settled_seconds - marked
        return removed, ceil(left) if left > 0 else None

    def _drop(
        self, bucket_id: int, actor: Principal | None = None, record_removal: Callable[[int], object] = lambda _: None
    ) -> int:
        require = _nothing if actor is None else partial(self._authority.require_actor, actor)
        removed = self._points.erase([bucket_id], None, require)
        with self._transaction():
            require()
            # Once more, because now a lock blocks all writes until the bucket is removed.
            removed += self._points.erase([bucket_id], None) + self._buckets.remove(bucket_id)
            record_removal(removed)
        return removed


@contextmanager
def _in_parts() -> Iterator[None]:
    """Raises TS_008 for GEN_422_TIME: the parts removed so far are committed, and the next request removes the rest."""
    try:
        yield
    except ServiceError as error:
        if error.error_code is TOO_LONG:
            raise ServiceError(UNFINISHED, headers={"Retry-After": "1"}) from error
        raise
