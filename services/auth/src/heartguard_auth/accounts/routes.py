"""The caller's account, and the roles."""

from heartguard_auth.accounts.domain import Account
from heartguard_auth.accounts.usecases import AccountUseCases
from heartguard_auth.shared.routes import NO_STORE
from heartguard_common.http.routing import Answer, EmptyCall, Route
from heartguard_common.messages import RoleList, User


def read_profile(accounts: AccountUseCases, call: EmptyCall) -> Answer[User]:
    """Read the caller's account."""
    return Answer(_user(accounts.profile(call.person)), headers=NO_STORE)


def list_roles(accounts: AccountUseCases, _: EmptyCall) -> Answer[RoleList]:
    """List the roles and what each of them may call.

    What a role may call is in `permissions`, by the ids that operations have as `x-permission`.
    """
    return Answer({"items": accounts.roles()})


def _user(account: Account) -> User:
    return {
        "id": account.id,
        "email": account.email,
        "full_name": account.full_name,
        "role": account.role,
        "org_id": account.org_id,
        "active": account.active,
        "preferences": dict(account.preferences),
        "created_at": account.created_at,
    }


ROUTES = (
    Route("GET", "/auth/profile", read_profile),
    Route("GET", "/auth/roles", list_roles),
)
