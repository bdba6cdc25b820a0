"""Acceptance of an invitation by a person who has an identity: it gets another membership."""

from typing import NoReturn

from heartguard_auth.accounts.domain import Account
from heartguard_auth.accounts.ports import Accounts, Hasher, Identities
from heartguard_auth.accounts.usecases import record_refusal
from heartguard_auth.errors import (
    ALREADY_MEMBER,
    BAD_CREDENTIALS,
    EMAIL_UNCONFIRMED,
    INVITATION_REFUSED,
    PASSWORD_ASSIGNED,
    REGISTRATION_CLOSED,
)
from heartguard_auth.invitations.domain import Invitation
from heartguard_auth.invitations.ports import Invitations
from heartguard_auth.login_attempts.usecases import LoginLimiter
from heartguard_auth.shared.domain import code_digest
from heartguard_auth.shared.ports import CommonPorts, Rules
from heartguard_common.core.errors import FORBIDDEN, INVALID_TOKEN, UNPROCESSABLE, ServiceError, Violation
from heartguard_common.core.limit_table import SYSTEM
from heartguard_common.core.limits import require
from heartguard_common.identity.authentication import Principal
from heartguard_common.messages import InvitationAcceptance


class AcceptanceUseCases:
    """Acceptance by a person who proves who they are: with a token, or with the password."""

    def __init__(
        self,
        rules: Rules,
        common: CommonPorts,
        *,
        accounts: Accounts,
        identities: Identities,
        hasher: Hasher,
        limiter: LoginLimiter,
        invitations: Invitations,
    ) -> None:
        self._rules = rules
        self._common = common
        self._accounts = accounts
        self._identities = identities
        self._hasher = hasher
        self._limiter = limiter
        self._invitations = invitations

    def accept(self, request: InvitationAcceptance, principal: Principal | None, address: str) -> Account:
        """Add a membership to the caller's identity; returns it. The password stays what it is.

        Raises GEN_422 without token and password, or with both, AUTH_001 and AUTH_009 as a login does, AUTH_006 where
        registration is closed, AUTH_007 for a code that is not valid for the identity's address, AUTH_071 where
        somebody else has chosen the password, AUTH_073 where the address has to be confirmed before, AUTH_072 for a
        member of that organization, GEN_401_TOKEN for a caller whose session or password has ended meanwhile,
        GEN_409_LIMIT where the organization is full or the identity has as many memberships as it may have.
        """
        if self._rules.registration == "closed":
            raise ServiceError(REGISTRATION_CLOSED, "Registration is closed")
        account = self._caller(request, principal, address)
        if account.password_assigned:
            raise ServiceError(PASSWORD_ASSIGNED)
        if self._rules.email_confirmation != "optional" and not account.email_confirmed:
            raise ServiceError(EMAIL_UNCONFIRMED)
        digest = code_digest(request["code"])
        found = self._invitations.find(digest, account.email)
        if found is None:
            self._refuse()
        with self._common.transactions.transaction():
            self._enter(found, principal)
            if not self._identities.lock(account):
                raise ServiceError(INVALID_TOKEN if principal else BAD_CREDENTIALS)
            held = len(self._identities.memberships(account))
            require(self._common.limits, SYSTEM, "memberships", held)
            made = self._join(account, digest, request.get("full_name"))
        if made is None:
            self._refuse()
        return made

    def _join(self, account: Account, digest: bytes, full_name: str | None) -> Account | None:
        """The new membership; None where the invitation was used up or withdrawn meanwhile. Raises AUTH_072."""
        spent = self._invitations.spend(digest, account.email)
        if spent is None:
            return None
        made = self._identities.join(account, spent.org_id, spent.role, full_name)
        if made is None:
            raise ServiceError(ALREADY_MEMBER)
        how = {"role": made.role, "by": "invitation"}
        self._common.audit.changed(None, "auth.registered", f"user:{made.id}", org_id=made.org_id, payload=how)
        return made

    def _caller(self, request: InvitationAcceptance, principal: Principal | None, address: str) -> Account:
        """The account that the token or the password stands for. Raises GEN_422, GEN_403, AUTH_001, AUTH_009."""
        if principal is not None and (principal.kind != "person" or principal.api_key is not None):
            raise ServiceError(FORBIDDEN)
        email, password = request.get("email"), request.get("password")
        if principal is not None and (email is not None or password is not None):
            name = "password" if email is None else "email"
            violation = Violation(f"/{name}", "is sent only without a token")
            raise ServiceError(UNPROCESSABLE, details=(violation,))
        if principal is not None:
            return self._by_token(principal)
        if email is None or password is None:
            name = "email" if email is None else "password"
            raise ServiceError(UNPROCESSABLE, details=(Violation(f"/{name}", "is required without a token"),))
        return self._by_password(email, password, address)

    def _by_token(self, principal: Principal) -> Account:
        account = self._accounts.by_id(principal.user_id or 0)
        if account is None:
            raise ServiceError(INVALID_TOKEN)
        return account

    def _by_password(self, email: str, password: str, address: str) -> Account:
        account = self._accounts.by_email(email)
        try:
            with self._limiter.attempt(email, address, self._limiter.locked_until(email, address)):
                verified = self._verified(account, password)
        except ServiceError as error:
            record_refusal(self._common.audit, "auth.login", account, error.error_code.code)
            raise
        return verified

    def _verified(self, account: Account | None, password: str) -> Account:
        right = self._hasher.verify(account.password_hash if account else None, password)
        if account is None or not right or not account.active:
            raise ServiceError(BAD_CREDENTIALS)
        return account

    def _enter(self, found: Invitation, principal: Principal | None) -> None:
        """Take the locks of both organizations, in the order of their numbers, as everywhere. Raises AUTH_007."""
        if principal is not None and (principal.org_id or 0) < found.org_id:
            self._common.authority.require_writer(principal)
        if not self._common.authority.admits(found.org_id):
            raise ServiceError(INVITATION_REFUSED)
        if principal is not None:
            self._common.authority.require_writer(principal)

    def _refuse(self) -> NoReturn:
        """Raises AUTH_007; the event belongs to no organization, because none of them may learn of another."""
        self._common.audit.changed(
            None, "auth.registered", "user:unknown", outcome="denied", reason=INVITATION_REFUSED.code
        )
        raise ServiceError(INVITATION_REFUSED)
