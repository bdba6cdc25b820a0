"""POST /auth/register."""

from heartguard_auth.errors import (
    EMAIL_TAKEN,
    INVITATION_REFUSED,
    REGISTRATION_CLOSED,
    ROLE_REFUSED,
    WEAK_PASSWORD,
)
from heartguard_auth.registration.usecases import RegistrationUseCases
from heartguard_auth.shared.routes import NO_STORE
from heartguard_common.core.errors import LIMIT_FOR_NOW, LIMIT_REACHED
from heartguard_common.http.routing import Answer, Call, NoQuery, Route
from heartguard_common.messages import RegisterRequest, RegisterResponse


def register(registration: RegistrationUseCases, call: Call[RegisterRequest, NoQuery]) -> Answer[RegisterResponse]:
    """Register a person, and create an organization if needed.

    Without a token and without an invitation a new organization is created, and the person is its admin. With the code
    of an invitation the person becomes a member of the organization that invited them. With a token the person becomes
    a member of the caller's organization: an admin may give any role, a manager only `user`.
    """
    account = registration.register(call.document, call.principal, call.address)
    document: RegisterResponse = {
        "user_id": account.id,
        "email": account.email,
        "role": account.role,
        "org_id": account.org_id,
    }
    return Answer(document, headers=NO_STORE)


ROUTES = (
    Route(
        "POST",
        "/auth/register",
        register,
        status=201,
        raises=(
            EMAIL_TAKEN,
            WEAK_PASSWORD,
            ROLE_REFUSED,
            REGISTRATION_CLOSED,
            INVITATION_REFUSED,
            LIMIT_FOR_NOW,
            LIMIT_REACHED,
        ),
    ),
)
