"""Passwords: changing a known one, replacing a forgotten one, and what a password must not be."""

from typing import NoReturn

from heartguard_auth.domain import Account, code_digest, guessable, new_code
from heartguard_auth.errors import CODE_REFUSED, WEAK_PASSWORD, WRONG_PASSWORD
from heartguard_auth.usecases.dependencies import Rules, Stores
from heartguard_auth.usecases.guessing import Guard
from heartguard_auth.usecases.session_revocation import revoking_sessions
from heartguard_common.core.clock import NANOSECONDS
from heartguard_common.core.errors import INVALID_TOKEN, NOT_FOUND, ServiceError, Violation
from heartguard_common.identity.authentication import Principal

RESET_SECONDS = 30 * 60


def require_strong(rules: Rules, password: str, email: str, path: str = "/new_password") -> None:
    """Raises AUTH_004, pointing at `path`, for a password that is among the first anybody would try."""
    if guessable(password, email, rules.common_passwords):
        violation = Violation(path, "is among the most common ones, or is the e-mail address")
        raise ServiceError(WEAK_PASSWORD, details=(violation,))


def issue_code(stores: Stores, account: Account) -> tuple[str, int] | None:
    """A new code for a forgotten password and when it expires, in nanoseconds; earlier ones stop counting.

    None where the account is not as it was read any more: nothing is stored of a person who was deleted.
    """
    code = new_code()
    expires_at = stores.clock.now_ns() + RESET_SECONDS * NANOSECONDS
    with stores.transactions.transaction():
        if not stores.accounts.lock_if_unchanged(account):
            return None
        stores.resets.issue(account.id, code_digest(code), expires_at)
    return code, expires_at


class Passwords:
    """Change, and the three steps of a forgotten password."""

    def __init__(self, rules: Rules, stores: Stores, guard: Guard) -> None:
        self._rules = rules
        self._s = stores
        self._guard = guard

    def change(self, principal: Principal, current: str, new: str, address: str) -> None:
        """Replace the caller's password and end the other sessions.

        Raises AUTH_010, AUTH_004, AUTH_009, GEN_401_TOKEN.
        """
        account = self._s.accounts.by_id(principal.user_id or 0)
        if account is None:
            raise ServiceError(INVALID_TOKEN)
        locked_until = self._s.locks.until(self._s.guesses.subjects(account.email, address))
        try:
            with self._guard.attempt(account.email, address, locked_until):
                self._require(account, current)
        except ServiceError as error:
            self._s.audit.changed(
                principal, "auth.password", f"user:{account.id}", outcome="denied", reason=error.error_code.code
            )
            raise
        require_strong(self._rules, new, account.email)
        hashed = self._s.hasher.hash(new)
        with revoking_sessions(self._rules, self._s) as end:
            self._s.authority.require_writer(principal)
            if not self._s.accounts.set_password(account, hashed):
                raise ServiceError(WRONG_PASSWORD)
            self._s.resets.forget([account.id])
            others = set(self._s.sessions.open_of([account.id])) - {principal.session_id}
            end(sorted(others), "password change")
            ended = {"ended_sessions": len(others)}
            self._s.audit.changed(principal, "auth.password", f"user:{account.id}", payload=ended)
        self._guard.forget(account.email)

    def _require(self, account: Account, password: str) -> None:
        if not self._s.hasher.verify(account.password_hash, password):
            raise ServiceError(WRONG_PASSWORD)

    def forgot(self, email: str) -> None:
        """Have a code sent to an address, if there is an account; the answer is the same without one."""
        self._s.outbox.ask(email)

    def code(self, principal: Principal, user_id: int) -> tuple[str, int]:
        """A code that the admin hands over, and when it expires, in nanoseconds. Raises GEN_404."""
        account = self._s.accounts.by_id(user_id)
        if account is None or account.org_id != principal.org_id:
            raise ServiceError(NOT_FOUND)
        with self._s.transactions.transaction():
            self._s.authority.require_actor(principal, others=[user_id])
            issued = issue_code(self._s, account)
            if issued is None:
                raise ServiceError(NOT_FOUND)
            self._s.audit.changed(principal, "auth.password_code", f"user:{account.id}")
        return issued

    def reset(self, code: str, new: str) -> None:
        """Replace the password of whom a code was made for, and end all their sessions. Raises AUTH_011, AUTH_004."""
        digest = code_digest(code)
        owner = self._s.resets.owner(digest)
        account = self._s.accounts.by_id(owner) if owner is not None else None
        if account is None or not account.active:
            self._refused(account)
        require_strong(self._rules, new, account.email)
        hashed = self._s.hasher.hash(new)
        with revoking_sessions(self._rules, self._s) as end:
            spent = (
                self._s.authority.admits(account.org_id, account.id)
                and self._s.resets.spend(digest)
                and self._s.accounts.set_password(account, hashed)
            )
            if spent:
                self._s.resets.forget([account.id])
                end(self._s.sessions.open_of([account.id]), "password reset")
                self._s.audit.changed(None, "auth.password_reset", f"user:{account.id}", org_id=account.org_id)
        if not spent:
            self._refused(account)
        self._guard.forget(account.email)

    def _refused(self, account: Account | None) -> NoReturn:
        self._s.denied("auth.password_reset", account, CODE_REFUSED.code)
        raise ServiceError(CODE_REFUSED)
