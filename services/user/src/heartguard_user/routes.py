"""The endpoints of the user service."""

from heartguard_common import messages
from heartguard_common.core.errors import LIMIT_FOR_NOW
from heartguard_common.http import etag, paging
from heartguard_common.http.routing import Answer, Call, EmptyCall, NoQuery, Route
from heartguard_common.messages import (
    ErasureRequest,
    ErasureResult,
    Job,
    UserAdminUpdate,
    UserList,
    UserListQuery,
    UserUpdate,
)
from heartguard_user.domain import Filter, User
from heartguard_user.errors import LAST_ADMIN, NO_JOB, NO_USER, UNSETTLED
from heartguard_user.usecases import UseCases

_NO_STORE = {"Cache-Control": "no-store"}


def read_self(usecases: UseCases, call: EmptyCall) -> Answer[messages.User]:
    """The caller."""
    return _answer(usecases.members.read_self(call.person))


def update_self(usecases: UseCases, call: Call[UserUpdate, NoQuery]) -> Answer[messages.User]:
    """Change the caller's full name and preferences; `If-Match` makes it conditional."""

    def check(current: User) -> None:
        etag.require_match(call.headers, _document(current))

    return _answer(usecases.members.update_self(call.person, call.document, check))


def list_users(usecases: UseCases, call: Call[None, UserListQuery]) -> Answer[UserList]:
    """A page of members; filters `role`, `active`, `q`."""
    wanted = Filter(call.query.get("role"), call.query.get("active"), call.query.get("q"))
    limit = call.query.get("limit", paging.DEFAULT_LIMIT)
    cursor = paging.decode_cursor(call.query.get("cursor"), int) or [0]
    found = usecases.members.list(call.person, wanted, cursor[0], limit + 1)
    page = paging.page(found, limit, _document, lambda user: [user.id])
    return Answer({"items": page.items, "next_cursor": page.next_cursor}, headers=_NO_STORE)


def read(usecases: UseCases, call: EmptyCall) -> Answer[messages.User]:
    """One member of the own organization."""
    return _answer(usecases.members.read(call.person, int(call.params["user_id"])))


def administer(usecases: UseCases, call: Call[UserAdminUpdate, NoQuery]) -> Answer[messages.User]:
    """Change role and activity of a member, whose sessions end; `If-Match` makes it conditional."""

    def check(current: User) -> None:
        etag.require_match(call.headers, _document(current))

    user_id = int(call.params["user_id"])
    return _answer(usecases.members.administer(call.person, user_id, call.document, check))


def delete(usecases: UseCases, call: EmptyCall) -> Answer[Job]:
    """Remove a person everywhere: a job."""
    job = usecases.deletions.request(call.person, int(call.params["user_id"]))
    return Answer(job.document(), headers={"Location": f"/users/deletions/{job.id}"})


def read_deletion(usecases: UseCases, call: EmptyCall) -> Answer[Job]:
    """How far the deletion of a person has come."""
    return Answer(usecases.deletions.read(call.person, call.params["job_id"]).document(), headers=_NO_STORE)


def request_export(usecases: UseCases, call: EmptyCall) -> Answer[Job]:
    """Collect all that is kept of the caller: a job."""
    job = usecases.exports.request(call.person)
    return Answer(job.document(), headers={"Location": f"/users/me/exports/{job.id}", **_NO_STORE})


def read_export(usecases: UseCases, call: EmptyCall) -> Answer[Job]:
    """How far an export has come; `result_url` of the archive when it is done."""
    job, url = usecases.exports.read(call.person, call.params["job_id"])
    return Answer(job.document(url), headers=_NO_STORE)


def erase(usecases: UseCases, call: Call[ErasureRequest, NoQuery]) -> Answer[ErasureResult]:
    """Remove names and preferences of an organization's members, or of one."""
    wanted = call.document
    return Answer({"removed": usecases.members.erase(call.person, wanted["org_id"], wanted.get("user_id"))})


ROUTES = (
    Route("GET", "/users/me", read_self, raises=(NO_USER,), headers=("ETag",)),
    Route("PUT", "/users/me", update_self, raises=(NO_USER,), headers=("ETag",)),
    Route("GET", "/users", list_users),
    Route("GET", "/users/{user_id}", read, raises=(NO_USER,), headers=("ETag",)),
    Route("PATCH", "/users/{user_id}", administer, raises=(NO_USER, LAST_ADMIN, UNSETTLED), headers=("ETag",)),
    Route("DELETE", "/users/{user_id}", delete, status=202, raises=(NO_USER, LAST_ADMIN), headers=("Location",)),
    Route("GET", "/users/deletions/{job_id}", read_deletion, raises=(NO_JOB,)),
    Route(
        "POST",
        "/users/me/export",
        request_export,
        status=202,
        idempotent=True,
        raises=(NO_USER, LIMIT_FOR_NOW),
        headers=("Location",),
    ),
    Route("GET", "/users/me/exports/{job_id}", read_export, raises=(NO_JOB,)),
    Route("POST", "/users/erasures", erase, raises=(LAST_ADMIN,)),
)


def _answer(user: User) -> Answer[messages.User]:
    document = _document(user)
    return Answer(document, headers={"ETag": etag.entity_tag(document), **_NO_STORE})


def _document(user: User) -> messages.User:
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
