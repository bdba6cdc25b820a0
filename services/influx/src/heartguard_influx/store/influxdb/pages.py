"""A page of raw points: how many rows to ask for, and which of those that came are its points."""

from collections.abc import Iterable, Mapping, Sequence
from heapq import nlargest, nsmallest

from heartguard_common.core.errors import ServiceError
from heartguard_influx.errors import STORE_FAILED
from heartguard_influx.fields.domain import Field, Value
from heartguard_influx.series.domain import Tags
from heartguard_influx.store.influxdb.answers import Record, time_of
from heartguard_influx.store.influxdb.flux import Kind

Position = tuple[int, int]
"""The time of a point and the number of its series: points are in this order."""
Found = tuple[Position, Mapping[str, Value | None]]
"""A point by its position, with its fields."""
Members = Mapping[Tags, tuple[int, int]]
"""The series of a query by their tags: its number and the place of its group."""


def kinds_of(fields: Sequence[Field]) -> list[Kind]:
    """The fields by their types, which share no table; text fields twice."""
    places: dict[str, list[int]] = {}
    for place, field in enumerate(fields):
        places.setdefault(field.type, []).append(place)
    kinds: list[Kind] = []
    for name, found in places.items():
        of_type = tuple(found)
        kinds += [Kind(of_type, "!="), Kind(of_type, "==")] if name == "string" else [Kind(of_type)]
    return kinds


class Page:
    """Gathers the rows of answers into points; `limit` is how many are wanted, one more means a next page."""

    def __init__(self, members: Members, position: Position | None, limit: int, *, descending: bool) -> None:
        self.descending = descending
        self._members = members
        self._position = position
        self._limit = limit
        self._pick = nlargest if descending else nsmallest
        self._found: dict[Position, dict[str, Value | None]] = {}

    def limits(self, kinds: Sequence[Kind]) -> list[tuple[int, int]]:
        """Rows to ask for, of each series and field and of all together, so that the page's points are among them.

        The surplus holds the rows of the last instant, which come in any order, and those of the instant where the
        page before ended.
        """
        instants = 1 if self._position is None else 2
        most = self._limit + 1 + instants * len(self._members)
        return [(self._limit + instants, most * len(kind.fields)) for kind in kinds]

    def take(self, records: Iterable[Record], bounds: Mapping[str, int]) -> bool:
        """Add an answer to `flux.page`, whose results have these bounds; whether the page is certain then.

        A result as long as its bound may lack rows of its last instant, and its surplus may have gone to series that
        are not asked for: only what lies before that instant is known to be all.
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
        """Add rows of any order."""
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
