"""What every use case of the time-series service is made of: the way outside, and one way through many points."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from heartguard_common.audit import AuditTrail
from heartguard_common.clock import Clock
from heartguard_influx.domain.query import Field, Group, Row, Selection, page_points
from heartguard_influx.ports import Buckets, FieldTypes, TimeSeriesStore, Transaction


@dataclass(frozen=True)
class Stores:
    """Where points are kept, what is known about them, and what holds the steps of one call together."""

    buckets: Buckets
    types: FieldTypes
    points: TimeSeriesStore
    transaction: Transaction
    audit: AuditTrail
    clock: Clock


def every_point(
    store: TimeSeriesStore, selection: Selection, groups: Sequence[Group], fields: Sequence[Field]
) -> Iterator[Row]:
    """All points of a selection in order of time; no more than a page of them is held."""
    limit, position = page_points(None, len(fields)), None
    while groups and fields:
        rows, position = store.points(selection, groups, fields, after=position, limit=limit, descending=False)
        yield from rows
        if position is None:
            return
