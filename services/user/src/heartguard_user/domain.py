"""Members of organizations, their preferences, and the parts of exports and deletions."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TypeAlias

from heartguard_common.jobs.erasures import DeletionStep
from heartguard_common.messages import Payload, Role, UserAdminUpdate, UserUpdate

Preference: TypeAlias = str | int | float | bool
Preferences: TypeAlias = Mapping[str, Preference]

# Up to this number a double represents every integer exactly, so all readers of JSON agree on it (RFC 8259 section 6).
EXACT = 2**53

# Error codes of the auth service.
AUTH_LAST_ADMIN = "AUTH_030"
AUTH_MEMBER_CHANGED = "AUTH_031"
AUTH_ACTOR_CHANGED = "AUTH_032"

# Auth comes first, because it ends the sessions, after which no data is stored again. This service comes last, because
# it also removes the answers that other services have kept for the person's Idempotency-Keys.
STEPS = (
    DeletionStep("auth", 20),
    DeletionStep("timeseries", 40),
    DeletionStep("alarm", 60),
    DeletionStep("media", 80),
    DeletionStep("user", 100),
)

# The parts of an export: the service, the name of the file for its records, and the progress in percent afterwards.
PARTS = (
    ("auth", "account.ndjson", 10),
    ("user", "profile.ndjson", 15),
    ("organization", "organization.ndjson", 20),
    ("timeseries", "telemetry.ndjson", 60),
    ("alarm", "alarms.ndjson", 65),
    ("audit", "audit.ndjson", 70),
    ("media", "media.ndjson", 75),
)


def path_in_archive(item_id: str, file_name: str) -> str:
    """The path of a stored file in an archive; characters that a file name can't have are replaced by `_`."""
    plain = "".join("_" if char in '/\\:*?"<>|' or not char.isprintable() else char for char in file_name)
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
        """The user after the changes: missing members stay as they are, preferences are replaced as a whole."""
        changed = replace(self, **changes)
        if "preferences" in changes:
            return replace(
                changed, preferences={name: stored_form(value) for name, value in changed.preferences.items()}
            )
        return changed


def stored_form(value: Preference) -> Preference:
    """A preference in the form in which it is stored: integers beyond 2**53 become floating point numbers."""
    if isinstance(value, int) and abs(value) > EXACT:
        return float(value)
    return value


def changed_members(before: User, after: User) -> list[str]:
    """The names of the members that differ, compared as JSON, because in Python True equals 1 and 1.0."""
    changed = ["full_name"] if before.full_name != after.full_name else []
    if json.dumps(before.preferences) != json.dumps(after.preferences):
        changed.append("preferences")
    return changed


def membership_difference(before: User, after: User) -> Payload:
    """The payload of the audit event of a change of role or activity: values before and after that differ."""
    found: Payload = {}
    for name in ("role", "active"):
        if getattr(before, name) != getattr(after, name):
            found[f"{name}_before"] = getattr(before, name)
            found[f"{name}_after"] = getattr(after, name)
    return found


@dataclass(frozen=True)
class Filter:
    """The conditions of a list of members; `text` is a part of the name or the e-mail address."""

    role: Role | None = None
    active: bool | None = None
    text: str | None = None
