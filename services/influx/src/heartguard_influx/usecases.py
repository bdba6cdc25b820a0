"""All use cases of the time-series service, over one set of stores."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Protocol, Self

from heartguard_common.audit.events import AuditTrail
from heartguard_common.core.clock import Clock
from heartguard_common.core.transactions import Transaction
from heartguard_common.http.exports import Record
from heartguard_common.identity.authority import Authority
from heartguard_influx.buckets.ports import Buckets
from heartguard_influx.buckets.usecases import BucketAdministration
from heartguard_influx.changes.ports import ChangeLog
from heartguard_influx.deletion.usecases import Deletion
from heartguard_influx.exports.usecases import Exporting
from heartguard_influx.feed.ports import ChangeQueue, NoChangeQueue, NoRangeReader, RangeReader
from heartguard_influx.feed.usecases import Feed
from heartguard_influx.fields.ports import FieldTypes
from heartguard_influx.fields.usecases import Fields
from heartguard_influx.imports.usecases import Importing
from heartguard_influx.influxdb_api.usecases import InfluxNames
from heartguard_influx.listeners.usecases import Listening
from heartguard_influx.points.ports import PointAnnouncer, PointObserver, SmallWriter
from heartguard_influx.points.usecases.writing import Writing
from heartguard_influx.ports import TimeSeriesStore
from heartguard_influx.queries.domain.query import BUDGET, Budget
from heartguard_influx.queries.ports import QuickReader
from heartguard_influx.queries.usecases.querying import Querying
from heartguard_influx.series_exports.usecases import SeriesExports
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
    small: SmallWriter | None = None
    quick: QuickReader | None = None
    erase_others: Callable[[int, int | None], int] = lambda *_: 0
    """Removes what else the service keeps of an organization or member."""
    other_records: Callable[[int, int], Iterable[Record]] = lambda *_: ()
    """What else the service keeps of a person."""
    imports: Importing | None = None
    announcer: PointAnnouncer | None = None
    removed: Callable[[int], object] = lambda _: None
    """Gets the id of an organization of which points are removed."""
    listening: Listening | None = None
    settle: Callable[[], float] | None = None
    """Run in the background: tells live streams what they missed."""
    close_announcer: Callable[[], object] = lambda: None
    """Called when the background has ended: publishes what waits."""
    changes: Changes | None = None
    ranges: RangeReader | None = None
    sum_days: Callable[[], float] | None = None
    """Run in the background: adds up days that are over."""


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
    influx_names: InfluxNames
    listening: Listening | None
    feed: Feed
    clock: Clock
    imports: Importing | None = None
    exports: SeriesExports | None = None

    @property
    def importing(self) -> Importing:
        """Asks for imports. Raises TypeError for use cases over stores of points alone."""
        if self.imports is None:
            raise TypeError("there are no imports")
        return self.imports

    @property
    def series_exports(self) -> SeriesExports:
        """Exports series as files. Raises TypeError for use cases over stores of points alone."""
        if self.exports is None:
            raise TypeError("there are no exports")
        return self.exports

    @classmethod
    def over(cls, stores: Stores, budget: Budget = BUDGET, exports: SeriesExports | None = None) -> Self:
        """All of them over the same stores."""
        buckets, types, points = stores.buckets, stores.types, stores.points
        transaction, audit, clock, authority = stores.transaction, stores.audit, stores.clock, stores.authority
        administration = BucketAdministration(
            buckets, transaction=transaction, registry=stores.registry, audit=audit, authority=authority
        )
        return cls(
            writing=_writing(stores),
            querying=Querying(
                buckets, types, points, transaction=transaction, audit=audit, budget=budget, quick=stores.quick
            ),
            summarizing=Summarizing(
                buckets, types, points, transaction=transaction, audit=audit, clock=clock, budget=budget
            ),
            exporting=Exporting(buckets, types, points, stores.other_records),
            buckets=administration,
            fields=Fields(buckets, types, points, transaction=transaction, audit=audit, authority=authority),
            deletion=_deletion(stores),
            feed=_feed(stores),
            exports=exports,
            influx_names=InfluxNames(buckets, administration),
            listening=stores.listening,
            clock=clock,
            imports=stores.imports,
        )


def _feed(stores: Stores) -> Feed:
    changes, ranges = stores.changes or NoChangeQueue(), stores.ranges or NoRangeReader()
    return Feed(stores.buckets, stores.types, stores.points, changes, ranges, transaction=stores.transaction)


def _writing(stores: Stores) -> Writing:
    return Writing(
        stores.buckets,
        stores.types,
        stores.points,
        transaction=stores.transaction,
        clock=stores.clock,
        authority=stores.authority,
        refused=stores.refused,
        observer=stores.observer,
        small=stores.small,
        announcer=stores.announcer,
        changes=stores.changes,
    )


def _deletion(stores: Stores) -> Deletion:
    return Deletion(
        stores.buckets,
        stores.types,
        stores.points,
        transaction=stores.transaction,
        audit=stores.audit,
        clock=stores.clock,
        authority=stores.authority,
        erase_others=stores.erase_others,
        removed=stores.removed,
        changes=stores.changes,
    )
