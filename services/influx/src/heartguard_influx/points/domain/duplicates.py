"""Duplicates inside a batch: its points have the statuses that they would have if sent one after the other."""

from collections.abc import Mapping, Sequence

from heartguard_influx.fields.domain import Value
from heartguard_influx.points.domain.point import Status

Cell = tuple[int, int, int]
"""Series, time and field: the place of one value."""


class Batch:
    """The cells of a batch: `first` has the first value of each, `last` the last value where that is another one.

    A store writes `first` and notes which cells that created or updated, then writes `last`, and asks for the statuses.
    """

    def __init__(self, points: Sequence[Mapping[Cell, Value]]) -> None:
        self.first: dict[Cell, Value] = {}
        self.last: dict[Cell, Value] = {}
        self._duplicates: dict[tuple[int, Cell], Status] = {}
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
                    self._duplicates[place, cell] = "duplicate" if newest[cell] == value else "updated"
                else:
                    self.first[cell] = value
                newest[cell] = value
        self.last = {cell: value for cell, value in newest.items() if value != self.first[cell]}

    def statuses(self, written: Mapping[Cell, bool]) -> list[Status]:
        """The status of each point; `written` maps each cell that writing `first` changed to whether it is new.

        A point is created when all its values are new, a duplicate when all were stored already, otherwise updated.
        """
        if not self._duplicates and len(written) == len(self.first) and all(written.values()):
            return ["created"] * len(self._points)
        return [self._status(place, point, written) for place, point in enumerate(self._points)]

    def _status(self, place: int, point: Mapping[Cell, Value], written: Mapping[Cell, bool]) -> Status:
        found: set[Status] = set()
        for cell in point:
            status = self._duplicates.get((place, cell))
            if status is not None:
                found.add(status)
            elif cell in written:
                found.add("created" if written[cell] else "updated")
            else:
                found.add("duplicate")
        return found.pop() if len(found) == 1 else "updated"
