"""An organization and the rules it sets.

Made by schemas/build.py from schemas/organization.schema.json: change that, not this file.
"""

from typing import Literal, NotRequired, TypeAlias, TypedDict

UnknownMeasurements: TypeAlias = Literal["accept", "reject"]
"""What becomes of points whose measurement is not in the catalogue."""


class Organization(TypedDict):
    """The caller's organization."""

    id: int
    name: str
    policies: str
    created_at: NotRequired[str]
    updated_at: NotRequired[str]


class OrganizationUpdate(TypedDict):
    """What is to change; a missing member stays."""

    name: NotRequired[str]
    policies: NotRequired[str]


class OrganizationPolicies(TypedDict):
    """The rules the other services apply."""

    policies: str
    retention_days: int | None
    time_zone: str
    unknown_measurements: UnknownMeasurements


class OrganizationPoliciesUpdate(TypedDict):
    """Rules that are to change; a missing member stays."""

    policies: NotRequired[str]
    retention_days: NotRequired[int | None]
    time_zone: NotRequired[str]
    unknown_measurements: NotRequired[UnknownMeasurements]


class OrganizationLimitDocument(TypedDict):
    """A limit as it holds for an organization."""

    name: str
    scope: Literal["organization", "member", "recipient", "address"]
    unit: str
    value: int
    default: int
    used: NotRequired[int]
    daily: bool
    about: str
    freed: str


class LimitList(TypedDict):
    """Every limit of an organization."""

    items: list[OrganizationLimitDocument]


class LimitSettingDocument(TypedDict):
    """A value of the organization's own; null: the default holds again."""

    name: str
    value: int | None


class LimitsUpdate(TypedDict):
    """Limits that are to change; one that is not named stays."""

    limits: list[LimitSettingDocument]


class OrganizationDelete(TypedDict):
    """The organization's name, repeated, so that nobody deletes by accident."""

    name: str
