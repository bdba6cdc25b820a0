"""What the user service needs from outside."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Protocol

from heartguard_common.identity.authentication import Principal
from heartguard_user.domain import Filter, User


class Users(Protocol):
    """Where users are kept. Who was deleted is nowhere to be found."""

    def find(self, org_id: int, user_id: int) -> User | None:
        """The member of that organization, or None."""

    def change(self, org_id: int, user_id: int, decide: Callable[[User], User]) -> tuple[User, User] | None:
        """Store the state that `decide` makes of the current one, without a concurrent change in between.

        Name and preferences are kept. Returns the states before and after, None when there is no such member.
        What `decide` raises leaves everything as it was.
        """

    def is_last_admin(self, org_id: int, user_id: int) -> bool:
        """Whether the organization would keep members but no active admin without this one."""

    def list(self, org_id: int, wanted: Filter, after_id: int, limit: int) -> Sequence[User]:
        """Up to `limit` members with an id above `after_id`, by id."""

    def erase(self, org_id: int, user_id: int | None) -> int:
        """Remove names and preferences of one member or of all; returns how many things that were."""


class Memberships(Protocol):
    """Where roles and activity are changed: with the end of the member's sessions, or not at all."""

    def change(self, actor: Principal, seen: User, wanted: User) -> bool:
        """Give a member another role or activity; False when they are not as they were seen any more.

        Raises USER_002 when no admin would be left in the organization, GEN_401_TOKEN when the actor is not who their
        token says.
        """


class PersonalData(Protocol):
    """What all services hold of a person, and where an archive of it is kept."""

    def part(self, source: str, org_id: int, user_id: int) -> Iterable[bytes]:
        """What one service exports, as a stream of `heartguard_common.http.exports`. Raises GEN_502."""

    def content(self, item_id: str, org_id: int, user_id: int) -> Iterator[bytes] | None:
        """The bytes of a file of the person, begun; None when it is gone. Raises GEN_502, also in between."""

    def keep(self, org_id: int, user_id: int, blocks: Iterable[bytes]) -> str:
        """Keep an archive; returns its id. Raises GEN_502, and what `blocks` raises."""

    def url(self, item_id: str, org_id: int, user_id: int) -> str | None:
        """A signed URL of an archive; None when it has expired. Raises GEN_502."""

    def forget(self, org_id: int, user_id: int) -> None:
        """Remove the person's files and archives. Raises GEN_502."""
