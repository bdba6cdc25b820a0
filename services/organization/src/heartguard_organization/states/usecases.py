"""Modes: the operator sets them."""

from heartguard_common.audit.events import AuditTrail
from heartguard_common.core.errors import ServiceError
from heartguard_common.core.transactions import Transaction
from heartguard_common.identity.authentication import Principal
from heartguard_common.messages import Mode
from heartguard_organization.domain import Organization
from heartguard_organization.errors import NO_ORGANIZATION
from heartguard_organization.ports import Organizations
from heartguard_organization.states.ports import States


class ModeUseCases:
    """The modes of organizations."""

    def __init__(
        self, organizations: Organizations, states: States, audit: AuditTrail, transaction: Transaction
    ) -> None:
        self._organizations = organizations
        self._states = states
        self._audit = audit
        self._transaction = transaction

    def choose(self, principal: Principal, org_id: int, mode: Mode) -> Organization:
        """Set the mode of an organization; it counts within a second. Raises ORG_001."""
        with self._transaction():
            if self._organizations.change(org_id, lambda current: current) is None:  # locks the row
                raise ServiceError(NO_ORGANIZATION)
            before = self._states.mode(org_id)
            self._states.choose_mode(org_id, mode)
            if before != mode:
                payload = {"mode_before": before, "mode_after": mode}
                resource = f"organization:{org_id}"
                self._audit.changed(principal, "organization.update_mode", resource, org_id=org_id, payload=payload)
        self._states.publish(org_id)
        found = self._organizations.find(org_id)
        if found is None:
            raise ServiceError(NO_ORGANIZATION)
        return found
