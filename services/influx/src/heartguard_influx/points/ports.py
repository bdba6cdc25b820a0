"""What is needed of the store to write points."""

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

from heartguard_influx.points.domain.point import Point, Sender, Verdict
from heartguard_influx.series.domain import Tags


class TooManySeries(Exception):  # noqa: N818  it is what they are
    """New series beyond a limit, each with the reason that names the limit."""

    def __init__(self, refused: Mapping[tuple[str, Tags], str]) -> None:
        super().__init__("no room for new series")
        self.refused = refused


class PointObserver(Protocol):
    """Who counts points."""

    def written(self, points: Sequence[Point], verdicts: Sequence[Verdict], received_ns: int) -> None:
        """A batch was taken: its points in order, the verdict for each, and when it was received."""


class PointWriter(Protocol):
    """Stores points."""

    def rejection(self, point: Point) -> str | None:
        """Why this store can't keep a point as it is, or None."""

    def write(
        self,
        bucket_id: int,
        points: Sequence[Point],
        sender: Sender | None = None,
        require: Callable[[], None] = lambda: None,
    ) -> Sequence[Verdict]:
        """Store valid points whose field types are registered; returns the status of each, as if sent one by one.

        Their values are counted as the sender's. A store that is no part of the surrounding transaction calls `require`
        before it sends anything; what that raises is raised. Raises `LimitError` when there is no room for all of them,
        `TooManySeries` for new series without room; nothing is stored then.
        """


class PointAnnouncer(Protocol):
    """Tells live streams about stored points."""

    def begin(self, org_id: int) -> str | None:
        """Points of an organization are about to be stored; returns what `stored` wants to get."""

    def stored(
        self, org_id: int, bucket: str, points: Sequence[Point], verdicts: Sequence[Verdict], begun: str | None
    ) -> None:
        """The points that are not rejected or duplicates are stored, once the surrounding transaction is committed."""
