"""Who may store something, at the moment it is stored.

A token is checked when a request begins; its body may take minutes, and what it says may have changed since. So the
transaction that stores something asks again, takes shared locks on the organization and the people whose data it is,
and reads the marks of their deletion. A deletion sets its mark, waits until all such locks are released, and erases.
"""

from collections.abc import Iterable
from typing import Protocol

from heartguard_common.identity.authentication import Principal


class Authority(Protocol):
    """Checks for a writer, inside its transaction and before it locks any row."""

    def require_actor(
        self, actor: Principal, *, others: Iterable[int] = (), lock: bool = True, closed: bool = False
    ) -> None:
        """For a change that the actor's role permits: until the transaction ends, they are who their token says.

        That is: a member of that organization, with that role, active, not deleted, the session not revoked. `hold`
        locks their row, and with it those of the `others` whom the change is about; False where that is done already.
        `closed` allows it in an organization that is being deleted. Raises GEN_401_TOKEN.
        """

    def require_writer(self, actor: Principal, persons: Iterable[int] = ()) -> frozenset[int]:
        """For a writer of data of `persons` (the actor always is one): those of them who were deleted.

        No person or organization is deleted before the transaction has ended. Raises GEN_401_TOKEN where the
        actor is not who their token says any more.
        """

    def admits(self, org_id: int, user_id: int | None = None) -> bool:
        """Whether data of an organization or a member may be stored by a caller without a token.

        Neither is deleted before the transaction has ended.
        """

    def wait_for_writers(self, org_id: int, user_id: int | None) -> float | None:
        """For a deletion whose mark is committed: return when no writer of their data is left.

        Returns how many seconds ago the mark was set, None where there is none.
        """
