"""Invitations."""

from uuid import UUID

from heartguard_auth.errors import (
    ALREADY_MEMBER,
    BAD_CREDENTIALS,
    EMAIL_TAKEN,
    EMAIL_UNCONFIRMED,
    INVITATION_REFUSED,
    INVITATIONS_FULL,
    LOCKED,
    PASSWORD_ASSIGNED,
    REGISTRATION_CLOSED,
    ROLE_REFUSED,
)
from heartguard_auth.invitations.domain import Invitation
from heartguard_auth.invitations.usecases.acceptance import AcceptanceUseCases
from heartguard_auth.invitations.usecases.invitations import InvitationUseCases
from heartguard_auth.shared.routes import NO_STORE
from heartguard_common import messages
from heartguard_common.core.clock import rfc3339
from heartguard_common.core.errors import FORBIDDEN, INVALID_TOKEN, LIMIT_FOR_NOW, LIMIT_REACHED
from heartguard_common.http import paging
from heartguard_common.http.routing import Answer, Call, EmptyCall, NoQuery, Route
from heartguard_common.messages import (
    InvitationAcceptance,
    InvitationList,
    InvitationListQuery,
    InvitationRequest,
    RegisterResponse,
)


def create_invitation(
    invitations: InvitationUseCases, call: Call[InvitationRequest, NoQuery]
) -> Answer[messages.Invitation]:
    """Invite a person by e-mail address.

    The code of the invitation is only in this answer, and in the e-mail that is sent where SMTP is set up. A manager
    may invite with the role `user` only.
    """
    made, code = invitations.invite(call.person, call.document["email"], call.document["role"])
    document = _invitation(made)
    document["code"] = code
    return Answer(document, headers=NO_STORE)


def create_invitation_for_organization(
    invitations: InvitationUseCases, call: Call[InvitationRequest, NoQuery]
) -> Answer[messages.Invitation]:
    """Invite a person into any organization.

    As `create_invitation`, with any role.
    """
    org_id = int(call.params["org_id"])
    made, code = invitations.invite_into(call.person, org_id, call.document["email"], call.document["role"])
    document = _invitation(made)
    document["code"] = code
    return Answer(document, headers=NO_STORE)


def list_invitations(invitations: InvitationUseCases, call: Call[None, InvitationListQuery]) -> Answer[InvitationList]:
    """List the open invitations."""
    limit = call.query.get("limit", paging.DEFAULT_LIMIT)
    after = paging.decode_cursor(call.query.get("cursor"), UUID)
    found = invitations.waiting(call.person, after[0] if after else None, limit + 1)
    page = paging.page(found, limit, _invitation, lambda item: [item.id])
    return Answer({"items": page.items, "next_cursor": page.next_cursor}, headers=NO_STORE)


def withdraw_invitation(invitations: InvitationUseCases, call: EmptyCall) -> Answer[None]:
    """Withdraw an invitation."""
    invitations.withdraw(call.person, call.params["invitation_id"].lower())
    return Answer(None)


def accept_invitation(
    acceptance: AcceptanceUseCases, call: Call[InvitationAcceptance, NoQuery]
) -> Answer[RegisterResponse]:
    """Accept an invitation with an account that exists.

    The caller becomes a member of the organization that invited them, with the same address and password, and keeps
    all other memberships. With a token `code` is enough; without one, e-mail address and password are sent too. Then
    `POST /auth/switch`, or a login with `org_id`, gives tokens for that organization.
    """
    made = acceptance.accept(call.document, call.principal, call.address)
    document: RegisterResponse = {
        "user_id": made.id,
        "email": made.email,
        "role": made.role,
        "org_id": made.org_id,
    }
    return Answer(document, headers=NO_STORE)


def _invitation(invitation: Invitation) -> messages.Invitation:
    return {
        "id": invitation.id,
        "email": invitation.email,
        "role": invitation.role,
        "expires_at": rfc3339(invitation.expires_at),
    }


ROUTES = (
    Route(
        "POST",
        "/auth/invitations",
        create_invitation,
        status=201,
        raises=(EMAIL_TAKEN, EMAIL_UNCONFIRMED, ROLE_REFUSED, REGISTRATION_CLOSED, INVITATIONS_FULL, LIMIT_FOR_NOW),
    ),
    Route(
        "POST",
        "/auth/organizations/{org_id}/invitations",
        create_invitation_for_organization,
        status=201,
        raises=(EMAIL_TAKEN, REGISTRATION_CLOSED, INVITATIONS_FULL, LIMIT_FOR_NOW),
    ),
    Route("GET", "/auth/invitations", list_invitations),
    Route("DELETE", "/auth/invitations/{invitation_id}", withdraw_invitation, status=204),
)
ACCEPTANCE_ROUTES = (
    Route(
        "POST",
        "/auth/invitations/accept",
        accept_invitation,
        status=201,
        raises=(
            BAD_CREDENTIALS,
            LOCKED,
            REGISTRATION_CLOSED,
            INVITATION_REFUSED,
            PASSWORD_ASSIGNED,
            EMAIL_UNCONFIRMED,
            ALREADY_MEMBER,
            INVALID_TOKEN,
            FORBIDDEN,
            LIMIT_REACHED,
        ),
    ),
)
