"""The endpoints of the organization service."""

from collections.abc import Sequence
from typing import Any

from heartguard_common import etag, exports
from heartguard_common.routing import NDJSON, Answer, Call, Route
from heartguard_organization.domain import HeldLimit, Organization
from heartguard_organization.usecases import UseCases


def read(usecases: UseCases, call: Call) -> Answer:
    """GET /organization."""
    return _answer(_document(usecases.organizations.read(call.person)))


def update(usecases: UseCases, call: Call) -> Answer:
    """PUT /organization."""

    def check(current: Organization) -> None:
        etag.require_match(call.headers, _document(current))

    changed = usecases.organizations.update(call.person, "organization.update", call.document, check)
    return _answer(_document(changed))


def read_policies(usecases: UseCases, call: Call) -> Answer:
    """GET /organization/policies."""
    return _answer(_policies(usecases.organizations.read(call.person)))


def update_policies(usecases: UseCases, call: Call) -> Answer:
    """PUT /organization/policies."""

    def check(current: Organization) -> None:
        etag.require_match(call.headers, _policies(current))

    changed = usecases.organizations.update(call.person, "organization.update_policies", call.document, check)
    return _answer(_policies(changed))


def delete(usecases: UseCases, call: Call) -> Answer:
    """DELETE /organization."""
    job = usecases.organizations.delete(call.person, call.document["name"])
    return Answer(job.document(), headers={"Location": f"/organization/deletions/{job.id}"})


def read_deletion(usecases: UseCases, call: Call) -> Answer:
    """GET /organization/deletions/{job_id}."""
    job = usecases.organizations.deletion(call.person, call.params["job_id"])
    return Answer(job.document(), headers={"Cache-Control": "no-store"})


def export(usecases: UseCases, call: Call) -> Answer:
    """GET /organization/exports."""
    return exports.answer(usecases.organizations.export(call.query["org_id"]))


def read_limits(usecases: UseCases, call: Call) -> Answer:
    """GET /organization/limits."""
    return _limits(usecases.limits.read_own(call.person))


def read_limits_of(usecases: UseCases, call: Call) -> Answer:
    """GET /organization/{org_id}/limits."""
    return _limits(usecases.limits.read(int(call.params["org_id"])))


def update_limits(usecases: UseCases, call: Call) -> Answer:
    """PUT /organization/{org_id}/limits."""
    return _limits(usecases.limits.update(call.person, int(call.params["org_id"]), call.document["limits"]))


ROUTES = (
    Route("GET", "/organization/exports", export, query="ExportQuery", body="none", offers=(NDJSON,)),
    Route("GET", "/organization", read, gives="Organization", body="none"),
    Route("PUT", "/organization", update, takes="OrganizationUpdate", gives="Organization"),
    Route("DELETE", "/organization", delete, takes="OrganizationDelete", gives="Job", status=202),
    Route("GET", "/organization/deletions/{job_id}", read_deletion, gives="Job", body="none"),
    Route("GET", "/organization/policies", read_policies, gives="OrganizationPolicies", body="none"),
    Route(
        "PUT",
        "/organization/policies",
        update_policies,
        takes="OrganizationPoliciesUpdate",
        gives="OrganizationPolicies",
    ),
    Route("GET", "/organization/limits", read_limits, gives="LimitList", body="none"),
    Route("GET", "/organization/{org_id}/limits", read_limits_of, gives="LimitList", body="none"),
    Route("PUT", "/organization/{org_id}/limits", update_limits, takes="LimitsUpdate", gives="LimitList"),
)


def _answer(document: dict[str, Any]) -> Answer:
    # The address is the same for every organization: a cache must ask each time, and keep it for one person.
    headers = {"ETag": etag.entity_tag(document), "Cache-Control": "private, no-cache"}
    return Answer(document, headers=headers)


def _document(organization: Organization) -> dict[str, Any]:
    return {
        "id": organization.id,
        "name": organization.name,
        "policies": organization.policies,
        "created_at": organization.created_at,
        "updated_at": organization.updated_at,
    }


def _policies(organization: Organization) -> dict[str, Any]:
    return {
        "policies": organization.policies,
        "retention_days": organization.retention_days,
        "time_zone": organization.time_zone,
        "unknown_measurements": organization.unknown_measurements,
    }


def _limits(found: Sequence[HeldLimit]) -> Answer:
    return Answer({"items": [_limit(it) for it in found]}, headers={"Cache-Control": "no-store"})


def _limit(held: HeldLimit) -> dict[str, Any]:
    document = {name: getattr(held.limit, name) for name in ("name", "scope", "unit", "daily", "about", "freed")}
    document |= {"value": held.value, "default": held.default}
    return document if held.used is None else {**document, "used": max(0, held.used)}
