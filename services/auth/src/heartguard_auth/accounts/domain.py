"""Accounts, their roles, and rules about them."""

import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field

from heartguard_common.messages import Preferences, Role

RANKS: Mapping[str, int] = {"user": 1, "manager": 2, "admin": 3}


@dataclass(frozen=True)
class Account:
    """A membership of an organization, with address and password of its identity; `created_at` is RFC 3339 text.

    `password_assigned`: whoever registered the person chose the password, and may know it. `several`: the identity has
    other memberships too.
    """

    id: int
    org_id: int
    email: str
    role: Role
    active: bool
    created_at: str
    full_name: str | None = None
    password_hash: str = ""
    preferences: Preferences = field(default_factory=dict)
    identity_id: int = 0
    password_assigned: bool = False
    several: bool = False
    email_confirmed: bool = False


@dataclass(frozen=True)
class Membership:
    """One of the memberships of an identity."""

    user_id: int
    org_id: int
    organization: str
    role: Role
    active: bool


@dataclass(frozen=True)
class MembershipStatus:
    """A member's role and state, and how many other active admins and other members the organization has."""

    role: Role
    active: bool
    other_admins: int
    other_members: int

    def would_leave_no_admin(self, role: Role, *, active: bool) -> bool:
        """Whether the organization would have members but no active admin if this member were as given."""
        leads = self.role == "admin" and self.active
        return leads and not (role == "admin" and active) and not self.other_admins and self.other_members > 0


@dataclass(frozen=True)
class NewAccount:
    """An identity with its first membership, to be made; without `org_id` it creates `organization_name`."""

    email: str
    password_hash: str
    role: Role
    full_name: str | None
    organization_name: str
    org_id: int | None = None
    password_assigned: bool = False


def email_key(email: str) -> str:
    """What makes two addresses the same: case and Unicode compatibility forms don't count."""
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", email).casefold())


def founding_name(email: str, organization_name: str | None) -> str:
    """The name of a new organization: as given, or the part of the address before the @."""
    return organization_name or email.partition("@")[0]


def given_roles(giver: str) -> tuple[str, ...]:
    """The roles that a member with the role `giver` may give when registering, inviting or changing a member.

    A member who may not give a role does not see invitations to it either.
    """
    return {"admin": tuple(RANKS), "manager": ("user",)}.get(giver, ())
