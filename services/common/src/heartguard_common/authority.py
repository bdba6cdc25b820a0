"""Who may store something, at the moment it is stored.

A token is checked when a request begins; its body may take minutes, and what it says may have changed since. So the
transaction that stores something asks again, takes shared locks on the organization and the people whose data it is,
and reads the marks of their deletion. A deletion sets its mark, waits for whoever holds such a lock, and erases.
"""

from collections.abc import Iterable
from typing import Any, Protocol

from sqlalchemy import text

from heartguard_common.database import Database
from heartguard_common.errors import INVALID_TOKEN, ServiceError
from heartguard_common.identity import Principal

_LARGEST_ID = 2**31 - 1
_ENTER = text("""
SELECT is_open, acts, erased FROM heartguard_core.enter_writer(:org_id, cast(:persons AS integer[]),
    cast(:actor AS integer), :role, :jti, :sid, :kid, cast(:hold AS integer[]))
""")
_AWAIT = text("SELECT heartguard_core.await_writers(:org_id, cast(:user_id AS integer)) AS seconds")
_NOBODY = Principal(kind="service", role="service")


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


class PostgresAuthority:
    """The functions `enter_writer` and `await_writers` of the database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def require_actor(
        self, actor: Principal, *, others: Iterable[int] = (), hold: bool = True, closed: bool = False
    ) -> None:
        """Raises GEN_401_TOKEN unless the actor is who their token says, until the transaction ends."""
        held = {*others, actor.user_id or 0} if hold else ()
        found = self._enter(actor.org_id or 0, others, actor, hold=held)
        if not found.acts or not (found.is_open or closed):
            raise ServiceError(INVALID_TOKEN)

    def require_writer(self, actor: Principal, persons: Iterable[int] = ()) -> frozenset[int]:
        """Those of `persons` who were deleted. Raises GEN_401_TOKEN where the actor is not who their token says."""
        found = self._enter(actor.org_id or 0, {*persons, actor.user_id or 0}, actor)
        if not found.acts or not found.is_open:
            raise ServiceError(INVALID_TOKEN)
        return frozenset(found.erased)

    def admits(self, org_id: int, user_id: int | None = None) -> bool:
        """Whether something may be stored of an organization, or of a member, until the transaction ends."""
        found = self._enter(org_id, () if user_id is None else (user_id,), _NOBODY)
        return bool(found.is_open and not found.erased)

    def wait_for_writers(self, org_id: int, user_id: int | None) -> float | None:
        """Return when nobody stores anything of theirs any more: how many seconds ago the mark was set, if it is."""
        if not (_is_id(org_id) and (user_id is None or _is_id(user_id))):
            return None
        seconds = self._database.one(_AWAIT, {"org_id": org_id, "user_id": user_id}).seconds
        return None if seconds is None else float(seconds)

    def _enter(self, org_id: int, persons: Iterable[int], actor: Principal, *, hold: Iterable[int] = ()) -> Any:
        values = {
            "org_id": org_id if _is_id(org_id) else 0,
            "persons": _ids(persons),
            "actor": _actor_id(actor),
            "role": actor.role,
            "jti": actor.token_id,
            "sid": actor.session_id,
            "kid": actor.key_id,
            "hold": _ids(hold),
        }
        return self._database.one(_ENTER, values)


def _actor_id(actor: Principal) -> int | None:
    if actor.kind != "person":
        return None
    return actor.user_id if actor.user_id and _is_id(actor.user_id) else 0


def _ids(numbers: Iterable[int]) -> list[int]:
    # In one order for everybody, so that nobody waits in a circle. Beyond the numbers of rows there is nobody.
    return sorted(number for number in set(numbers) if _is_id(number))


def _is_id(number: int) -> bool:
    return 0 < number <= _LARGEST_ID
