"""The endpoints of the user service."""

from typing import Any

from heartguard_common import etag, paging
from heartguard_common.routing import Answer, Call, Route
from heartguard_user.domain import Filter, User
from heartguard_user.usecases import UseCases

_NO_STORE = {"Cache-Control": "no-store"}


def read_self(usecases: UseCases, call: Call) -> Answer:
    """GET /users/me."""
    return _answer(usecases.members.read_self(call.person))


def update_self(usecases: UseCases, call: Call) -> Answer:
    """PUT /users/me."""

    def check(current: User) -> None:
        etag.require_match(call.headers, _document(current))

    return _answer(usecases.members.update_self(call.person, call.document, check))


def list_users(usecases: UseCases, call: Call) -> Answer:
    """GET /users."""
    wanted = Filter(call.query.get("role"), call.query.get("active"), call.query.get("q"))
    limit = call.query.get("limit", paging.DEFAULT_LIMIT)
    cursor = paging.decode_cursor(call.query.get("cursor"), int) or [0]
    found = usecases.members.list(call.person, wanted, cursor[0], limit + 1)
    page = paging.page(found, limit, _document, lambda user: [user.id])
    return Answer(page, headers=_NO_STORE)


def read(usecases: UseCases, call: Call) -> Answer:
    """GET /users/{user_id}."""
    return _answer(usecases.members.read(call.person, int(call.params["user_id"])))


def administer(usecases: UseCases, call: Call) -> Answer:
    """PATCH /users/{user_id}."""

    def check(current: User) -> None:
        etag.require_match(call.headers, _document(current))

    user_id = int(call.params["user_id"])
    return _answer(usecases.members.administer(call.person, user_id, call.document, check))


def delete(usecases: UseCases, call: Call) -> Answer:
    """DELETE /users/{user_id}."""
    job = usecases.deletions.request(call.person, int(call.params["user_id"]))
    return Answer(job.document(), headers={"Location": f"/users/deletions/{job.id}"})


def read_deletion(usecases: UseCases, call: Call) -> Answer:
    """GET /users/deletions/{job_id}."""
    return Answer(usecases.deletions.read(call.person, call.params["job_id"]).document(), headers=_NO_STORE)


def request_export(usecases: UseCases, call: Call) -> Answer:
    """POST /users/me/export."""
    job = usecases.exports.request(call.person)
    return Answer(job.document(), headers={"Location": f"/users/me/exports/{job.id}", **_NO_STORE})


def read_export(usecases: UseCases, call: Call) -> Answer:
    """GET /users/me/exports/{job_id}."""
    job, url = usecases.exports.read(call.person, call.params["job_id"])
    return Answer(job.document(url), headers=_NO_STORE)


def erase(usecases: UseCases, call: Call) -> Answer:
    """POST /users/erasures."""
    wanted = call.document
    return Answer({"removed": usecases.members.erase(call.person, wanted["org_id"], wanted.get("user_id"))})


ROUTES = (
    Route("GET", "/users/me", read_self, gives="User", body="none"),
    Route("PUT", "/users/me", update_self, takes="UserUpdate", gives="User"),
    Route("GET", "/users", list_users, gives="UserList", query="UserListQuery", body="none"),
    Route("GET", "/users/{user_id}", read, gives="User", body="none"),
    Route("PATCH", "/users/{user_id}", administer, takes="UserAdminUpdate", gives="User"),
    Route("DELETE", "/users/{user_id}", delete, gives="Job", status=202, body="none"),
    Route("GET", "/users/deletions/{job_id}", read_deletion, gives="Job", body="none"),
    Route("POST", "/users/me/export", request_export, gives="Job", status=202, body="none", idempotent=True),
    Route("GET", "/users/me/exports/{job_id}", read_export, gives="Job", body="none"),
    Route("POST", "/users/erasures", erase, takes="ErasureRequest", gives="ErasureResult"),
)


def _answer(user: User) -> Answer:
    document = _document(user)
    return Answer(document, headers={"ETag": etag.entity_tag(document), **_NO_STORE})


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
