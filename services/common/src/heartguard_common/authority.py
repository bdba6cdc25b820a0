"""Who may store something, at the moment it is stored.

A token is checked when a request begins; its body may take minutes, and what it says may have changed since. So the
transaction that stores something asks again, takes shared locks on the organization and the people whose data it is,
and reads the marks of their deletion. A deletion sets its mark, waits for whoever holds such a lock, and erases.
"""

from collections.abc import Iterable
from typing import Protocol

from heartguard_common.identity import Principal


class Authority(Protocol):
    """Asked by whoever stores something, inside the transaction that stores it, before it locks any row."""

    def require_actor(
        self, actor: Principal, *, others: Iterable[int] = (), hold: bool = True, closed: bool = False
    ) -> None:
        """For a change that the actor's role permits: until the transaction ends, they are who their token says.

        That is: a member of that organization, with that role, active, not deleted, the session not revoked. `hold`
        locks their row, and with it those of the `others` whom the change is about; False where that is done already.
        `closed` allows it in an organization that is being deleted. Raises GEN_401_TOKEN.
        """

    def require_writer(self, actor: Principal, persons: Iterable[int] = ()) -> frozenset[int]:
        """For whoever stores data of `persons` (the actor always is one): those of them who were deleted.

        Nobody is deleted, nor is the organization, before the transaction has ended. Raises GEN_401_TOKEN where the
        actor is not who their token says any more.
        """

    def admits(self, org_id: int, user_id: int | None = None) -> bool:
        """Whether something may be stored of an organization, or of a member, by whoever has no token.

        Neither is deleted before the transaction has ended.
        """

    def wait_for_writers(self, org_id: int, user_id: int | None) -> float | None:
        """For a deletion whose mark is committed: return when nobody stores anything of theirs any more.

        Returns how many seconds ago the mark was set, None where there is none.
        """
