"""Invitations: an admin or manager names an address, and its owner registers or accepts with the code."""

from heartguard_auth.accounts.domain import Account, email_key, given_roles
from heartguard_auth.accounts.ports import Accounts
from heartguard_auth.errors import EMAIL_TAKEN, EMAIL_UNCONFIRMED, INVITATIONS_FULL, REGISTRATION_CLOSED, ROLE_REFUSED
from heartguard_auth.invitations.domain import DAYS, Invitation
from heartguard_auth.invitations.ports import Invitations
from heartguard_auth.mail.domain import render_email
from heartguard_auth.mail.ports import Outbox
from heartguard_auth.shared.domain import code_digest, new_code
from heartguard_auth.shared.ports import CommonPorts, Rules
from heartguard_common.core.clock import NANOSECONDS
from heartguard_common.core.errors import INVALID_TOKEN, NOT_FOUND, ServiceError
from heartguard_common.core.ids import uuid7
from heartguard_common.core.limits import LimitError
from heartguard_common.identity.authentication import Principal
from heartguard_common.messages import Role

OPERATOR = "The operator of HeartGuard"
"""In an e-mail, the sender of an invitation that no member has made."""


class InvitationUseCases:
    """Make, list and withdraw; an admin for every role, a manager for the role user."""

    def __init__(
        self, rules: Rules, common: CommonPorts, *, accounts: Accounts, invitations: Invitations, outbox: Outbox
    ) -> None:
        self._rules = rules
        self._common = common
        self._accounts = accounts
        self._invitations = invitations
        self._outbox = outbox

    def invite(self, principal: Principal, email: str, role: Role) -> tuple[Invitation, str]:
        """Make an invitation; returns it with its code, which is never shown again and is sent by e-mail too.

        It replaces an earlier invitation of that address. Nothing that the caller sees shows whether the address has an
        account in another organization: its owner gets an e-mail that says how to accept with that account. Raises
        AUTH_005 for a role that the caller can't give, AUTH_002 for a member of the caller's organization, AUTH_006
        where registration is closed, AUTH_073 where the caller's address has to be confirmed before, AUTH_040 for too
        many valid invitations, GEN_429_LIMIT for too many e-mails in a day.
        """
        if self._rules.registration == "closed":
            raise ServiceError(REGISTRATION_CLOSED, "Registration is closed, so nobody can be invited")
        if role not in given_roles(principal.role):
            raise ServiceError(ROLE_REFUSED)
        inviter = self._inviter(principal)
        if self._rules.email_confirmation != "optional" and not inviter.email_confirmed:
            raise ServiceError(EMAIL_UNCONFIRMED)
        made, known = self._make(inviter.org_id, email, role, inviter.id)
        code = new_code()
        with self._common.transactions.transaction():
            # Locks the inviter's row, so that an erasure of the inviter either finds this invitation or prevents it.
            self._common.authority.require_actor(principal)
            self._store_and_send(made, code, known=known, inviter=inviter.email)
            self._common.audit.changed(principal, "auth.invite", f"invitation:{made.id}", payload={"role": role})
        return made, code

    def invite_into(self, principal: Principal, org_id: int, email: str, role: Role) -> tuple[Invitation, str]:
        """As `invite`, by the operator and with any role. Raises GEN_404 for an organization that does not exist."""
        if self._rules.registration == "closed":
            raise ServiceError(REGISTRATION_CLOSED, "Registration is closed, so nobody can be invited")
        made, known = self._make(org_id, email, role, None)
        code = new_code()
        with self._common.transactions.transaction():
            if not self._common.authority.admits(org_id):
                raise ServiceError(NOT_FOUND)
            self._store_and_send(made, code, known=known, inviter=OPERATOR)
            resource = f"invitation:{made.id}"
            self._common.audit.changed(principal, "auth.invite", resource, org_id=org_id, payload={"role": role})
        return made, code

    def waiting(self, principal: Principal, after: str | None, limit: int) -> list[Invitation]:
        """The valid invitations that the caller could have made, oldest first, behind the id `after`."""
        return self._invitations.waiting(principal.org_id or 0, given_roles(principal.role), after, limit)

    def withdraw(self, principal: Principal, invitation_id: str) -> None:
        """Remove an invitation. Raises GEN_404 for one that the caller may not see."""
        roles = given_roles(principal.role)
        with self._common.transactions.transaction():
            self._common.authority.require_actor(principal)
            if self._invitations.withdraw(principal.org_id or 0, roles, invitation_id) is None:
                raise ServiceError(NOT_FOUND)
            self._common.audit.changed(principal, "auth.invitation_withdrawn", f"invitation:{invitation_id}")

    def _make(self, org_id: int, email: str, role: Role, sender: int | None) -> tuple[Invitation, bool]:
        """An invitation, not stored yet, and whether the address has an account. Raises AUTH_002."""
        if self._accounts.is_member(org_id, email):
            raise ServiceError(EMAIL_TAKEN)
        known = self._accounts.by_email(email)
        made = Invitation(
            id=uuid7(self._common.clock),
            org_id=org_id,
            email=email,
            role=role,
            created_by=sender,
            expires_at=self._common.clock.now_ns() + DAYS * 86_400 * NANOSECONDS,
        )
        return made, known is not None

    def _require_room(self, made: Invitation) -> None:
        """Raises AUTH_040 where the organization has as many as it may have, unless this one replaces another."""
        most = self._common.limits.value(made.org_id, "invitations")
        self._common.limits.lock(made.org_id, "invitations")
        waiting = self._invitations.waiting(made.org_id, given_roles("admin"), None, most + 1)
        if len(waiting) >= most and all(email_key(it.email) != email_key(made.email) for it in waiting):
            raise LimitError("invitations", most, error_code=INVITATIONS_FULL)

    def _inviter(self, principal: Principal) -> Account:
        account = self._accounts.by_id(principal.user_id or 0)
        if account is None:
            raise ServiceError(INVALID_TOKEN)
        return account

    def _store_and_send(self, made: Invitation, code: str, *, known: bool, inviter: str) -> None:
        self._require_room(made)
        self._invitations.add(made, code_digest(code))
        text = render_email(
            self._rules.email_templates["invitation_known" if known else "invitation"],
            made.email,
            inviter=inviter,
            code=code,
            days=DAYS,
        )
        self._outbox.enqueue(text.to, text.subject, text.text, org_id=made.org_id, sender=made.created_by)
