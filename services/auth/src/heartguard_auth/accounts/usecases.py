"""What members can read of their own account, and the record of refusals that are about an account."""

from heartguard_auth.accounts.domain import RANKS, Account
from heartguard_auth.accounts.ports import Accounts
from heartguard_common.audit.events import AuditTrail
from heartguard_common.core.errors import INVALID_TOKEN, ServiceError
from heartguard_common.identity.authentication import Principal
from heartguard_common.messages import RoleEntryDocument


def record_refusal(audit: AuditTrail, action: str, account: Account | None, reason: str) -> None:
    """Record the refusal of a caller without a token; `account` is the account it was about, if there is one."""
    audit.changed(
        None,
        action,
        f"user:{account.id}" if account else "user:unknown",
        org_id=account.org_id if account else None,
        outcome="denied",
        reason=reason,
    )


class AccountUseCases:
    """The caller's account, and the roles; `permissions` are the route ids that each role may call."""

    def __init__(self, accounts: Accounts, permissions: dict[str, tuple[str, ...]]) -> None:
        self._accounts = accounts
        self._permissions = permissions

    def profile(self, principal: Principal) -> Account:
        """The caller's own account. Raises GEN_401_TOKEN when it has been deleted."""
        account = self._accounts.by_id(principal.user_id or 0)
        if account is None:
            raise ServiceError(INVALID_TOKEN)
        return account

    def roles(self) -> list[RoleEntryDocument]:
        """The roles, strongest first, with the ids of the routes each may call."""
        names = sorted(RANKS, key=lambda name: -RANKS[name])
        return [{"name": name, "permissions": list(self._permissions[name])} for name in names]
