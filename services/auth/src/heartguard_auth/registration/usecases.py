"""Registration: creating an organization, or joining one."""

from heartguard_auth.accounts.domain import Account, NewAccount, founding_name, given_roles
from heartguard_auth.accounts.ports import Accounts, Hasher
from heartguard_auth.errors import (
    EMAIL_TAKEN,
    INVITATION_REFUSED,
    REGISTRATION_CLOSED,
    ROLE_REFUSED,
)
from heartguard_auth.invitations.ports import Invitations
from heartguard_auth.mail.ports import Outbox
from heartguard_auth.passwords.usecases import require_strong
from heartguard_auth.shared.domain import code_digest
from heartguard_auth.shared.ports import CommonPorts, Rules
from heartguard_common.core.errors import ServiceError, Violation
from heartguard_common.core.limit_table import SYSTEM
from heartguard_common.identity.authentication import Principal
from heartguard_common.messages import RegisterRequest, Role


class RegistrationUseCases:
    """Creating an organization, joining one by invitation, and adding members to one."""

    def __init__(
        self,
        rules: Rules,
        common: CommonPorts,
        *,
        accounts: Accounts,
        hasher: Hasher,
        invitations: Invitations,
        outbox: Outbox,
    ) -> None:
        self._rules = rules
        self._common = common
        self._accounts = accounts
        self._hasher = hasher
        self._invitations = invitations
        self._outbox = outbox

    def register(self, request: RegisterRequest, principal: Principal | None, address: str = "") -> Account:
        """Create an organization, join the one of an invitation, or add a member to the caller's.

        Raises AUTH_002 for a taken address, AUTH_004 for a common password, AUTH_005 for a role that the caller
        can't give, AUTH_006 where registration is closed, AUTH_007 for an invalid invitation, GEN_401_TOKEN for a
        caller whose role or state is no longer what their token says, GEN_429_LIMIT when as many organizations were
        created from `address` as are allowed in a day, GEN_409_LIMIT when the organization is full.
        """
        email, code = request["email"], request.get("invitation")
        if code is not None:
            org_id, role = self._by_invitation(request, code_digest(code))
        else:
            org_id, role = self._without_invitation(request, principal)
        require_strong(self._rules, request["password"], email, "/password")
        account = NewAccount(
            email=email,
            password_hash=self._hasher.hash(request["password"]),
            role=role,
            full_name=request.get("full_name"),
            organization_name=founding_name(email, request.get("organization_name")),
            org_id=org_id,
            password_assigned=principal is not None and code is None,
        )
        by = "invitation" if code else "member" if principal else "founding"
        with self._common.transactions.transaction():
            if code is not None:
                self._spend_invitation(code_digest(code), email, org_id or 0)
            elif principal is not None:
                self._common.authority.require_actor(principal)
            made = self._accounts.add(account)
            if made is None:
                raise ServiceError(EMAIL_TAKEN)
            if org_id is None:
                self._common.limits.take(SYSTEM, "foundings_per_address_per_day", self._rules.pseudonym(address))
            if self._rules.email_confirmation != "optional":
                self._outbox.request_confirmation(email)
            how = {"role": made.role, "by": by}
            self._common.audit.changed(principal, "auth.registered", f"user:{made.id}", org_id=made.org_id, payload=how)
        return made

    def _spend_invitation(self, digest: bytes, email: str, org_id: int) -> None:
        """Use an invitation up. Raises AUTH_007 where it is no longer valid, or its organization is being deleted."""
        if not self._common.authority.admits(org_id) or self._invitations.spend(digest, email) is None:
            raise ServiceError(INVITATION_REFUSED)

    def _by_invitation(self, request: RegisterRequest, digest: bytes) -> tuple[int | None, Role]:
        """The organization and the role of an invitation; the request may name the same role."""
        if self._rules.registration == "closed":
            raise ServiceError(REGISTRATION_CLOSED, "Registration is closed")
        found = self._invitations.find(digest, request["email"])
        if found is None:
            self._common.audit.changed(
                None, "auth.registered", "user:unknown", outcome="denied", reason=INVITATION_REFUSED.code
            )
            raise ServiceError(INVITATION_REFUSED)
        if request.get("role", found.role) != found.role:
            raise ServiceError(ROLE_REFUSED, "The invitation is for another role")
        self._refuse_organization_name(request)
        return found.org_id, found.role

    @staticmethod
    def _refuse_organization_name(request: RegisterRequest) -> None:
        if "organization_name" in request:
            violation = Violation("/organization_name", "is allowed only where an organization is created")
            raise ServiceError(ROLE_REFUSED, details=(violation,))

    def _without_invitation(self, request: RegisterRequest, principal: Principal | None) -> tuple[int | None, Role]:
        """The organization (None: a new one) and the role of an account to be made."""
        if principal is None:
            role: Role = request.get("role", "admin")
            if self._rules.registration != "open":
                raise ServiceError(REGISTRATION_CLOSED)
            if role != "admin":
                raise ServiceError(ROLE_REFUSED, "The founder of an organization is its admin")
            return None, role
        role = request.get("role", "user")
        if principal.kind != "person" or role not in given_roles(principal.role):
            raise ServiceError(ROLE_REFUSED)
        self._refuse_organization_name(request)
        return principal.org_id, role
