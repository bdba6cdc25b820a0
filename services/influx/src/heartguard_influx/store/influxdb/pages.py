"""A page of raw points: how many rows to ask for, and which rows of the answer are its points."""

from collections.abc import Iterable, Mapping, Sequence
from heapq import nlargest, nsmallest

from heartguard_common.core.errors import ServiceError
from heartguard_influx.errors import STORE_FAILED
from heartguard_influx.fields.domain import Field, Value
from heartguard_influx.series.domain import Tags
from heartguard_influx.store.influxdb.answers import Record, time_of
from heartguard_influx.store.influxdb.flux import Kind

Position = tuple[int, int]
"""The time of a point and the id of its series: the order of points."""
Found = tuple[Position, Mapping[str, Value | None]]
"""The position of a point, and its fields."""
Members = Mapping[Tags, tuple[int, int]]
"""The series of a query by their tags: the id of the series, and the index of its group."""


def kinds_of(fields: Sequence[Field]) -> list[Kind]:
    """The fields by type, because types can't share a table; string fields twice (see `flux.Kind`)."""
    places: dict[str, list[int]] = {}
    for place, field in enumerate(fields):
        places.setdefault(field.type, []).append(place)
    kinds: list[Kind] = []
    for name, found in places.items():
        of_type = tuple(found)
        kinds += [Kind(of_type, "!="), Kind(of_type, "==")] if name == "string" else [Kind(of_type)]
    return kinds


class Page:
    """Collects the rows of answers into points: up to `limit`, and one more to know whether there is a next page."""

    def __init__(self, members: Members, position: Position | None, limit: int, *, descending: bool) -> None:
        self.descending = descending
        self._members = members
        self._position = position
        self._limit = limit
        self._pick = nlargest if descending else nsmallest
        self._found: dict[Position, dict[str, Value | None]] = {}

    def limits(self, kinds: Sequence[Kind]) -> list[tuple[int, int]]:
        """For each kind the rows to ask for to get all points of the page: of each series and field, and together.

        They include a surplus for the rows of the last instant, which come in any order, and for those of the instant
        at which the previous page ended.
        """
        instants = 1 if self._position is None else 2
        most = self._limit + 1 + instants * len(self._members)
        return [(self._limit + instants, most * len(kind.fields)) for kind in kinds]

    def take(self, records: Iterable[Record], bounds: Mapping[str, int]) -> bool:
        """Add the answer to `flux.page`, whose results have at most `bounds` rows; returns if the page is complete.

        A result with as many rows as its bound may lack rows of its last instant, or its surplus may be rows of series
        that are not asked for: it is complete only before that instant.
        """
        counts = dict.fromkeys(bounds, 0)
        ends = dict.fromkeys(bounds, 0)
        for record in records:
            if record.result not in bounds:
                raise ServiceError(STORE_FAILED)
            counts[record.result] += 1
            ends[record.result] = time_of(record)
            self._add(record)
        cut = [ends[name] for name, bound in bounds.items() if counts[name] >= bound]
        if not cut:
            return True
        points = self.points()
        if len(points) <= self._limit:
            return False
        last = points[-1][0][0]
        return last > max(cut) if self.descending else last < min(cut)

    def add(self, records: Iterable[Record]) -> None:
        """Add rows in any order."""
        for record in records:
            self._add(record)

    def points(self) -> list[Found]:
        """Up to `limit` points and one more, in order."""
        return [(key, self._found[key]) for key in self._pick(self._limit + 1, self._found)]

    def _add(self, record: Record) -> None:
        member = self._members.get(record.tags)
        if member is None:
            return
        key = (time_of(record), member[0])
        if self._position is not None and (key >= self._position if self.descending else key <= self._position):
            return
        self._found.setdefault(key, {})[record.field] = record.value
        if len(self._found) > 8 * self._limit + 1000:
            self._found = {best: self._found[best] for best in self._pick(self._limit + 1, self._found)}
