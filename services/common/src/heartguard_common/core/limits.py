"""Limits: everything that callers can make the system store has an entry here, with its default and how to free it.

A default can be replaced for all organizations by `LIMITS`, and for one by a row of `organization_limits`.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, Protocol

from heartguard_common.core.errors import LIMIT_FOR_NOW, LIMIT_REACHED, ErrorCode, ServiceError

DAY_SECONDS = 86_400
LARGEST = 2**53 - 1
SYSTEM = 0
"""Stands for the organization where a limit is counted over all of them."""
Scope = Literal["organization", "member", "recipient", "address"]


@dataclass(frozen=True)
class Limit:
    """One limit: `default` units for each `scope`; where `daily`, that many in each day of UTC.

    `about` says what is counted, `freed` who can make room and how, `code` which error code (or verdict) names it.
    """

    name: str
    scope: Scope
    unit: str
    default: int
    about: str
    freed: str
    code: str = LIMIT_REACHED.code
    daily: bool = False

    @property
    def adjustable(self) -> bool:
        """Whether it can be set for one organization; a limit that is counted over all of them can't."""
        return self.scope in ("organization", "member")


_NEXT_DAY = "wait until the next day in UTC; the operator can raise it"
_LATER = LIMIT_FOR_NOW.code

TABLE = (
    Limit(
        "points_per_day",
        "organization",
        "field values",
        50_000_000,
        # 190 people at one sample of three fields a second.
        "Field values written in a day; a point with three fields counts as three, an already stored one as none.",
        _NEXT_DAY,
        _LATER,
        daily=True,
    ),
    Limit(
        "points_per_day_per_member",
        "member",
        "field values",
        5_000_000,
        # 19 days of one sample of three fields a second: a device that was offline for two weeks catches up at once.
        "The same for what one member has sent.",
        _NEXT_DAY,
        _LATER,
        daily=True,
    ),
    Limit(
        "stored_points",
        "organization",
        "field values",
        500_000_000,
        # About 50 GB in PostgreSQL, and 5,700 days of one person at one sample a second.
        "Field values kept in all buckets.",
        "an admin: POST /timeseries/delete, DELETE /timeseries/buckets/{bucket}, a shorter retention_days",
    ),
    Limit(
        "series",
        "organization",
        "series",
        50_000,
        # 500 people with 100 series each, which is five devices with the whole catalogue.
        "Combinations of measurement and tags in all buckets.",
        "an admin: POST /timeseries/delete of all points of them, DELETE /timeseries/buckets/{bucket}",
        "verdict",
    ),
    Limit(
        "series_per_member",
        "member",
        "series",
        1_000,
        "The same for one person (tag user_id).",
        "an admin: POST /timeseries/delete of all points of them, DELETE /timeseries/buckets/{bucket}",
        "verdict",
    ),
    Limit(
        "fields",
        "organization",
        "fields",
        5_000,
        "Fields of measurements in all buckets, each with its type.",
        "an admin: DELETE /timeseries/buckets/{bucket}",
    ),
    Limit("buckets", "organization", "buckets", 100, "Buckets.", "an admin: DELETE /timeseries/buckets/{bucket}"),
    Limit(
        "media_bytes",
        "organization",
        "bytes",
        10_240 * 1024 * 1024,
        "Bytes of files, including those that announced uploads reserve (MEDIA_QUOTA_MB).",
        "an admin: DELETE /media/items/{item_id}, DELETE /media/uploads/{item_id}",
        "MEDIA_009",
    ),
    Limit("media_items", "organization", "files", 100_000, "Files.", "an admin: DELETE /media/items/{item_id}"),
    Limit(
        "open_uploads",
        "organization",
        "announcements",
        500,
        "Announced uploads that are not complete.",
        "an admin: DELETE /media/uploads/{item_id}; an announcement ends by itself when its URL has expired",
    ),
    Limit(
        "open_uploads_per_member",
        "member",
        "announcements",
        20,
        "The same, of one member.",
        "the member or an admin: DELETE /media/uploads/{item_id}; it ends by itself when its URL has expired",
    ),
    Limit(
        "open_upload_bytes_per_member",
        "member",
        "bytes",
        1024 * 1024 * 1024,
        # A tenth of MEDIA_QUOTA_MB, and twenty files of MAX_UPLOAD_MB.
        "Bytes that one member's announcements reserve; a single announcement may reserve more.",
        "the member or an admin: DELETE /media/uploads/{item_id}; it ends by itself when its URL has expired",
    ),
    Limit(
        "members", "organization", "people", 10_000, "Members, also inactive ones.", "an admin: DELETE /users/{user_id}"
    ),
    Limit(
        "sessions_per_member",
        "member",
        "sessions",
        100,
        "Open sessions of one person; a further login ends the one that was used least recently.",
        "its owner: DELETE /auth/sessions/{session_id}",
        "none: the oldest ends",
    ),
    Limit(
        "invitations",
        "organization",
        "invitations",
        1_000,
        "Invitations that are not accepted yet.",
        "an admin or manager: DELETE /auth/invitations/{invitation_id}; each ends after seven days",
        "AUTH_040",
    ),
    Limit(
        "api_keys",
        "organization",
        "keys",
        # Two devices of each of 10,000 people, and room for integrations.
        25_000,
        "API keys, also expired ones.",
        "a member: DELETE /auth/api-keys/{key_id} of their own; an admin of each",
    ),
    Limit(
        "alarm_rules",
        "organization",
        "rules",
        # Each point of a measurement is evaluated by every rule that looks at it.
        100,
        "Rules of alarms, also those that are off.",
        "an admin: DELETE /alarms/rules/{rule_id}",
    ),
    Limit(
        "alarm_rule_versions_per_day",
        "organization",
        "versions",
        500,
        "Changes of rules in a day.",
        _NEXT_DAY,
        _LATER,
        daily=True,
    ),
    Limit(
        "emails_per_day",
        "organization",
        "e-mails",
        1_000,
        "Invitations sent by e-mail in a day.",
        _NEXT_DAY,
        _LATER,
        daily=True,
    ),
    Limit(
        "emails_per_day_per_member",
        "member",
        "e-mails",
        200,
        "The same, of one member.",
        _NEXT_DAY,
        _LATER,
        daily=True,
    ),
    Limit(
        "invitations_per_recipient_per_day",
        "recipient",
        "e-mails",
        3,
        "Invitations that one address gets in a day, from all organizations together.",
        "wait until the next day in UTC; the code in the response can be handed over in other ways",
        _LATER,
        daily=True,
    ),
    Limit(
        "codes_per_recipient_per_day",
        "recipient",
        "e-mails",
        10,
        "Codes for a forgotten password that one address gets in a day. Further requests get the same answer.",
        "wait until the next day in UTC; an admin: POST /auth/password/code",
        "none: nothing is sent",
        daily=True,
    ),
    Limit(
        "exports_per_member_per_day",
        "member",
        "archives",
        20,
        # A new archive replaces the previous one, so this limits work, not storage.
        "Archives of their own data that one person asks for in a day.",
        _NEXT_DAY,
        _LATER,
        daily=True,
    ),
    Limit(
        "open_exports",
        "organization",
        "jobs",
        50,
        "Exports that are not finished.",
        "wait until some are finished; the operator can raise it",
        _LATER,
    ),
    Limit(
        "kept_answer_bytes_per_member_per_day",
        "member",
        "bytes",
        256 * 1024 * 1024,
        # A batch of 10,000 points is answered with 300 KB: 8,000,000 points.
        "Bytes of answers that are kept for 24 hours under an Idempotency-Key.",
        _NEXT_DAY,
        _LATER,
        daily=True,
    ),
    Limit(
        "foundings_per_address_per_day",
        "address",
        "organizations",
        50,
        "Organizations created in a day from one address (IPv6: from one /64).",
        "wait until the next day in UTC; the operator can raise it (LIMITS), or close registration (REGISTRATION)",
        _LATER,
        daily=True,
    ),
)
BY_NAME: Mapping[str, Limit] = {limit.name: limit for limit in TABLE}


