"""What an organization is, what its rules may be, and how it comes to its end."""

from dataclasses import dataclass, replace

from heartguard_common.core.limits import Limit
from heartguard_common.jobs.erasures import DeletionStep
from heartguard_common.messages import OrganizationPoliciesUpdate, OrganizationUpdate, Payload, UnknownMeasurements

SETTINGS = ("retention_days", "time_zone", "unknown_measurements")
TEXTS = ("name", "policies")


@dataclass(frozen=True)
class Organization:
    """An organization and the rules that the other services apply; times are RFC 3339 in UTC.

    `retention_days` None keeps telemetry for ever. `unknown_measurements` is `accept` or `reject`.
    """

    id: int
    name: str
    policies: str
    retention_days: int | None
    time_zone: str
    unknown_measurements: UnknownMeasurements
    created_at: str
    updated_at: str

    def with_changes(self, changes: OrganizationUpdate | OrganizationPoliciesUpdate) -> "Organization":
        """The organization as it shall be; a member that is missing in `changes` stays."""
        return replace(self, **changes)


@dataclass(frozen=True)
class EffectiveLimit:
    """A limit as it holds for an organization; `used` None where that can't be counted."""

    limit: Limit
    value: int
    default: int
    used: int | None


def difference(before: Organization, after: Organization) -> Payload:
    """What an audit event may say of a change: the names of changed members, and settings before and after.

    Free text is named only: an organization may write what it likes there, also about people.
    """
    changed = [name for name in (*TEXTS, *SETTINGS) if getattr(before, name) != getattr(after, name)]
    found: Payload = {"changed": ",".join(changed)} if changed else {}
    for name in SETTINGS:
        if name in changed:
            found[f"{name}_before"] = getattr(before, name)
            found[f"{name}_after"] = getattr(after, name)
    return found


# Auth comes first: it ends the sessions. The organization is marked before, so that nothing is stored again that the
# steps remove.
STEPS = (
    DeletionStep("auth", 20),
    DeletionStep("user", 40),
    DeletionStep("timeseries", 60),
    DeletionStep("media", 80),
    DeletionStep("organization", 100),
)
