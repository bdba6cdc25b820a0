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
    """Read the caller's profile and preferences."""
    return _answer(usecases.members.read_self(call.person))


def update_self(usecases: UseCases, call: Call[UserUpdate, NoQuery]) -> Answer[messages.User]:
    """Change the caller's full name and preferences.

    With `If-Match` only if nobody else has changed them since they were read.
    """

    def check(current: User) -> None:
        etag.require_match(call.headers, _document(current))

    return _answer(usecases.members.update_self(call.person, call.document, check))


def list_members(usecases: UseCases, call: Call[None, UserListQuery]) -> Answer[UserList]:
    """List the members of the organization.

    Sorted by id; `role`, `active` and `q` filter the list.
    """
    wanted = Filter(call.query.get("role"), call.query.get("active"), call.query.get("q"))
    limit = call.query.get("limit", paging.DEFAULT_LIMIT)
    cursor = paging.decode_cursor(call.query.get("cursor"), int) or [0]
    found = usecases.members.list(call.person, wanted, cursor[0], limit + 1)
    page = paging.page(found, limit, _document, lambda user: [user.id])
    return Answer({"items": page.items, "next_cursor": page.next_cursor}, headers=_NO_STORE)


def read_member(usecases: UseCases, call: EmptyCall) -> Answer[messages.User]:
    """Read a member of the organization."""
    return _answer(usecases.members.read(call.person, int(call.params["user_id"])))


def update_member(usecases: UseCases, call: Call[UserAdminUpdate, NoQuery]) -> Answer[messages.User]:
    """Change the role and activity of a member.

    The sessions of the member end. With `If-Match` only if nobody else has changed the member since they were read.
    """

    def check(current: User) -> None:
        etag.require_match(call.headers, _document(current))

    user_id = int(call.params["user_id"])
    return _answer(usecases.members.administer(call.person, user_id, call.document, check))


def delete_member(usecases: UseCases, call: EmptyCall) -> Answer[Job]:
    """Delete a member with all of their data.

    The deletion continues after the answer: `Location` is the URL of its job.
    """
    job = usecases.deletions.request(call.person, int(call.params["user_id"]))
    return Answer(job.document(), headers={"Location": f"/users/deletions/{job.id}"})


def read_member_deletion(usecases: UseCases, call: EmptyCall) -> Answer[Job]:
    """Read how far the deletion of a member is."""
    return Answer(usecases.deletions.read(call.person, call.params["job_id"]).document(), headers=_NO_STORE)


def request_export(usecases: UseCases, call: EmptyCall) -> Answer[Job]:
    """Request an archive of all of the caller's data.

    The archive is made after the answer: `Location` is the URL of its job.
    """
    job = usecases.exports.request(call.person)
    return Answer(job.document(), headers={"Location": f"/users/me/exports/{job.id}", **_NO_STORE})


def read_export(usecases: UseCases, call: EmptyCall) -> Answer[Job]:
    """Read how far the archive of the caller's data is.

    When the job is done, `result_url` is the URL of the archive.
    """
    job, url = usecases.exports.read(call.person, call.params["job_id"])
    return Answer(job.document(url), headers=_NO_STORE)


def erase_profiles(usecases: UseCases, call: Call[ErasureRequest, NoQuery]) -> Answer[ErasureResult]:
    """Erase the names and preferences of an organization's members, or of one."""
    wanted = call.document
    return Answer({"removed": usecases.members.erase(call.person, wanted["org_id"], wanted.get("user_id"))})


ROUTES = (
    Route("GET", "/users/me", read_self, raises=(NO_USER,), headers=("ETag",)),
    Route("PUT", "/users/me", update_self, raises=(NO_USER,), headers=("ETag",)),
    Route("GET", "/users", list_members),
    Route("GET", "/users/{user_id}", read_member, raises=(NO_USER,), headers=("ETag",)),
    Route("PATCH", "/users/{user_id}", update_member, raises=(NO_USER, LAST_ADMIN, UNSETTLED), headers=("ETag",)),
    Route("DELETE", "/users/{user_id}", delete_member, status=202, raises=(NO_USER, LAST_ADMIN), headers=("Location",)),
    Route("GET", "/users/deletions/{job_id}", read_member_deletion, raises=(NO_JOB,)),
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
    Route("POST", "/users/erasures", erase_profiles, raises=(LAST_ADMIN,)),
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
