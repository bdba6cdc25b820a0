"""Where the states of organizations are stored."""

from collections.abc import Sequence
from typing import Protocol

from heartguard_organization.states.domain import State


class States(Protocol):
    """The states of organizations in PostgreSQL, and their copy in Redis."""

    def lock(self, org_id: int) -> State:
        """The state, whose row is locked until the transaction ends."""

    def save(self, org_id: int, state: State) -> None:
        """Store a state."""

    def touch(self, org_id: int) -> None:
        """Note that the limit of requests changed, so that it is copied."""

    def publish(self, org_id: int) -> None:
        """Bring the committed state to the copy, now or within a second."""

    def with_ended_plan(self, now: int, limit: int) -> Sequence[int]:
        """Up to `limit` organizations whose plan is at its end, or the grace after it, at `now` in nanoseconds."""

    def to_check(self, before: int, limit: int) -> Sequence[int]:
        """Up to `limit` organizations of which use was not looked at since `before`, longest ago first."""

    def checked(self, org_id: int, now: int) -> None:
        """Note when use was looked at."""

    def requests(self, org_id: int, share: int) -> int:
        """How many of the `share` requests of a minute the organization has used now; 0 without Redis."""
