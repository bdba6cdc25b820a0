"""A batch that says something twice has the outcome of its points sent one after the other."""

from collections.abc import Mapping, Sequence

from heartguard_influx.fields.domain import Value
from heartguard_influx.points.domain.point import Status

Cell = tuple[int, int, int]
"""Series, time and field: what holds one value."""


class Batch:
    """The cells of a batch: the `first` value each is given, and the last where that is another.

    A store writes `first`, returns which cells that created or updated, writes `last`, and asks for the statuses.
    """

    def __init__(self, points: Sequence[Mapping[Cell, Value]]) -> None:
        self.first: dict[Cell, Value] = {}
        self.last: dict[Cell, Value] = {}
        self._repeats: dict[tuple[int, Cell], Status] = {}
        self._points = points
        newest: dict[Cell, Value] = {}
        for point in points:
            newest.update(point)
        if len(newest) == sum(map(len, points)):
            self.first = newest
        else:
            self._compare()

    def _compare(self) -> None:
        newest: dict[Cell, Value] = {}
        for place, point in enumerate(self._points):
            for cell, value in point.items():
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
        if not self._repeats and len(written) == len(self.first) and all(written.values()):
            return ["created"] * len(self._points)
        return [self._status(place, point, written) for place, point in enumerate(self._points)]

    def _status(self, place: int, point: Mapping[Cell, Value], written: Mapping[Cell, bool]) -> Status:
        found: set[Status] = set()
        for cell in point:
            repeat = self._repeats.get((place, cell))
            if repeat is not None:
                found.add(repeat)
            elif cell in written:
                found.add("created" if written[cell] else "updated")
            else:
                found.add("duplicate")
        return found.pop() if len(found) == 1 else "updated"
