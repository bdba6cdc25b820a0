"""The caller's account, and the roles."""

from heartguard_auth.accounts.domain import Account
from heartguard_auth.accounts.usecases import AccountUseCases
from heartguard_auth.shared.routes import NO_STORE
from heartguard_common.http.routing import Answer, EmptyCall, Route
from heartguard_common.messages import RoleList, User


def profile(accounts: AccountUseCases, call: EmptyCall) -> Answer[User]:
    """The caller's account."""
    return Answer(_user(accounts.profile(call.person)), headers=NO_STORE)


def roles(accounts: AccountUseCases, _: EmptyCall) -> Answer[RoleList]:
    """The roles, and the ids of the routes that each may call."""
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
    Route("GET", "/auth/profile", profile),
    Route("GET", "/auth/roles", roles),
)
