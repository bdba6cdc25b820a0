"""Users and their preferences in PostgreSQL."""

import json
from collections.abc import Callable, Sequence

from heartguard_common.core.clock import from_datetime
from heartguard_common.stores.database import Connection, Database, Row, prepared, text
from heartguard_user.domain import Filter, User, changed_members, stored_form

_SELECT = """
SELECT u.id, u.email, u.full_name, u.role, u.org_id, u.active, u.created_at,
    (SELECT json_agg(json_build_array(p.key, p.value) ORDER BY p.position)::text
     FROM heartguard_core.user_preferences AS p WHERE p.user_id = u.id) AS preferences
FROM heartguard_core.users AS u
WHERE u.org_id = :org_id AND u.deleted_at IS NULL
"""
_FIND = prepared(f"{_SELECT} AND u.id = :id", org_id="bigint", id="bigint")
# A statement of its own, before _FIND: a statement that has waited for a lock sees the locked row as it is now, but
# other rows, such as the preferences, as they were before the wait.
_LOCK = """
SELECT FROM heartguard_core.users WHERE org_id = :org_id AND id = :id AND deleted_at IS NULL FOR UPDATE
"""
_LIST = f"""
{_SELECT} AND u.id > :after_id
    AND (:role IS NULL OR u.role = :role)
    AND (:active IS NULL OR u.active = :active)
    AND (:folded IS NULL
        OR strpos(casefold(u.full_name COLLATE pg_unicode_fast), :folded) > 0
        OR strpos(casefold(u.email COLLATE pg_unicode_fast), :folded) > 0)
ORDER BY u.id LIMIT :limit
"""
_RENAME = "UPDATE heartguard_core.users SET full_name = :full_name WHERE id = :id"
_FORGET = "DELETE FROM heartguard_core.user_preferences WHERE user_id = :id"
_REMEMBER = """
INSERT INTO heartguard_core.user_preferences (user_id, key, value, position)
SELECT :id, item ->> 0, item -> 1, place
FROM jsonb_array_elements(cast(:items AS jsonb)) WITH ORDINALITY AS list (item, place)
"""
_ERASE = (
    """
    DELETE FROM heartguard_core.user_preferences WHERE user_id IN (
        SELECT id FROM heartguard_core.users WHERE org_id = :org_id AND (:id IS NULL OR id = :id))
    """,
    """
    UPDATE heartguard_core.users SET full_name = NULL
    WHERE org_id = :org_id AND (:id IS NULL OR id = :id) AND full_name IS NOT NULL
    """,
    # The answers that all services have kept for their Idempotency-Keys.
    """
    DELETE FROM heartguard_core.idempotency_keys WHERE caller IN (
        SELECT 'user:' || id FROM heartguard_core.users WHERE org_id = :org_id AND (:id IS NULL OR id = :id))
    """,
)
_LAST_ADMIN = """
SELECT bool_or(id = :id AND role = 'admin' AND active)
    AND NOT coalesce(bool_or(role = 'admin' AND active) FILTER (WHERE id <> :id), false)
    AND coalesce(bool_or(id <> :id), false)
FROM heartguard_core.users WHERE org_id = :org_id AND deleted_at IS NULL
"""


class PostgresUsers:
    """Users in PostgreSQL."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def find(self, org_id: int, user_id: int) -> User | None:
        """The member of that organization, or None."""
        row = self._database.one(_FIND, {"org_id": org_id, "id": user_id})
        return None if row is None else _user(row)

    def change(self, org_id: int, user_id: int, decide: Callable[[User], User]) -> tuple[User, User] | None:
        """Store the state that `decide` makes of the current one, while the user's row is locked."""
        with self._database.transaction() as connection:
            connection.execute(text(_LOCK), {"org_id": org_id, "id": user_id})
            before = _find(connection, org_id, user_id)
            if before is None:
                return None
            after = decide(before)
            changed = changed_members(before, after)
            if "full_name" in changed:
                connection.execute(text(_RENAME), {"id": user_id, "full_name": after.full_name})
            if "preferences" in changed:
                items = json.dumps(list(after.preferences.items()))
                connection.execute(text(_FORGET), {"id": user_id})
                connection.execute(text(_REMEMBER), {"id": user_id, "items": items})
            return before, _find(connection, org_id, user_id) or after

    def is_last_admin(self, org_id: int, user_id: int) -> bool:
        """Whether the organization without this member would have other members but no active admin."""
        with self._database.transaction() as connection:
            return bool(connection.execute(text(_LAST_ADMIN), {"org_id": org_id, "id": user_id}).scalar_one())

    def list(self, org_id: int, wanted: Filter, after_id: int, limit: int) -> Sequence[User]:
        """Up to `limit` members with an id above `after_id`, by id."""
        values = {
            "org_id": org_id,
            "after_id": after_id,
            "limit": limit,
            "role": wanted.role,
            "active": wanted.active,
            "folded": None if wanted.text is None else wanted.text.casefold(),
        }
        with self._database.transaction() as connection:
            return [_user(row) for row in connection.execute(text(_LIST), values)]

    def erase(self, org_id: int, user_id: int | None) -> int:
        """Remove names, preferences and kept answers; returns how many rows."""
        with self._database.transaction() as connection:
            values = {"org_id": org_id, "id": user_id}
            return sum(connection.execute(text(statement), values).rowcount for statement in _ERASE)


def _find(connection: Connection, org_id: int, user_id: int) -> User | None:
    row = connection.execute(_FIND, {"org_id": org_id, "id": user_id}).first()
    return None if row is None else _user(row)


def _user(row: Row) -> User:
    found = dict(row._asdict())
    pairs = json.loads(found["preferences"] or "[]")
    found["preferences"] = {key: stored_form(value) for key, value in pairs}
    found["created_at"] = from_datetime(found["created_at"])
    return User(**found)
