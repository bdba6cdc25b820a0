"""The checks of `authority`, made by PostgreSQL in the transaction that stores something."""

from collections.abc import Collection, Iterable
from typing import Any, NamedTuple, Self

from heartguard_common.core.errors import INVALID_TOKEN, ServiceError
from heartguard_common.identity.authentication import Principal
from heartguard_common.stores.database import Database, prepared, text

_LARGEST_ID = 2**31 - 1
_TO_LITERAL = str.maketrans("[]", "{}")  # from a list of numbers to the literal of an array
_ENTER = prepared(
    """
    SELECT is_open, acts, erased
    FROM heartguard_core.enter_writer(:org_id, :persons, :actor, :role, :jti, :sid, :kid, :hold)
    """,
    org_id="integer",
    persons="integer[]",
    actor="integer",
    role="text",
    jti="text",
    sid="text",
    kid="text",
    hold="integer[]",
)
# For a caller by API key: whether the key still exists, and its owner still has the role that the key was found with.
_ENTER_BY_KEY = text("""
SELECT w.is_open, heartguard_core.api_key_acts(:org_id, cast(:key AS uuid), :role) AS acts, w.erased
FROM heartguard_core.enter_writer(:org_id, cast(:persons AS integer[]), NULL, NULL, NULL, NULL, NULL,
    cast(:hold AS integer[])) AS w
""")
ENTERED_EACH = """
SELECT r.place, w.erased,
    w.is_open AND w.acts
        AND (r.api_key IS NULL OR heartguard_core.api_key_acts(r.org_id, r.api_key, r.role)) AS admitted
FROM unnest(:orgs, :persons, :actors, :roles, :jtis, :sids, :kids, :api_keys)
    WITH ORDINALITY AS r (org_id, persons, actor, role, jti, sid, kid, api_key, place)
CROSS JOIN LATERAL heartguard_core.enter_writer(
    r.org_id, cast(r.persons AS integer[]), r.actor, r.role, r.jti, r.sid, r.kid, '{}') AS w
"""
"""For several writers at once, each a `WriterEntry`: by place from 1 whether it is admitted, and who was deleted."""
ENTERED_TYPES = {
    "orgs": "integer[]",
    "persons": "text[]",
    "actors": "integer[]",
    "roles": "text[]",
    "jtis": "text[]",
    "sids": "text[]",
    "kids": "text[]",
    "api_keys": "uuid[]",
}
_AWAIT = text("SELECT heartguard_core.await_writers(:org_id, cast(:user_id AS integer)) AS seconds")
_NO_ACTOR = Principal(kind="service", role="service")


class WriterEntry(NamedTuple):
    """A writer as `ENTERED_EACH` takes it; `persons` is the literal of an array."""

    org_id: int
    persons: str
    actor: int | None
    role: str
    jti: str | None
    sid: str | None
    kid: str | None
    api_key: str | None

    @classmethod
    def of(cls, actor: Principal, persons: Iterable[int]) -> Self:
        """The entry of a writer of data of `persons`, to whom they always belong themselves."""
        org_id = actor.org_id or 0
        place = org_id if _is_id(org_id) else 0, str(_ids({*persons, actor.user_id or 0})).translate(_TO_LITERAL)
        if actor.api_key is not None:
            return cls(*place, None, actor.api_key.member_role, None, None, None, actor.api_key.id)
        return cls(*place, _actor_id(actor), actor.role, actor.token_id, actor.session_id, actor.key_id, None)


class PostgresAuthority:
    """The functions `enter_writer` and `await_writers` of the database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def require_actor(
        self, actor: Principal, *, others: Iterable[int] = (), lock: bool = True, closed: bool = False
    ) -> None:
        """Raises GEN_401_TOKEN unless the token describes the actor; with `lock`, until the transaction ends."""
        held = {*others, actor.user_id or 0} if lock else ()
        found = self._enter(actor.org_id or 0, others, actor, lock=held)
        if not found.acts or not (found.is_open or closed):
            raise ServiceError(INVALID_TOKEN)

    def require_writer(self, actor: Principal, persons: Iterable[int] = ()) -> frozenset[int]:
        """Those of `persons` who were deleted. Raises GEN_401_TOKEN where the token does not describe the actor."""
        found = self._enter(actor.org_id or 0, {*persons, actor.user_id or 0}, actor)
        if not found.acts or not found.is_open:
            raise ServiceError(INVALID_TOKEN)
        return frozenset(found.erased)

    def admits(self, org_id: int, user_id: int | None = None) -> bool:
        """Whether something may be stored of an organization, or of a member, until the transaction ends."""
        found = self._enter(org_id, () if user_id is None else (user_id,), _NO_ACTOR)
        return bool(found.is_open and not found.erased)

    def admits_each(self, org_id: int, persons: Collection[int]) -> frozenset[int]:
        """Those of `persons` of whom something may be stored, until the transaction ends."""
        found = self._enter(org_id, persons, _NO_ACTOR)
        return frozenset(persons).difference(found.erased) if found.is_open else frozenset()

    def wait_for_writers(self, org_id: int, user_id: int | None) -> float | None:
        """Wait until no transaction writes their data; returns how many seconds ago the mark was set, None without."""
        if not (_is_id(org_id) and (user_id is None or _is_id(user_id))):
            return None
        seconds = self._database.one(_AWAIT, {"org_id": org_id, "user_id": user_id}).seconds
        return None if seconds is None else float(seconds)

    def _enter(self, org_id: int, persons: Iterable[int], actor: Principal, *, lock: Iterable[int] = ()) -> Any:
        if actor.api_key is not None:
            key = {"key": actor.api_key.id, "role": actor.api_key.member_role}
            place = {"org_id": org_id if _is_id(org_id) else 0, "persons": _ids(persons), "hold": _ids(lock)}
            return self._database.one(_ENTER_BY_KEY, {**place, **key})
        values = {
            "org_id": org_id if _is_id(org_id) else 0,
            "persons": _ids(persons),
            "actor": _actor_id(actor),
            "role": actor.role,
            "jti": actor.token_id,
            "sid": actor.session_id,
            "kid": actor.key_id,
            "hold": _ids(lock),
        }
        return self._database.one(_ENTER, values)


def _actor_id(actor: Principal) -> int | None:
    if actor.kind != "person":
        return None
    return actor.user_id if actor.user_id and _is_id(actor.user_id) else 0


def _ids(numbers: Iterable[int]) -> list[int]:
    # Sorted, so that there is no deadlock. Numbers beyond the largest id have no rows.
    return sorted(number for number in set(numbers) if _is_id(number))


def _is_id(number: int) -> bool:
    return 0 < number <= _LARGEST_ID
