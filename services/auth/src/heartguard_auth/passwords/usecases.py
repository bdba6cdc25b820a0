"""Passwords: change of a known one, reset of a forgotten one, and which ones are refused."""

from typing import NoReturn

from heartguard_auth.accounts.domain import Account
from heartguard_auth.accounts.ports import Accounts, Hasher, Identities
from heartguard_auth.accounts.usecases import record_refusal
from heartguard_auth.errors import CODE_REFUSED, WEAK_PASSWORD, WRONG_PASSWORD
from heartguard_auth.login_attempts.usecases import LoginLimiter
from heartguard_auth.mail.domain import Email, render_email
from heartguard_auth.mail.ports import Outbox
from heartguard_auth.passwords.domain import IssuedCode, guessable
from heartguard_auth.passwords.ports import Resets
from heartguard_auth.sessions.usecases.identity_sessions import IdentitySessions
from heartguard_auth.sessions.usecases.revocation import SessionRevocation
from heartguard_auth.shared.domain import code_digest, new_code
from heartguard_auth.shared.ports import CommonPorts, Rules
from heartguard_common.core.clock import NANOSECONDS
from heartguard_common.core.errors import INVALID_TOKEN, NOT_FOUND, ServiceError, Violation
from heartguard_common.identity.authentication import Principal

RESET_SECONDS = 30 * 60


def require_strong(rules: Rules, password: str, email: str, path: str = "/new_password") -> None:
    """Raises AUTH_004, pointing at `path`, for a password that is among the most common ones."""
    if guessable(password, email, rules.common_passwords):
        violation = Violation(path, "is among the most common ones, or is the e-mail address")
        raise ServiceError(WEAK_PASSWORD, details=(violation,))


class _Refused(Exception):  # noqa: N818  rolls a transaction back
    """A code is not valid."""


class PasswordUseCases:
    """Change, and the three steps of a forgotten password."""

    def __init__(
        self,
        rules: Rules,
        common: CommonPorts,
        *,
        accounts: Accounts,
        identities: Identities,
        hasher: Hasher,
        limiter: LoginLimiter,
        sessions: IdentitySessions,
        revocation: SessionRevocation,
        resets: Resets,
        outbox: Outbox,
    ) -> None:
        self._rules = rules
        self._common = common
        self._accounts = accounts
        self._identities = identities
        self._hasher = hasher
        self._limiter = limiter
        self._sessions = sessions
        self._revocation = revocation
        self._resets = resets
        self._outbox = outbox

    def change(self, principal: Principal, current: str, new: str, address: str) -> None:
        """Replace the password of the caller's identity and end the other sessions of all memberships.

        Raises AUTH_010, AUTH_004, AUTH_009, GEN_401_TOKEN.
        """
        account = self._accounts.by_id(principal.user_id or 0)
        if account is None:
            raise ServiceError(INVALID_TOKEN)
        locked_until = self._limiter.locked_until(account.email, address)
        try:
            with self._limiter.attempt(account.email, address, locked_until):
                self._require_password(account, current)
        except ServiceError as error:
            self._common.audit.changed(
                principal, "auth.password", f"user:{account.id}", outcome="denied", reason=error.error_code.code
            )
            raise
        require_strong(self._rules, new, account.email)
        hashed = self._hasher.hash(new)
        with self._revocation.transaction() as end:
            self._common.authority.require_writer(principal)
            if not self._identities.set_password(account, hashed, own=new != current):
                raise ServiceError(WRONG_PASSWORD)
            self._resets.delete_of(self._identities.user_ids(account))
            own, _ = self._sessions.end(account, end, "password change", keep=principal.session_id)
            ended = {"ended_sessions": own}
            self._common.audit.changed(principal, "auth.password", f"user:{account.id}", payload=ended)
        self._limiter.clear_failures(account.email)

    def _require_password(self, account: Account, password: str) -> None:
        if not self._hasher.verify(account.password_hash, password):
            raise ServiceError(WRONG_PASSWORD)

    def forgot(self, email: str) -> None:
        """Have a code sent to an address, if it has an account; the answer is the same without one."""
        self._outbox.request_code(email)

    def code(self, principal: Principal, user_id: int) -> tuple[str, int]:
        """Make a code that the admin hands over; returns it and when it expires, in nanoseconds. Raises GEN_404.

        The answer is the same where the person is a member of other organizations too, and `reset` refuses the code:
        what belongs to those is not this admin's.
        """
        account = self._accounts.by_id(user_id)
        if account is None or account.org_id != principal.org_id:
            raise ServiceError(NOT_FOUND)
        with self._common.transactions.transaction():
            self._common.authority.require_actor(principal, others=[user_id])
            issued = self._issue_code(account, by_admin=True)
            if issued is None:
                raise ServiceError(NOT_FOUND)
            self._common.audit.changed(principal, "auth.password_code", f"user:{account.id}")
        return issued

    def code_email(self, account: Account) -> Email | None:
        """An e-mail with a new code; None where the account has changed since it was read."""
        issued = self._issue_code(account, by_admin=False)
        if issued is None:
            return None
        minutes = RESET_SECONDS // 60
        return render_email(
            self._rules.email_templates["password_reset"], account.email, code=issued[0], minutes=minutes
        )

    def _issue_code(self, account: Account, *, by_admin: bool) -> tuple[str, int] | None:
        """A new code for a forgotten password and when it expires, in nanoseconds; it replaces earlier ones.

        None where the account has changed since it was read: nothing is stored of a person who was deleted.
        """
        code = new_code()
        expires_at = self._common.clock.now_ns() + RESET_SECONDS * NANOSECONDS
        with self._common.transactions.transaction():
            if not self._accounts.lock_if_unchanged(account):
                return None
            self._resets.issue(account.id, code_digest(code), expires_at, by_admin=by_admin)
        return code, expires_at

    def reset(self, code: str, new: str) -> None:
        """Replace the password of the person a code was made for, and end their sessions. Raises AUTH_011, AUTH_004."""
        digest = code_digest(code)
        issued = self._resets.find(digest)
        account = self._accounts.by_id(issued.user_id) if issued is not None else None
        if issued is None or account is None or not account.active:
            self._refuse(account)
        require_strong(self._rules, new, account.email)
        hashed = self._hasher.hash(new)
        try:
            with self._revocation.transaction() as end:
                self._spend(digest, issued, account, hashed)
                self._sessions.end(account, end, "password reset", proven=False)
                self._common.audit.changed(None, "auth.password_reset", f"user:{account.id}", org_id=account.org_id)
        except _Refused:
            self._refuse(account)
        self._limiter.clear_failures(account.email)

    def _spend(self, digest: bytes, issued: IssuedCode, account: Account, hashed: str) -> None:
        """Use a code up. Raises `_Refused` where it is no longer valid, or an admin's for several organizations."""
        if not (
            self._common.authority.admits(account.org_id, account.id)
            and self._resets.spend(digest)
            and self._identities.set_password(account, hashed)
        ):
            raise _Refused
        # After the change of the password, which has locked the identity: nothing joins it meanwhile.
        user_ids = self._identities.user_ids(account)
        if issued.by_admin and len(user_ids) > 1:
            raise _Refused
        self._resets.delete_of(user_ids)
        if not issued.by_admin:  # it was sent to the address
            self._identities.confirm(account)

    def _refuse(self, account: Account | None) -> NoReturn:
        record_refusal(self._common.audit, "auth.password_reset", account, CODE_REFUSED.code)
        raise ServiceError(CODE_REFUSED)
