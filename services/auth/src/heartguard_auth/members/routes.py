"""Changes of members, exports and erasures, for other services."""

from heartguard_auth.errors import ACTOR_CHANGED, LAST_ADMIN, MEMBER_CHANGED
from heartguard_auth.members.usecases import MemberUseCases
from heartguard_common.http import exports
from heartguard_common.http.routing import NDJSON, Answer, Call, NoQuery, Route, StreamAnswer
from heartguard_common.messages import ErasureRequest, ErasureResult, ExportQuery, MembershipChange, MembershipResult


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
    Route("GET", "/auth/exports", export_account, offers=(NDJSON,)),
    Route("POST", "/auth/memberships", change_membership, raises=(LAST_ADMIN, MEMBER_CHANGED, ACTOR_CHANGED)),
    Route("POST", "/auth/erasures", erase_accounts, raises=(LAST_ADMIN,)),
)
