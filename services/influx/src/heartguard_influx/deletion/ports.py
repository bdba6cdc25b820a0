"""What is needed of the store to remove points."""

from collections.abc import Callable, Sequence
from typing import Protocol

from heartguard_influx.series.domain import Group, Selection
from heartguard_influx.series.ports import SeriesIndex


class PointRemover(SeriesIndex, Protocol):
    """Removes points.

    `settled_seconds`: for so long after the mark of a deletion a write may still arrive that was permitted before it.
    """

    @property
    def settled_seconds(self) -> float:
        """0 where points are stored in the transaction that has asked for the permission."""

    def delete(self, selection: Selection, groups: Sequence[Group], require: Callable[[], None] = lambda: None) -> int:
        """Remove the points of a selection, whose series the groups are; returns how many values that were.

        `require` is called at the last moment at which all of them can stay: after the removal where that is part of
        the surrounding transaction, otherwise before it. What it raises is raised.
        """

    def tidy(self, bucket_id: int, groups: Sequence[Group]) -> None:
        """Remove the series among these that have no points left, where the store can tell; in its own transaction."""

    def settle(self) -> None:
        """Bring the counts of stored values in order; repeatable."""

    def erase(self, bucket_ids: Sequence[int], person: int | None, require: Callable[[], None] = lambda: None) -> int:
        """Remove the points of buckets, or one person's there; returns how many values that were.

        They are removed in parts; `require` is called for each as `delete` calls it, and what it raises ends the
        removal.
        """
