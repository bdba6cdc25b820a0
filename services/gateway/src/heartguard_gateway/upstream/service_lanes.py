"""The lanes of one service: which requests need a slot in one, and the refusal of those that get none."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from heartguard_common.core.errors import ServiceError
from heartguard_gateway.bodies.spool import Body
from heartguard_gateway.errors import LANES_FULL
from heartguard_gateway.ports import Outbound
from heartguard_gateway.upstream.lane import Lane
from heartguard_gateway.upstream.limits import UpstreamLimits


class ServiceLanes:
    """Lanes for bodies and answers that come at a client's pace, for large documents, and for long answers.

    `waiting` is for readers for whom the service has to wait. `count` gets the name of each event.
    """

    def __init__(self, limits: UpstreamLimits, count: Callable[[str], object], monotonic: Callable[[], float]) -> None:
        self._limits = limits
        self._count = count
        self.streams = Lane(limits.streams, limits.share, monotonic)
        self.documents = Lane(limits.documents, limits.documents_share, monotonic)
        self.downloads = Lane(limits.downloads, limits.download_share, monotonic)
        self.waiting = Lane(limits.waiting, limits.waiting_share, monotonic)

    @property
    def busy(self) -> int:
        """How many streams and downloads there are now."""
        return self.streams.busy + self.downloads.busy

    def lane_for_body(self, outbound: Outbound) -> Lane | None:
        """The lane that a request needs a slot in because its body is streamed or large."""
        if is_streamed(outbound):
            return self.streams
        return self.documents if outbound.large else None

    @contextmanager
    def slot(self, lane: Lane, holder: str) -> Iterator[None]:
        """A block that has a slot in the lane of a body. Raises GW_016."""
        self.enter(lane, holder, self._limits.turn if lane is self.documents else self._limits.wait)
        try:
            yield
        finally:
            lane.leave(holder)

    def enter_downloads(self, holder: str) -> None:
        """Take a slot for a long answer, which its end gives back. Raises GW_016."""
        self.enter(self.downloads, holder, self._limits.download_turn)

    def enter_streams(self, holder: str) -> None:
        """Take a slot for an event stream, which its end gives back. Raises GW_016."""
        self.enter(self.streams, holder, self._limits.wait)

    def enter(self, lane: Lane, holder: str, seconds: float) -> None:
        """Take a slot in a lane after at most so many seconds. Raises GW_016."""
        if not lane.enter(holder, seconds):
            raise self.full(lane)

    def full(self, lane: Lane) -> ServiceError:
        """GW_016 for a lane without a free slot; counted."""
        self._count("documents_exhausted" if lane is self.documents else "streams_exhausted")
        text = f"One process passes on {lane.size} such requests at once, {lane.share} of one client"
        return ServiceError(LANES_FULL, text, headers={"Retry-After": "5"})


def is_streamed(outbound: Outbound) -> bool:
    """Whether the body comes at the client's pace, so that it can be sent only once."""
    return not isinstance(outbound.body, bytes | Body)
