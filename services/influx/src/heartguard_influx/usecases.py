"""All use cases of the time-series service, over one set of stores."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, Self

from heartguard_common.audit.events import AuditTrail
from heartguard_common.core.clock import Clock
from heartguard_common.core.transactions import Transaction
from heartguard_common.identity.authority import Authority
from heartguard_influx.buckets.ports import Buckets
from heartguard_influx.buckets.usecases import BucketAdministration
from heartguard_influx.changes.ports import ChangeLog
from heartguard_influx.deletion.usecases import Deletion
from heartguard_influx.exports.usecases import Exporting
from heartguard_influx.feed.ports import ChangeQueue, NoChangeQueue
from heartguard_influx.feed.usecases import Feed
from heartguard_influx.fields.ports import FieldTypes
from heartguard_influx.fields.usecases import Fields
from heartguard_influx.points.ports import PointObserver
from heartguard_influx.points.usecases.writing import Writing
from heartguard_influx.ports import TimeSeriesStore
from heartguard_influx.queries.domain.query import BUDGET, Budget
from heartguard_influx.queries.usecases.querying import Querying
from heartguard_influx.summaries.usecases import Summarizing


class Changes(ChangeLog, ChangeQueue, Protocol):
    """Records changes, and hands them out."""


@dataclass(frozen=True)
class Stores:
    """The stores of points and of what is known about them, the transactions, audit, clock and authority.

    `transaction` surrounds a use case; it is none where points are in an InfluxDB. `registry` is one over what
    PostgreSQL has in any case, and the one that `authority` asks in.
    """

    buckets: Buckets
    types: FieldTypes
    points: TimeSeriesStore
    transaction: Transaction
    audit: AuditTrail
    clock: Clock
    authority: Authority
    registry: Transaction
    refused: Callable[[str], object] = lambda _: None
    """Gets the name of a limit that rejects points without refusing their batch."""
    observer: PointObserver | None = None
    changes: Changes | None = None


@dataclass(frozen=True)
class UseCases:
    """What the handlers call."""

    writing: Writing
    querying: Querying
    summarizing: Summarizing
    exporting: Exporting
    buckets: BucketAdministration
    fields: Fields
    deletion: Deletion
    feed: Feed
    clock: Clock

    @classmethod
    def over(cls, stores: Stores, budget: Budget = BUDGET) -> Self:
        """All of them over the same stores."""
        buckets, types, points = stores.buckets, stores.types, stores.points
        transaction, audit, clock, authority = stores.transaction, stores.audit, stores.clock, stores.authority
        return cls(
            writing=Writing(
                buckets,
                types,
                points,
                transaction=transaction,
                clock=clock,
                authority=authority,
                refused=stores.refused,
                observer=stores.observer,
                changes=stores.changes,
            ),
            querying=Querying(buckets, types, points, transaction=transaction, audit=audit, budget=budget),
            summarizing=Summarizing(
                buckets, types, points, transaction=transaction, audit=audit, clock=clock, budget=budget
            ),
            exporting=Exporting(buckets, types, points),
            buckets=BucketAdministration(
                buckets, transaction=transaction, registry=stores.registry, audit=audit, authority=authority
            ),
            fields=Fields(buckets, types, points, transaction=transaction, audit=audit, authority=authority),
            deletion=Deletion(
                buckets,
                types,
                points,
                transaction=transaction,
                audit=audit,
                clock=clock,
                authority=authority,
                changes=stores.changes,
            ),
            feed=Feed(buckets, types, points, stores.changes or NoChangeQueue()),
            clock=clock,
        )
