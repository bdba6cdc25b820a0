"""The table of roles: which routes each role may call, from the policy."""

from typing import Any

from heartguard_common.identity.policy import ROLES, Policy


def roles(policy: Policy) -> dict[str, Any]:
    """The sorted ids of the routes that each role may call, by role."""
    return {role: list(policy.permissions(role)) for role in ROLES}
