"""An authority for tests of use cases: everybody is who their token says, unless set otherwise."""

from collections.abc import Collection, Iterable

from heartguard_common.core.errors import INVALID_TOKEN, ServiceError
from heartguard_common.identity.authentication import Principal


class KnownPeople:
    """`gone`: whose token counts no more, and whose data nobody stores. `marked_seconds`: since when."""

    def __init__(self, *gone: int, marked_seconds: float | None = None) -> None:
        self.gone = set(gone)
        self.marked_seconds = marked_seconds

    def require_actor(
        self, actor: Principal, *, others: Iterable[int] = (), lock: bool = True, closed: bool = False
    ) -> None:
        del others, lock, closed
        if actor.user_id in self.gone:
            raise ServiceError(INVALID_TOKEN)

    def require_writer(self, actor: Principal, persons: Iterable[int] = ()) -> frozenset[int]:
        self.require_actor(actor)
        return frozenset(self.gone.intersection(persons))

    def admits(self, org_id: int, user_id: int | None = None) -> bool:
        del org_id
        return user_id not in self.gone

    def admits_each(self, org_id: int, persons: Collection[int]) -> frozenset[int]:
        return frozenset(it for it in persons if self.admits(org_id, it))

    def wait_for_writers(self, org_id: int, user_id: int | None) -> float | None:
        del org_id, user_id
        return self.marked_seconds
