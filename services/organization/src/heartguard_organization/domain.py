"""Organizations, their policies and limits, and the steps of their deletion."""

from dataclasses import dataclass, replace
from typing import Literal, TypeAlias

from heartguard_common.core.limit import Limit
from heartguard_common.jobs.erasures import DeletionStep
from heartguard_common.messages import (
    Mode,
    OrganizationPoliciesUpdate,
    OrganizationUpdate,
    Payload,
    UnknownMeasurements,
)
from heartguard_organization.states.domain import PlanTerm

Source: TypeAlias = Literal["default", "plan", "own"]
SETTINGS = ("retention_days", "time_zone", "unknown_measurements")
TEXTS = ("name", "policies")


@dataclass(frozen=True)
class Organization:
    """An organization with the policies that the other services apply; times are RFC 3339 in UTC.

    With `retention_days` None telemetry is kept without limit. `unknown_measurements` is `accept` or `reject`.
    """

    id: int
    name: str
    policies: str
    retention_days: int | None
    time_zone: str
    unknown_measurements: UnknownMeasurements
    mode: Mode
    created_at: str
    updated_at: str
    plan: PlanTerm | None = None

    def with_changes(self, changes: OrganizationUpdate | OrganizationPoliciesUpdate) -> "Organization":
        """The organization after the changes; members that are missing in `changes` stay as they are."""
        return replace(self, **changes)


@dataclass(frozen=True)
class EffectiveLimit:
    """A limit with its value for an organization; `used` is None where it can't be counted."""

    limit: Limit
    value: int
    default: int
    used: int | None
    source: Source


@dataclass(frozen=True)
class SetValue:
    """A value of a limit that was set for an organization: by the operator (`own`), or by its plan."""

    value: int
    own: bool

    @property
    def source(self) -> Source:
        """Where it comes from, as the contract says it."""
        return "own" if self.own else "plan"


def difference(before: Organization, after: Organization) -> Payload:
    """The payload of the audit event of a change: the names of changed members, and settings before and after.

    The values of free texts are left out, because they may contain personal data.
    """
    changed = [name for name in (*TEXTS, *SETTINGS) if getattr(before, name) != getattr(after, name)]
    found: Payload = {"changed": ",".join(changed)} if changed else {}
    for name in SETTINGS:
        if name in changed:
            found[f"{name}_before"] = getattr(before, name)
            found[f"{name}_after"] = getattr(after, name)
    return found


# Auth comes first, because it ends the sessions. The organization is marked as closed before the first step, so that no
# data is stored again after a step has removed it.
STEPS = (
    DeletionStep("auth", 20),
    DeletionStep("user", 40),
    DeletionStep("timeseries", 55),
    DeletionStep("alarm", 70),
    DeletionStep("media", 85),
    DeletionStep("organization", 100),
)
