"""Invitations."""

from dataclasses import dataclass

from heartguard_common.messages import Role

DAYS = 7
"""How long an invitation is valid."""


@dataclass(frozen=True)
class Invitation:
    """The right of an address's owner to join an organization; `expires_at` in nanoseconds since the epoch.

    `created_by` is the member who sends it, None for the operator.
    """

    id: str
    org_id: int
    email: str
    role: Role
    created_by: int | None
    expires_at: int
