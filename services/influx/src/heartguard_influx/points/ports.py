"""What is needed of the store to write points."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from heartguard_common.identity.authentication import Principal
from heartguard_influx.buckets.domain import Bucket
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


@dataclass(frozen=True)
class SmallWrite:
    """A batch of few values: whose it is, where it goes, and the people that the points belong to.

    `acceptable` says whether the rules of a bucket reject none of its points.
    """

    principal: Principal
    bucket: str
    points: Sequence[Point]
    persons: frozenset[int]
    acceptable: Callable[[Bucket], bool]


class SmallWriter(Protocol):
    """Stores small batches that come at the same time in one transaction."""

    def write(self, batch: SmallWrite) -> Sequence[Verdict] | None:
        """What the store did with each point, once all of the batch is stored; None where nothing of it is.

        A batch for which anything is unusual (a new series or field, a rejected point, a limit that is near, a caller
        who may not, an error) is not stored: the ordinary way has the answer to it.
        """


class StoredBatch(NamedTuple):
    """Points that are stored, with what became of each."""

    org_id: int
    bucket: str
    points: Sequence[Point]
    verdicts: Sequence[Verdict]


class PointAnnouncer(Protocol):
    """Tells live streams about stored points."""

    def begin(self, org_id: int) -> str | None:
        """Points of an organization are about to be stored; returns what `stored` wants to get."""

    def stored(
        self, org_id: int, bucket: str, points: Sequence[Point], verdicts: Sequence[Verdict], begun: str | None
    ) -> None:
        """The points that are not rejected or duplicates are stored, once the surrounding transaction is committed."""
