"""Handing out changed ranges with their points, and reading one person's points."""

from collections.abc import Iterator, Sequence
from functools import cache

from heartguard_common.core.transactions import Transaction
from heartguard_influx.buckets.ports import Buckets
from heartguard_influx.feed.domain import Change, Claimed, Page, PersonRange, Reading
from heartguard_influx.feed.ports import ChangeQueue, RangeReader
from heartguard_influx.fields.ports import FieldTypes
from heartguard_influx.queries.ports import PointReader
from heartguard_influx.series.domain import LATEST_NS, Selection

READINGS_AT_ONCE = 20_000
"""Readings in one answer, of all its ranges together."""
ROWS_AT_ONCE = 100_000
"""Values that are read for one answer, at most."""
MOTION_TAG = "motion_context"
STEPS = "steps"
MINUTE_NS = 60_000_000_000


class Feed:
    """Changes and the readings in them, from whichever store has the points."""

    def __init__(
        self,
        buckets: Buckets,
        types: FieldTypes,
        points: PointReader,
        changes: ChangeQueue,
        ranges: RangeReader,
        *,
        transaction: Transaction,
    ) -> None:
        self._buckets = buckets
        self._types = types
        self._points = points
        self._changes = changes
        self._ranges = ranges
        self._transaction = transaction

    def claim(self, limit: int) -> Sequence[Change]:
        """Up to `limit` ranges with their readings, as far as the answer has room for them."""
        claimed = self._changes.claim(limit)
        reader = _Reader(self._buckets, self._types, self._points)
        with self._transaction():
            return list(reader.changes(claimed, self._ranges))

    def read(self, org_id: int, person: int, measurement: str, start_ns: int, stop_ns: int, *, limit: int) -> Page:
        """The first readings of a person in `[start_ns, stop_ns)`, about `limit` in each bucket of the organization.

        All readings of an instant are on the same page.
        """
        with self._transaction():
            asked = PersonRange(org_id, person, measurement, start_ns, stop_ns)
            (found,) = self._ranges.whole([asked], limit)
            if found is not None:
                return Page(found, None)
            return _Reader(self._buckets, self._types, self._points).read(asked, limit)

    def read_short(self, ranges: Sequence[PersonRange]) -> Sequence[Sequence[Reading] | None]:
        """The readings of each range; None for one that has too many, or where the store reads one range at a time."""
        with self._transaction():
            return self._ranges.whole(ranges, READINGS_AT_ONCE // max(1, len(ranges)))


class _Reader:
    """Reads for one request, which asks once for the buckets of an organization and the fields of a measurement."""

    def __init__(self, buckets: Buckets, types: FieldTypes, points: PointReader) -> None:
        self._buckets = cache(buckets.ids)
        self._types = cache(types.of)
        self._points = points

    def changes(self, claimed: Sequence[Claimed], ranges: RangeReader) -> Iterator[Change]:
        """Ranges with their readings, as far as there is room for them."""
        asked = [_range_of(one) for one in claimed]
        asked_steps = {
            one.id: _minutes_of(one) for one in claimed if one.needs_steps and one.range.measurement != STEPS
        }
        wanted = [*asked, *asked_steps.values()]
        found = dict(zip(wanted, ranges.whole(wanted, ROWS_AT_ONCE // max(1, len(wanted))), strict=True))
        room = READINGS_AT_ONCE
        for one, its_range in zip(claimed, asked, strict=True):
            steps = None
            readings = self._whole(its_range, found[its_range], room)
            room -= len(readings or ())
            if one.id in asked_steps and any(it.motion is None for it in readings or ()):
                minutes = asked_steps[one.id]
                steps = self._whole(minutes, found[minutes], room)
                room -= len(steps or ())
            made = [it.time_ns for it in steps or () if any(value > 0 for value in it.values.values())]
            yield Change(one, readings, None if steps is None else made)

    def _whole(self, asked: PersonRange, found: Sequence[Reading] | None, room: int) -> Sequence[Reading] | None:
        """All readings of a range, which may be found already; None where they are more than `room`."""
        if found is not None or room <= 0:
            return found if found is not None and len(found) <= room else None
        page = self.read(asked, room)
        return page.readings if page.next_ns is None else None

    def read(self, asked: PersonRange, limit: int) -> Page:
        """As `Feed.read`."""
        found: list[Reading] = []
        next_ns: int | None = None
        org_id, person, measurement, start_ns, stop_ns = asked
        for bucket_id in self._buckets(org_id):
            selection = Selection(bucket_id, measurement, start_ns, stop_ns, {}, person)
            readings, more = self._of_bucket(selection, limit)
            found += readings
            if more is not None:
                next_ns = more if next_ns is None else min(more, next_ns)
        found.sort(key=lambda it: it.time_ns)
        return Page([it for it in found if next_ns is None or it.time_ns < next_ns], next_ns)

    def _of_bucket(self, selection: Selection, limit: int) -> tuple[Sequence[Reading], int | None]:
        groups = self._points.groups(selection, None)
        fields = [it for it in self._types(selection.bucket_id, selection.measurement) if it.type == "float"]
        if not groups or not fields:
            return (), None
        rows, position = self._points.points(selection, groups, fields, after=None, limit=limit, descending=False)
        motions = [dict(group.tags).get(MOTION_TAG) for group in groups]
        readings = []
        for row in rows:
            values = {name: value for name, value in row.values.items() if isinstance(value, float)}
            readings.append(Reading(row.time_ns, values, motions[row.group]))
        if position is None or not readings:
            return readings, None
        # The last instant may go on behind the page, unless it is the only one: then the page has `limit` of it.
        last_ns = readings[-1].time_ns
        return readings, last_ns if readings[0].time_ns < last_ns else last_ns + 1


def _range_of(claimed: Claimed) -> PersonRange:
    person, measurement, first_ns, last_ns = claimed.range
    return PersonRange(claimed.org_id, person, measurement, first_ns, min(last_ns, LATEST_NS - 1) + 1)


def _minutes_of(claimed: Claimed) -> PersonRange:
    """The steps in the minutes of a range."""
    whole = _range_of(claimed)
    start_ns, stop_ns = whole.start_ns // MINUTE_NS * MINUTE_NS, -(-whole.stop_ns // MINUTE_NS) * MINUTE_NS
    return whole._replace(measurement=STEPS, start_ns=start_ns, stop_ns=min(stop_ns, LATEST_NS))
