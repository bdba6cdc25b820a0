"""The endpoints of the organization service."""

from collections.abc import Sequence
from typing import TypeVar

from heartguard_common import messages
from heartguard_common.http import etag, exports
from heartguard_common.http.routing import NDJSON, Answer, Call, EmptyCall, NoQuery, Route, StreamAnswer
from heartguard_common.messages import (
    ExportQuery,
    Job,
    LimitList,
    LimitsUpdate,
    OrganizationDelete,
    OrganizationLimitDocument,
    OrganizationPolicies,
    OrganizationPoliciesUpdate,
    OrganizationUpdate,
)
from heartguard_organization.domain import EffectiveLimit, Organization
from heartguard_organization.errors import NO_JOB, NO_LIMIT, NO_ORGANIZATION, UNKNOWN_TIME_ZONE, WRONG_NAME
from heartguard_organization.usecases import UseCases

T = TypeVar("T")


def read(usecases: UseCases, call: EmptyCall) -> Answer[messages.Organization]:
    """The caller's organization."""
    return _answer(_document(usecases.organizations.read(call.person)))


def update(usecases: UseCases, call: Call[OrganizationUpdate, NoQuery]) -> Answer[messages.Organization]:
    """Change name and policies text; `If-Match` makes it conditional."""

    def check(current: Organization) -> None:
        etag.require_match(call.headers, _document(current))

    changed = usecases.organizations.update(call.person, "organization.update", call.document, check)
    return _answer(_document(changed))


def read_policies(usecases: UseCases, call: EmptyCall) -> Answer[OrganizationPolicies]:
    """Retention, time zone, and what happens to unknown measurements."""
    return _answer(_policies(usecases.organizations.read(call.person)))


def update_policies(
    usecases: UseCases, call: Call[OrganizationPoliciesUpdate, NoQuery]
) -> Answer[OrganizationPolicies]:
    """Change these rules; the time zone must be one of the IANA database."""

    def check(current: Organization) -> None:
        etag.require_match(call.headers, _policies(current))

    changed = usecases.organizations.update(call.person, "organization.update_policies", call.document, check)
    return _answer(_policies(changed))


def delete(usecases: UseCases, call: Call[OrganizationDelete, NoQuery]) -> Answer[Job]:
    """Delete the organization, once its name has been repeated: a job."""
    job = usecases.organizations.delete(call.person, call.document["name"])
    return Answer(job.document(), headers={"Location": f"/organization/deletions/{job.id}"})


def read_deletion(usecases: UseCases, call: EmptyCall) -> Answer[Job]:
    """How far the deletion of an organization has come."""
    job = usecases.organizations.deletion(call.person, call.params["job_id"])
    return Answer(job.document(), headers={"Cache-Control": "no-store"})


def export(usecases: UseCases, call: Call[None, ExportQuery]) -> StreamAnswer:
    """Which organization a person belongs to (NDJSON)."""
    return exports.answer(usecases.organizations.export(call.query["org_id"]))


def read_limits(usecases: UseCases, call: EmptyCall) -> Answer[LimitList]:
    """Every limit, its value, what is used and how to make room (docs/limits.md)."""
    return _limits(usecases.limits.read_own(call.person))


def read_limits_of(usecases: UseCases, call: EmptyCall) -> Answer[LimitList]:
    """The limits of any organization."""
    return _limits(usecases.limits.read(int(call.params["org_id"])))


def update_limits(usecases: UseCases, call: Call[LimitsUpdate, NoQuery]) -> Answer[LimitList]:
    """Give any organization limits of its own; null: the default again."""
    return _limits(usecases.limits.update(call.person, int(call.params["org_id"]), call.document["limits"]))


ROUTES = (
    Route("GET", "/organization/exports", export, offers=(NDJSON,), raises=(NO_ORGANIZATION,)),
    Route("GET", "/organization", read, raises=(NO_ORGANIZATION,), headers=("ETag",)),
    Route("PUT", "/organization", update, raises=(NO_ORGANIZATION, UNKNOWN_TIME_ZONE), headers=("ETag",)),
    Route("DELETE", "/organization", delete, status=202, raises=(NO_ORGANIZATION, WRONG_NAME), headers=("Location",)),
    Route("GET", "/organization/deletions/{job_id}", read_deletion, raises=(NO_JOB,)),
    Route("GET", "/organization/policies", read_policies, raises=(NO_ORGANIZATION,), headers=("ETag",)),
    Route(
        "PUT", "/organization/policies", update_policies, raises=(NO_ORGANIZATION, UNKNOWN_TIME_ZONE), headers=("ETag",)
    ),
    Route("GET", "/organization/limits", read_limits, raises=(NO_ORGANIZATION,)),
    Route("GET", "/organization/{org_id}/limits", read_limits_of, raises=(NO_ORGANIZATION,)),
    Route("PUT", "/organization/{org_id}/limits", update_limits, raises=(NO_ORGANIZATION, NO_LIMIT)),
)


def _answer(document: T) -> Answer[T]:
    # The URL is the same for every organization, so a cache must be private and revalidate each time.
    headers = {"ETag": etag.entity_tag(document), "Cache-Control": "private, no-cache"}
    return Answer(document, headers=headers)


def _document(organization: Organization) -> messages.Organization:
    return {
        "id": organization.id,
        "name": organization.name,
        "policies": organization.policies,
        "created_at": organization.created_at,
        "updated_at": organization.updated_at,
    }


def _policies(organization: Organization) -> OrganizationPolicies:
    return {
        "policies": organization.policies,
        "retention_days": organization.retention_days,
        "time_zone": organization.time_zone,
        "unknown_measurements": organization.unknown_measurements,
    }


def _limits(found: Sequence[EffectiveLimit]) -> Answer[LimitList]:
    return Answer({"items": [_limit(it) for it in found]}, headers={"Cache-Control": "no-store"})


def _limit(held: EffectiveLimit) -> OrganizationLimitDocument:
    limit = held.limit
    document: OrganizationLimitDocument = {
        "name": limit.name,
        "scope": limit.scope,
        "unit": limit.unit,
        "value": held.value,
        "default": held.default,
        "daily": limit.daily,
        "about": limit.about,
        "freed": limit.freed,
    }
    if held.used is not None:
        document["used"] = max(0, held.used)
    return document
