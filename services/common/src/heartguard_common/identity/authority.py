"""Authorization at the moment of a write.

A token is checked when a request begins; its body may take minutes to arrive, and the caller's role or session may
change meanwhile. So the transaction that stores data checks the caller again, takes shared locks on the organization
and the persons whose data it is, and reads their deletion marks. A deletion sets its mark, waits until all such locks
are released, and then erases.
"""

from collections.abc import Collection, Iterable
from typing import Protocol

from heartguard_common.identity.authentication import Principal


class Authority(Protocol):
    """The checks that a writing transaction makes before it locks any row."""

    def require_actor(
        self, actor: Principal, *, others: Iterable[int] = (), lock: bool = True, closed: bool = False
    ) -> None:
        """For a change that the actor's role permits: check that the token still describes the actor.

        That is: they are a member of the organization, with that role, active, not deleted, and the session is not
        revoked. `lock` keeps it so until the transaction ends, by locking the rows of the actor and of `others`, the
        persons whom the change is about; it is False where they are locked already. `closed` permits the change in an
        organization that is being deleted. Raises GEN_401_TOKEN.
        """

    def require_writer(self, actor: Principal, persons: Iterable[int] = ()) -> frozenset[int]:
        """For a change to data of `persons`, to whom the actor always belongs: those of them who were deleted.

        The organization and the persons are not deleted before the transaction has ended. Raises GEN_401_TOKEN where
        the token no longer describes the actor.
        """

    def admits(self, org_id: int, user_id: int | None = None) -> bool:
        """Whether data of an organization or a member may be stored by a caller without a token.

        Neither is deleted before the transaction has ended.
        """

    def admits_each(self, org_id: int, persons: Collection[int]) -> frozenset[int]:
        """Those of `persons` of whom `admits` is true, in one question."""

    def wait_for_writers(self, org_id: int, user_id: int | None) -> float | None:
        """For a deletion whose mark is committed: wait until no transaction writes data of the organization or person.

        Returns how many seconds ago the mark was set, None without a mark.
        """
