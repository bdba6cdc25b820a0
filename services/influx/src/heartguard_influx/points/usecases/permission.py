"""The permission to store the points of a batch."""

from heartguard_common.core.clock import NANOSECONDS, Clock
from heartguard_common.core.errors import UNAVAILABLE, ServiceError
from heartguard_common.identity.authentication import Principal
from heartguard_common.identity.authority import Authority
from heartguard_influx.points.domain.point import Point
from heartguard_influx.series.domain import person_of

TRUSTED_NS = 5 * NANOSECONDS


class WritePermission:
    """The permission to store the points of a batch, asked for in the transaction that stores them.

    A store that is no part of this transaction calls `require` before it sends each part of the batch. An answer older
    than `TRUSTED_NS` is then asked for again, because a deletion waits only for a limited time for writes that were
    permitted before it (see `PointRemover.settled_seconds`).

    The sender's row is not locked, even where their role allows them to write for others. With a lock, a sender of one
    batch after the other could not be demoted. A batch changes no rights, so one that was permitted just before a
    change of role has the same effect as one that arrived just before it.
    """

    def __init__(self, authority: Authority, clock: Clock, principal: Principal, persons: frozenset[int]) -> None:
        self._authority = authority
        self._clock = clock
        self._principal = principal
        self._persons = persons
        self._deleted = self._ask()

    def rejection(self, point: Point) -> str | None:
        """Why a point is rejected, or None."""
        if self._deleted and person_of(point.tags) in self._deleted:
            return "the tag user_id names somebody who was deleted"
        return None

    def require(self) -> None:
        """Return when the points may still be stored.

        Raises GEN_401_TOKEN, and GEN_503 when another of the people has been deleted since the last answer.
        """
        if self._clock.now_ns() - self._asked_ns > TRUSTED_NS and self._ask() != self._deleted:
            raise ServiceError(UNAVAILABLE, "A person whose points these are was deleted meanwhile; send them again")

    def _ask(self) -> frozenset[int]:
        self._asked_ns = self._clock.now_ns()
        return self._authority.require_writer(self._principal, self._persons)
