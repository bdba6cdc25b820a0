"""The catalogue of roles: which routes each may call, from the policy."""

from typing import Any

from heartguard_common.identity.policy import ROLES, Policy


def roles(policy: Policy) -> dict[str, Any]:
    """Role -> ids of its routes, sorted."""
    return {role: list(policy.permissions(role)) for role in ROLES}
