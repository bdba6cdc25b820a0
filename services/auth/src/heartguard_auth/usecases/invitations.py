"""Invitations: an admin or manager names an address, and its owner registers with the code."""

from heartguard_auth.domain import (
    Account,
    Invitation,
    code_digest,
    email_key,
    given_roles,
    new_code,
    render_email,
)
from heartguard_auth.errors import EMAIL_TAKEN, INVITATIONS_FULL, REGISTRATION_CLOSED, ROLE_REFUSED
from heartguard_auth.usecases.dependencies import Rules, Stores
from heartguard_common.core.clock import NANOSECONDS
from heartguard_common.core.errors import INVALID_TOKEN, NOT_FOUND, ServiceError
from heartguard_common.core.ids import uuid7
from heartguard_common.core.limits import LimitError
from heartguard_common.identity.authentication import Principal
from heartguard_common.messages import Role

DAYS = 7


class Invitations:
    """Make, list and withdraw; an admin for every role, a manager for the role user."""

    def __init__(self, rules: Rules, stores: Stores) -> None:
        self._rules = rules
        self._s = stores

    def invite(self, principal: Principal, email: str, role: Role) -> tuple[Invitation, str]:
        """An invitation and its code, which is shown only now; it is sent by e-mail too.

        An earlier invitation of that address stops counting. Nothing that the caller sees shows whether the address has
        an account in another organization: its owner gets an e-mail that says so in place of the code, which would
        not work for them. Raises AUTH_005 for a role that the caller can't give, AUTH_002 for a member of the caller's
        organization, AUTH_006 where registration is closed, AUTH_040 for too many that wait, GEN_429_LIMIT for too many
        e-mails in a day.
        """
        if self._rules.registration == "closed":
            raise ServiceError(REGISTRATION_CLOSED, "Registration is closed, so nobody can be invited")
        if role not in given_roles(principal.role):
            raise ServiceError(ROLE_REFUSED)
        inviter = self._inviter(principal)
        known = self._s.accounts.by_email(email)
        if known is not None and known.org_id == inviter.org_id:
            raise ServiceError(EMAIL_TAKEN)
        code = new_code()
        made = Invitation(
            id=uuid7(self._s.clock),
            org_id=inviter.org_id,
            email=email,
            role=role,
            created_by=inviter.id,
            expires_at=self._s.clock.now_ns() + DAYS * 86_400 * NANOSECONDS,
        )
        with self._s.transactions.transaction():
            # Held, so that an erasure of the inviter finds this invitation or prevents it.
            self._s.authority.require_actor(principal)
            self._keep(inviter, made, code, "invitation" if known is None else "invitation_known")
            self._s.audit.changed(principal, "auth.invite", f"invitation:{made.id}", payload={"role": role})
        return made, code

    def waiting(self, principal: Principal, after: str | None, limit: int) -> list[Invitation]:
        """The invitations that the caller could have made and that count, oldest first, behind the id `after`."""
        return self._s.invitations.waiting(principal.org_id or 0, given_roles(principal.role), after, limit)

    def withdraw(self, principal: Principal, invitation_id: str) -> None:
        """Make an invitation worthless. Raises GEN_404 for one that the caller does not see."""
        roles = given_roles(principal.role)
        with self._s.transactions.transaction():
            self._s.authority.require_actor(principal)
            if self._s.invitations.withdraw(principal.org_id or 0, roles, invitation_id) is None:
                raise ServiceError(NOT_FOUND)
            self._s.audit.changed(principal, "auth.invitation_withdrawn", f"invitation:{invitation_id}")

    def _require_room(self, made: Invitation) -> None:
        """Raises AUTH_040 where as many wait as may wait; one that takes the place of an earlier one needs no room."""
        most = self._s.limits.value(made.org_id, "invitations")
        self._s.limits.lock(made.org_id, "invitations")
        waiting = self._s.invitations.waiting(made.org_id, given_roles("admin"), None, most + 1)
        if len(waiting) >= most and all(email_key(it.email) != email_key(made.email) for it in waiting):
            raise LimitError("invitations", most, error_code=INVITATIONS_FULL)

    def _inviter(self, principal: Principal) -> Account:
        account = self._s.accounts.by_id(principal.user_id or 0)
        if account is None:
            raise ServiceError(INVALID_TOKEN)
        return account

    def _keep(self, inviter: Account, made: Invitation, code: str, template: str) -> None:
        self._require_room(made)
        self._s.invitations.add(made, code_digest(code))
        text = render_email(
            self._rules.email_templates[template], made.email, inviter=inviter.email, code=code, days=DAYS
        )
        self._s.outbox.enqueue(text.to, text.subject, text.text, org_id=inviter.org_id, sender=inviter.id)
