"""Changes of members, exports and erasures, for other services."""

from heartguard_auth.errors import ACTOR_CHANGED, LAST_ADMIN, MEMBER_CHANGED
from heartguard_auth.members.usecases import MemberUseCases
from heartguard_common.http import exports
from heartguard_common.http.routing import NDJSON, Answer, Call, NoQuery, Route, StreamAnswer
from heartguard_common.messages import ErasureRequest, ErasureResult, ExportQuery, MembershipChange, MembershipResult


def erase(members: MemberUseCases, call: Call[ErasureRequest, NoQuery]) -> Answer[ErasureResult]:
    """Anonymize the members of an organization, or one of them."""
    removed = members.erase(call.person, call.document["org_id"], call.document.get("user_id"))
    return Answer({"removed": removed})


def export(members: MemberUseCases, call: Call[None, ExportQuery]) -> StreamAnswer:
    """What auth keeps of a person: the account and each session (NDJSON)."""
    return exports.answer(members.export(call.query["org_id"], call.query["user_id"]))


def change_membership(members: MemberUseCases, call: Call[MembershipChange, NoQuery]) -> Answer[MembershipResult]:
    """Give a member a role or take their activity, and end their sessions."""
    return Answer({"sessions_ended": members.change(call.person, call.document)})


ROUTES = (
    Route("GET", "/auth/exports", export, offers=(NDJSON,)),
    Route("POST", "/auth/memberships", change_membership, raises=(LAST_ADMIN, MEMBER_CHANGED, ACTOR_CHANGED)),
    Route("POST", "/auth/erasures", erase, raises=(LAST_ADMIN,)),
)