def limit_values(text: str) -> tuple[tuple[str, int], ...]:
    """A cast for `LIMITS`: `name=number,...`, defaults that replace those of the table. Raises ValueError."""
    found: dict[str, int] = {}
    for item in filter(None, (part.strip() for part in text.split(","))):
        name, _, number = item.partition("=")
        if name not in BY_NAME:
            raise ValueError(f"knows no limit {name}; there are {', '.join(BY_NAME)}")
        if not re.fullmatch(r"[0-9]{1,16}", number) or int(number) > LARGEST:
            raise ValueError(f"must give {name} a whole number, as in {name}={BY_NAME[name].default}")
        found[name] = int(number)
    return tuple(found.items())


def sentence(name: str, value: int) -> str:
    """The message of a refusal: the limit, its value, and how to make room."""
    limit = BY_NAME[name]
    return f"The limit {name} of {value} {limit.unit} is used up; to free it: {limit.freed}"


class LimitError(ServiceError):
    """A refusal by the limit `name`: 429 with Retry-After where `wait_seconds` is given, otherwise 409."""

    def __init__(
        self,
        name: str,
        value: int,
        *,
        wait_seconds: int | None = None,
        error_code: ErrorCode | None = None,
        because: str = "",
    ) -> None:
        """`because` is appended to the message; `error_code` replaces the error code that all limits share."""
        headers = {} if wait_seconds is None else {"Retry-After": str(max(1, wait_seconds))}
        error_code = error_code or (LIMIT_REACHED if wait_seconds is None else LIMIT_FOR_NOW)
        super().__init__(error_code, sentence(name, value) + (f". {because}" if because else ""), headers=headers)
        self.limit = name


class Limits(Protocol):
    """The limits of organizations, and how much of the daily ones is used."""

    def value(self, org_id: int, name: str) -> int:
        """The value of a limit for an organization; `SYSTEM` for what is counted over all of them."""

    def lock(self, org_id: int, name: str) -> None:
        """Lock the limit until the surrounding transaction ends, so that the last unit is taken once."""

    def take(self, org_id: int, name: str, subject: str = "", amount: int = 1) -> None:
        """Use `amount` units of a daily limit; `subject` is the member, recipient or address that it is counted for.

        Part of the surrounding transaction. Raises `LimitError` when fewer units are left; then none are used.
        """

    def left(self, org_id: int, name: str, subject: str = "") -> int:
        """How many units of a daily limit are left."""

    def refused(self, name: str) -> None:
        """Count a refusal that is not raised as a `LimitError`."""


def require(limits: Limits, org_id: int, name: str, used: int, more: int = 1) -> None:
    """Raises `LimitError` where `used` + `more` units exceed the limit of an organization."""
    value = limits.value(org_id, name)
    if used + more > value:
        raise LimitError(name, value)
