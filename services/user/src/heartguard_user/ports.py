"""What the use cases of the user service need from outside."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Protocol

from heartguard_common.identity.authentication import Principal
from heartguard_user.domain import Filter, User


class Users(Protocol):
    """The store of users, without deleted ones."""

    def find(self, org_id: int, user_id: int) -> User | None:
        """The member of that organization, or None."""

    def change(self, org_id: int, user_id: int, decide: Callable[[User], User]) -> tuple[User, User] | None:
        """Store the state that `decide` makes of the current one, without a concurrent change in between.

        Only name and preferences are stored. Returns the states before and after, None when there is no such member.
        An exception of `decide` leaves everything unchanged.
        """

    def is_last_admin(self, org_id: int, user_id: int) -> bool:
        """Whether the organization without this member would have other members but no active admin."""

    def list(self, org_id: int, wanted: Filter, after_id: int, limit: int) -> Sequence[User]:
        """Up to `limit` members with an id above `after_id`, by id."""

    def erase(self, org_id: int, user_id: int | None) -> int:
        """Remove names, preferences and kept answers of one member, or of all (None); returns how many rows."""


class Memberships(Protocol):
    """Changes roles and activity, in one transaction with the end of the member's sessions."""

    def change(self, actor: Principal, seen: User, wanted: User) -> bool:
        """Change a member's role or activity; False when the member is no longer as in `seen`.

        Raises USER_002 when no admin would be left in the organization, GEN_401_TOKEN when the token no longer
        describes the actor.
        """


class PersonalData(Protocol):
    """The data that all services have of a person, and the store of archives."""

    def part(self, source: str, org_id: int, user_id: int) -> Iterable[bytes]:
        """The export of one service, as a stream of `heartguard_common.http.exports`. Raises GEN_502."""

    def content(self, item_id: str, org_id: int, user_id: int) -> Iterator[bytes] | None:
        """The bytes of a file of the person; None when it was removed. Raises GEN_502, also during the iteration."""

    def keep(self, org_id: int, user_id: int, blocks: Iterable[bytes]) -> str:
        """Store an archive; returns its id. Raises GEN_502, and what `blocks` raises."""

    def url(self, item_id: str, org_id: int, user_id: int) -> str | None:
        """A signed URL of an archive; None when it has expired. Raises GEN_502."""

    def forget(self, org_id: int, user_id: int) -> None:
        """Remove the person's files and archives. Raises GEN_502."""
