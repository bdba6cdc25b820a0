"""The caller's memberships, and the deletion of the caller's identity."""

from heartguard_auth.errors import LAST_ADMIN, MEMBER_CHANGED
from heartguard_auth.identities.usecases import IdentityUseCases
from heartguard_auth.sessions.routes import membership_document
from heartguard_auth.shared.routes import NO_STORE
from heartguard_common.core.errors import INVALID_TOKEN
from heartguard_common.http.routing import Answer, EmptyCall, Route
from heartguard_common.messages import IdentityDeletion, MembershipList


def list_own_memberships(identities: IdentityUseCases, call: EmptyCall) -> Answer[MembershipList]:
    """List the caller's memberships of organizations.

    Locked ones too. Nobody but the person sees this list.
    """
    account, found = identities.memberships(call.person)
    document: MembershipList = {
        "email": account.email,
        "email_confirmed": account.email_confirmed,
        "items": [membership_document(it, account.id) for it in found],
    }
    return Answer(document, headers=NO_STORE)


def delete_identity(identities: IdentityUseCases, call: EmptyCall) -> Answer[IdentityDeletion]:
    """Delete the caller in all organizations.

    All sessions and API keys of the person end with the answer; their data is deleted after it, as by `DELETE
    /users/{user_id}` in each organization. Nothing happens where the person is the last admin of an organization with
    other members: `details` of the error has these organizations.
    """
    jobs = identities.delete(call.person)
    document: IdentityDeletion = {
        "items": [{"org_id": job.org_id, "user_id": job.user_id or 0, "job_id": job.id} for job in jobs]
    }
    return Answer(document, headers=NO_STORE)


ROUTES = (
    Route("GET", "/auth/memberships/mine", list_own_memberships, raises=(INVALID_TOKEN,)),
    Route("DELETE", "/auth/identity", delete_identity, status=202, raises=(LAST_ADMIN, MEMBER_CHANGED, INVALID_TOKEN)),
)
