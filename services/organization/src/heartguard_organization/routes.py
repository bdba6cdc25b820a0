"""The endpoints of the organization service."""

from typing import Any

from heartguard_common import etag, exports
from heartguard_common.routing import NDJSON, Answer, Call, Route
from heartguard_organization.domain import Organization
from heartguard_organization.usecases import OrganizationUseCases


def read(organizations: OrganizationUseCases, call: Call) -> Answer:
    """GET /organization."""
    return _answer(_document(organizations.read(call.person)))


def update(organizations: OrganizationUseCases, call: Call) -> Answer:
    """PUT /organization."""

    def check(current: Organization) -> None:
        etag.require_match(call.headers, _document(current))

    changed = organizations.update(call.person, "organization.update", call.document, check)
    return _answer(_document(changed))


def read_policies(organizations: OrganizationUseCases, call: Call) -> Answer:
    """GET /organization/policies."""
    return _answer(_policies(organizations.read(call.person)))


def update_policies(organizations: OrganizationUseCases, call: Call) -> Answer:
    """PUT /organization/policies."""

    def check(current: Organization) -> None:
        etag.require_match(call.headers, _policies(current))

    changed = organizations.update(call.person, "organization.update_policies", call.document, check)
    return _answer(_policies(changed))


def delete(organizations: OrganizationUseCases, call: Call) -> Answer:
    """DELETE /organization."""
    job = organizations.delete(call.person, call.document["name"])
    return Answer(job.document(), headers={"Location": f"/organization/deletions/{job.id}"})


def read_deletion(organizations: OrganizationUseCases, call: Call) -> Answer:
    """GET /organization/deletions/{job_id}."""
    job = organizations.deletion(call.person, call.params["job_id"])
    return Answer(job.document(), headers={"Cache-Control": "no-store"})


def export(organizations: OrganizationUseCases, call: Call) -> Answer:
    """GET /organization/exports."""
    return exports.answer(organizations.export(call.query["org_id"]))


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
