"""Finding, locking and unlocking accounts, and their sessions, for the operator."""

from collections.abc import Sequence

from heartguard_auth.accounts.domain import Account
from heartguard_auth.accounts.ports import Accounts
from heartguard_auth.api_keys.usecases.memberships import MemberKeys
from heartguard_auth.login_attempts.usecases import LoginLimiter
from heartguard_auth.operator.domain import AccountFilter, AccountState
from heartguard_auth.operator.ports import AccountStates
from heartguard_auth.sessions.domain import Session
from heartguard_auth.sessions.ports import Sessions
from heartguard_auth.sessions.usecases.revocation import SessionRevocation
from heartguard_auth.shared.ports import CommonPorts
from heartguard_common.core.errors import NOT_FOUND, ServiceError
from heartguard_common.identity.authentication import Principal


class OperatorUseCases:
    """What the operator does with accounts of every organization. Each method raises GEN_404 for an unknown account."""

    def __init__(
        self,
        common: CommonPorts,
        *,
        accounts: Accounts,
        states: AccountStates,
        sessions: Sessions,
        revocation: SessionRevocation,
        limiter: LoginLimiter,
        keys: MemberKeys,
    ) -> None:
        self._common = common
        self._accounts = accounts
        self._states = states
        self._sessions = sessions
        self._revocation = revocation
        self._limiter = limiter
        self._keys = keys

    def page(self, wanted: AccountFilter, after_id: int, limit: int) -> Sequence[AccountState]:
        """Up to `limit` accounts with an id above `after_id`, by id."""
        return self._states.page(wanted, after_id, limit)

    def read(self, principal: Principal, user_id: int) -> AccountState:
        """One account; that it was read is an event of its organization."""
        found = self._states.find(user_id)
        if found is None:
            raise ServiceError(NOT_FOUND)
        self._common.audit.changed(principal, "auth.account.disclosed", f"user:{user_id}", org_id=found.org_id)
        return found

    def sessions_of(self, principal: Principal, user_id: int) -> Sequence[Session]:
        """The open sessions of a person, last used first; that they were read is an event of the organization."""
        account = self._account(user_id)
        self._common.audit.changed(principal, "auth.sessions_of.disclosed", f"user:{user_id}", org_id=account.org_id)
        return self._sessions.list_open(user_id)

    def end_sessions(self, principal: Principal, user_id: int) -> int:
        """End all open sessions of a person; returns how many."""
        account = self._account(user_id)
        with self._revocation.transaction() as end:
            self._common.authority.admits(account.org_id, user_id)
            ended = self._sessions.open_of([user_id])
            end(ended, "operator")
            self._record(principal, "auth.sessions_ended", account, ended=len(ended))
        return len(ended)

    def lock(self, principal: Principal, user_id: int) -> int:
        """Deactivate an account and end its sessions; returns how many that were. Nothing happens to a locked one.

        The person's API keys stop too, until the account is unlocked. Also the last admin of an
        organization: the account may be in somebody else's hands, and can be unlocked.
        """
        account = self._account(user_id)
        with self._keys.revocation.transaction() as end_keys, self._revocation.transaction() as end:
            ended: list[str] = []
            if self._set_active(account, active=False):
                ended = self._sessions.open_of([user_id])
                end(ended, "operator")
                self._keys.changed(account.org_id, user_id, end_keys)
                self._record(principal, "auth.account_locked", account, ended=len(ended))
        return len(ended)

    def unlock(self, principal: Principal, user_id: int) -> None:
        """Activate an account, and end its locks after failed logins with their counters. Raises GEN_503."""
        account = self._account(user_id)
        with self._keys.revocation.transaction() as end_keys:
            activated = self._set_active(account, active=True)
            if activated:
                self._keys.changed(account.org_id, user_id, end_keys)
            self._limiter.clear(account.email)
            self._record(principal, "auth.account_unlocked", account, activated=activated)

    def _set_active(self, account: Account, *, active: bool) -> bool:
        """Whether that was a change. The advisory locks come before row locks, as everywhere."""
        self._common.authority.admits(account.org_id, account.id)
        status = self._accounts.membership_status(account.org_id, account.id)
        if status is None:
            raise ServiceError(NOT_FOUND)
        if status.active == active:
            return False
        self._accounts.set_role(account.id, status.role, active=active)
        return True

    def _record(self, principal: Principal, action: str, account: Account, **payload: int) -> None:
        resource = f"user:{account.id}"
        self._common.audit.changed(principal, action, resource, org_id=account.org_id, payload={**payload})

    def _account(self, user_id: int) -> Account:
        account = self._accounts.by_id(user_id)
        if account is None:
            raise ServiceError(NOT_FOUND)
        return account
