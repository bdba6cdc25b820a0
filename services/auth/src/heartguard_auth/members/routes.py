"""Sessions of members, for admins; changes of members, exports and erasures, for other services."""

from heartguard_auth.errors import ACTOR_CHANGED, LAST_ADMIN, MEMBER_CHANGED
from heartguard_auth.members.usecases import MemberUseCases
from heartguard_auth.sessions.routes import session_document
from heartguard_auth.shared.routes import NO_STORE
from heartguard_common.http import exports
from heartguard_common.http.routing import NDJSON, Answer, Call, EmptyCall, NoQuery, Route, StreamAnswer
from heartguard_common.messages import (
    ErasureRequest,
    ErasureResult,
    ExportQuery,
    MembershipChange,
    MembershipResult,
    SessionList,
)


def list_member_sessions(members: MemberUseCases, call: EmptyCall) -> Answer[SessionList]:
    """List the sessions of a member.

    Those of the membership in the admin's organization: a person's sessions in other organizations are not shown.
    """
    found = members.list_sessions(call.person, int(call.params["user_id"]))
    current = call.person.session_id
    items = [session_document(it, current=it.id == current) for it in found]
    return Answer({"items": items}, headers=NO_STORE)


def end_member_sessions(members: MemberUseCases, call: EmptyCall) -> Answer[MembershipResult]:
    """End all sessions of a member.

    Those of the membership in the admin's organization; their tokens are refused within a second. The member can log in
    again.
    """
    return Answer({"sessions_ended": members.end_sessions(call.person, int(call.params["user_id"]))})


def end_member_session(members: MemberUseCases, call: EmptyCall) -> Answer[None]:
    """End one of a member's sessions.

    It is one of the membership in the admin's organization.
    """
    members.end_session(call.person, int(call.params["user_id"]), call.params["session_id"].lower())
    return Answer(None)


def erase_accounts(members: MemberUseCases, call: Call[ErasureRequest, NoQuery]) -> Answer[ErasureResult]:
    """Anonymize the accounts of an organization, or one of them."""
    removed = members.erase(call.person, call.document["org_id"], call.document.get("user_id"))
    return Answer({"removed": removed})


def export_account(members: MemberUseCases, call: Call[None, ExportQuery]) -> StreamAnswer:
    """Export a person's account, sessions and API keys.

    The answer is NDJSON: one line for the account, and one for each session and API key.
    """
    return exports.answer(members.export(call.query["org_id"], call.query["user_id"]))


def change_membership(members: MemberUseCases, call: Call[MembershipChange, NoQuery]) -> Answer[MembershipResult]:
    """Change the role and activity of a member.

    The sessions of the member end.
    """
    return Answer({"sessions_ended": members.change(call.person, call.document)})


ROUTES = (
    Route("GET", "/auth/members/{user_id}/sessions", list_member_sessions),
    Route("DELETE", "/auth/members/{user_id}/sessions", end_member_sessions),
    Route("DELETE", "/auth/members/{user_id}/sessions/{session_id}", end_member_session, status=204),
    Route("GET", "/auth/exports", export_account, offers=(NDJSON,)),
    Route("POST", "/auth/memberships", change_membership, raises=(LAST_ADMIN, MEMBER_CHANGED, ACTOR_CHANGED)),
    Route("POST", "/auth/erasures", erase_accounts, raises=(LAST_ADMIN,)),
)
