"""What a member of an organization is, and what they may set."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TypeAlias

from heartguard_common.jobs.erasures import DeletionStep
from heartguard_common.messages import Payload, Role, UserAdminUpdate, UserUpdate

Preference: TypeAlias = str | int | float | bool
Preferences: TypeAlias = Mapping[str, Preference]

# Up to here every whole number is one of IEEE 754's, so that all readers of JSON agree on it (RFC 8259 section 6).
EXACT = 2**53

# What auth answers, from its error catalogue.
AUTH_LAST_ADMIN = "AUTH_030"
AUTH_MEMBER_CHANGED = "AUTH_031"
AUTH_ACTOR_CHANGED = "AUTH_032"

# Auth first: it ends the sessions, so that nothing is stored again that is removed. The own part is last: it also
# removes what the other services have kept of the person's requests.
STEPS = (DeletionStep("auth", 25), DeletionStep("timeseries", 50), DeletionStep("media", 75), DeletionStep("user", 100))

# What an archive is made of: the service that is asked, the file its records stand in, the progress afterwards.
PARTS = (
    ("auth", "account.ndjson", 10),
    ("user", "profile.ndjson", 15),
    ("organization", "organization.ndjson", 20),
    ("timeseries", "telemetry.ndjson", 60),
    ("audit", "audit.ndjson", 70),
    ("media", "media.ndjson", 75),
)


def path_in_archive(item_id: str, file_name: str) -> str:
    """Where a file stands in an archive: a name that leads out of its folder, or that no disk takes, is another."""
    plain = "".join("_" if letter in '/\\:*?"<>|' or not letter.isprintable() else letter for letter in file_name)
    return f"media/{item_id}/{plain.strip(' .')[:100] or 'file'}"


@dataclass(frozen=True)
class User:
    """A member of an organization; `created_at` is RFC 3339 in UTC, preferences keep the order they came in."""

    id: int
    email: str
    full_name: str | None
    role: Role
    org_id: int
    active: bool
    created_at: str
    preferences: Preferences

    def with_changes(self, changes: UserUpdate | UserAdminUpdate) -> "User":
        """The user as they wish to be: a missing member stays, preferences are replaced as a whole."""
        changed = replace(self, **changes)
        if "preferences" in changes:
            return replace(changed, preferences={name: settled(value) for name, value in changed.preferences.items()})
        return changed


def settled(value: Preference) -> Preference:
    """A preference as it comes back from storage: whole numbers beyond 2**53 are kept as floating point."""
    if isinstance(value, int) and abs(value) > EXACT:
        return float(value)
    return value


def changed_members(before: User, after: User) -> list[str]:
    """The names of the members that differ. For Python True equals 1 and 1.0; for a reader of JSON it does not."""
    changed = ["full_name"] if before.full_name != after.full_name else []
    if json.dumps(before.preferences) != json.dumps(after.preferences):
        changed.append("preferences")
    return changed


def membership_difference(before: User, after: User) -> Payload:
    """What an audit event says of a change of role or activity: the values before and after, where they differ."""
    found: Payload = {}
    for name in ("role", "active"):
        if getattr(before, name) != getattr(after, name):
            found[f"{name}_before"] = getattr(before, name)
            found[f"{name}_after"] = getattr(after, name)
    return found


@dataclass(frozen=True)
class Filter:
    """Which members of an organization a list shows; `text` is a part of the name or the e-mail address."""

    role: Role | None = None
    active: bool | None = None
    text: str | None = None
