"""A batch that says something twice has the outcome of its points sent one after the other."""

from collections.abc import Mapping, Sequence

from heartguard_influx.domain.point import Point, Status, Tags, Value

Cell = tuple[str, Tags, int, str]
"""Measurement, tags, time and field: what holds one value."""


class Batch:
    """The cells of a batch: the `first` value each is given, and the last where that is another.

    A store writes `first`, tells which cells that created or updated, writes `last`, and asks for the statuses.
    """

    def __init__(self, points: Sequence[Point]) -> None:
        self.first: dict[Cell, Value] = {}
        self.last: dict[Cell, Value] = {}
        self._repeats: dict[tuple[int, Cell], Status] = {}
        self._points = points
        newest: dict[Cell, Value] = {}
        for place, point in enumerate(points):
            for name, value in point.fields.items():
                cell = (point.measurement, point.tags, point.time_ns, name)
                if cell in newest:
                    self._repeats[place, cell] = "duplicate" if newest[cell] == value else "updated"
                else:
                    self.first[cell] = value
                newest[cell] = value
        self.last = {cell: value for cell, value in newest.items() if value != self.first[cell]}

    def statuses(self, written: Mapping[Cell, bool]) -> list[Status]:
        """The status of each point; `written` says of the changed first cells whether they are new.

        A point is created when all its values are new, a duplicate when all stood there already.
        """
        return [self._status(place, point, written) for place, point in enumerate(self._points)]

    def _status(self, place: int, point: Point, written: Mapping[Cell, bool]) -> Status:
        found: set[Status] = set()
        for name in point.fields:
            cell = (point.measurement, point.tags, point.time_ns, name)
            repeat = self._repeats.get((place, cell))
            if repeat is not None:
                found.add(repeat)
            elif cell in written:
                found.add("created" if written[cell] else "updated")
            else:
                found.add("duplicate")
        return found.pop() if len(found) == 1 else "updated"
