"""The endpoints of the user service."""

from typing import Any

from heartguard_common import etag, paging
from heartguard_common.routing import Answer, Call, Route
from heartguard_user.domain import Filter, User
from heartguard_user.usecases import UserUseCases


def read_self(users: UserUseCases, call: Call) -> Answer:
    """GET /users/me."""
    return _answer(users.read_self(call.person))


def update_self(users: UserUseCases, call: Call) -> Answer:
    """PUT /users/me."""

    def check(current: User) -> None:
        etag.require_match(call.headers, _document(current))

    return _answer(users.update_self(call.person, call.document, check))


def list_users(users: UserUseCases, call: Call) -> Answer:
    """GET /users."""
    wanted = Filter(call.query.get("role"), call.query.get("active"), call.query.get("q"))
    limit = call.query.get("limit", paging.DEFAULT_LIMIT)
    cursor = paging.decode_cursor(call.query.get("cursor"), int) or [0]
    found = users.list(call.person, wanted, cursor[0], limit + 1)
    page = paging.page(found, limit, _document, lambda user: [user.id])
    return Answer(page, headers={"Cache-Control": "no-store"})


def read(users: UserUseCases, call: Call) -> Answer:
    """GET /users/{user_id}."""
    return _answer(users.read(call.person, int(call.params["user_id"])))


def erase(users: UserUseCases, call: Call) -> Answer:
    """POST /users/erasures."""
    wanted = call.document
    return Answer({"removed": users.erase(call.person, wanted["org_id"], wanted.get("user_id"))})


ROUTES = (
    Route("GET", "/users/me", read_self, gives="User", body="none"),
    Route("PUT", "/users/me", update_self, takes="UserUpdate", gives="User"),
    Route("GET", "/users", list_users, gives="UserList", query="UserListQuery", body="none"),
    Route("GET", "/users/{user_id}", read, gives="User", body="none"),
    Route("POST", "/users/erasures", erase, takes="ErasureRequest", gives="ErasureResult"),
)


def _answer(user: User) -> Answer:
    document = _document(user)
    return Answer(document, headers={"ETag": etag.entity_tag(document), "Cache-Control": "no-store"})


def _document(user: User) -> dict[str, Any]:
    return {
        "id": user.id,
        "email": user.email,
        "full_name": user.full_name,
        "role": user.role,
        "org_id": user.org_id,
        "active": user.active,
        "preferences": dict(user.preferences),
        "created_at": user.created_at,
    }
