"""The endpoints of the organization service."""

from collections.abc import Sequence
from typing import TypeVar

from heartguard_common import messages
from heartguard_common.core.clock import rfc3339
from heartguard_common.http import etag, exports, paging
from heartguard_common.http.routing import NDJSON, Answer, Call, EmptyCall, NoQuery, Route, StreamAnswer
from heartguard_common.messages import (
    ExportQuery,
    Job,
    LimitList,
    LimitsUpdate,
    OrganizationDelete,
    OrganizationLimitDocument,
    OrganizationList,
    OrganizationListQuery,
    OrganizationModeUpdate,
    OrganizationPlanDocument,
    OrganizationPlanUpdate,
    OrganizationPolicies,
    OrganizationPoliciesUpdate,
    OrganizationUpdate,
    OrganizationUsage,
    UsageItemDocument,
)
from heartguard_organization.domain import EffectiveLimit, Organization
from heartguard_organization.errors import NO_JOB, NO_LIMIT, NO_ORGANIZATION, NO_PLAN, UNKNOWN_TIME_ZONE, WRONG_NAME
from heartguard_organization.states.domain import PlanTerm, Use
from heartguard_organization.usecases import UseCases

T = TypeVar("T")


def read_organization(usecases: UseCases, call: EmptyCall) -> Answer[messages.Organization]:
    """Read the caller's organization."""
    return _answer(_document(usecases.organizations.read(call.person)))


def list_organizations(usecases: UseCases, call: Call[None, OrganizationListQuery]) -> Answer[OrganizationList]:
    """List all organizations.

    Sorted by id; `q` filters the list. Those whose deletion was requested are in it until it is done.
    """
    limit = call.query.get("limit", paging.DEFAULT_LIMIT)
    cursor = paging.decode_cursor(call.query.get("cursor"), int) or [0]
    found = usecases.organizations.list(call.query.get("q"), cursor[0], limit + 1)
    page = paging.page(found, limit, _document, lambda organization: [organization.id])
    return Answer({"items": page.items, "next_cursor": page.next_cursor}, headers={"Cache-Control": "no-store"})


def read_any_organization(usecases: UseCases, call: EmptyCall) -> Answer[messages.Organization]:
    """Read any organization."""
    found = usecases.organizations.find(int(call.params["org_id"]))
    return Answer(_document(found), headers={"Cache-Control": "no-store"})


def update_organization(usecases: UseCases, call: Call[OrganizationUpdate, NoQuery]) -> Answer[messages.Organization]:
    """Change the name and the policies text of the organization.

    With `If-Match` only if nobody else has changed it since it was read.
    """

    def check(current: Organization) -> None:
        etag.require_match(call.headers, _document(current))

    changed = usecases.organizations.update(call.person, "organization.update", call.document, check)
    return _answer(_document(changed))


def read_policies(usecases: UseCases, call: EmptyCall) -> Answer[OrganizationPolicies]:
    """Read the policies of the organization.

    How long points are kept, the time zone, and what happens to unknown measurements.
    """
    return _answer(_policies(usecases.organizations.read(call.person)))


def update_policies(
    usecases: UseCases, call: Call[OrganizationPoliciesUpdate, NoQuery]
) -> Answer[OrganizationPolicies]:
    """Change the policies of the organization.

    The time zone must be one of the IANA time zone database. With `If-Match` only if nobody else has changed the
    policies since they were read.
    """

    def check(current: Organization) -> None:
        etag.require_match(call.headers, _policies(current))

    changed = usecases.organizations.update(call.person, "organization.update_policies", call.document, check)
    return _answer(_policies(changed))


def delete_organization(usecases: UseCases, call: Call[OrganizationDelete, NoQuery]) -> Answer[Job]:
    """Delete the organization with all of its data.

    The name of the organization must be repeated. The deletion continues after the answer: `Location` is the URL of its
    job.
    """
    job = usecases.organizations.delete(call.person, call.document["name"])
    return Answer(job.document(), headers={"Location": f"/organization/deletions/{job.id}"})


def read_organization_deletion(usecases: UseCases, call: EmptyCall) -> Answer[Job]:
    """Read how far the deletion of an organization is."""
    job = usecases.organizations.deletion(call.person, call.params["job_id"])
    return Answer(job.document(), headers={"Cache-Control": "no-store"})


def export_organization(usecases: UseCases, call: Call[None, ExportQuery]) -> StreamAnswer:
    """Export which organization a person belongs to.

    The answer is NDJSON, one line.
    """
    return exports.answer(usecases.organizations.export(call.query["org_id"]))


def list_limits(usecases: UseCases, call: EmptyCall) -> Answer[LimitList]:
    """List the limits of the caller's organization.

    Each with its value, how much of it is used, and how to free some of it.
    """
    return _limits(usecases.limits.read_own(call.person))


def list_limits_of_organization(usecases: UseCases, call: EmptyCall) -> Answer[LimitList]:
    """List the limits of any organization."""
    return _limits(usecases.limits.read(int(call.params["org_id"])))


def update_limits(usecases: UseCases, call: Call[LimitsUpdate, NoQuery]) -> Answer[LimitList]:
    """Set limits of any organization.

    With null as the value the default applies again.
    """
    return _limits(usecases.limits.update(call.person, int(call.params["org_id"]), call.document["limits"]))


def update_mode(usecases: UseCases, call: Call[OrganizationModeUpdate, NoQuery]) -> Answer[messages.Organization]:
    """Set the mode of any organization.

    It counts within a second, also at the services' own ports. In `read_only` and `demo` what changes something is
    refused with GEN_403_READONLY, in `suspended` nearly everything with GEN_403_SUSPENDED. A mode that the operator
    has set stays until the operator sets another.
    """
    changed = usecases.modes.choose(call.person, int(call.params["org_id"]), call.document["mode"])
    return Answer(_document(changed), headers={"Cache-Control": "no-store"})


def update_plan(usecases: UseCases, call: Call[OrganizationPlanUpdate, NoQuery]) -> Answer[messages.Organization]:
    """Give any organization a plan.

    The plan's numbers replace those of its former plan; limits that the operator set for the organization stay. After
    the end of the plan everything works for the days of grace, then the organization is `read_only`, until it gets
    another plan.
    """
    changed = usecases.plans.give(call.person, int(call.params["org_id"]), call.document)
    return Answer(_document(changed), headers={"Cache-Control": "no-store"})


def read_organization_usage(usecases: UseCases, call: EmptyCall) -> Answer[OrganizationUsage]:
    """Read what the caller's organization uses of its limits.

    Also its mode and its plan, with the end of the plan. Answers carry `HeartGuard-Limit-Warning` from 80 percent on.
    """
    organization, found = usecases.limits.usage(call.person)
    document: OrganizationUsage = {"mode": organization.mode, "items": [_use(it) for it in found]}
    if organization.plan is not None:
        document["plan"] = _plan(organization.plan)
    return Answer(document, headers={"Cache-Control": "no-store"})


ROUTES = (
    Route("GET", "/organization/exports", export_organization, offers=(NDJSON,), raises=(NO_ORGANIZATION,)),
    Route("GET", "/organization", read_organization, raises=(NO_ORGANIZATION,), headers=("ETag",)),
    Route("PUT", "/organization", update_organization, raises=(NO_ORGANIZATION, UNKNOWN_TIME_ZONE), headers=("ETag",)),
    Route(
        "DELETE",
        "/organization",
        delete_organization,
        status=202,
        raises=(NO_ORGANIZATION, WRONG_NAME),
        headers=("Location",),
    ),
    Route("GET", "/organization/deletions/{job_id}", read_organization_deletion, raises=(NO_JOB,)),
    Route("GET", "/organization/policies", read_policies, raises=(NO_ORGANIZATION,), headers=("ETag",)),
    Route(
        "PUT", "/organization/policies", update_policies, raises=(NO_ORGANIZATION, UNKNOWN_TIME_ZONE), headers=("ETag",)
    ),
    Route("GET", "/organization/list", list_organizations),
    Route("GET", "/organization/{org_id}", read_any_organization, raises=(NO_ORGANIZATION,)),
    Route("GET", "/organization/limits", list_limits, raises=(NO_ORGANIZATION,)),
    Route("GET", "/organization/{org_id}/limits", list_limits_of_organization, raises=(NO_ORGANIZATION,)),
    Route("PUT", "/organization/{org_id}/limits", update_limits, raises=(NO_ORGANIZATION, NO_LIMIT)),
    Route("PUT", "/organization/{org_id}/mode", update_mode, raises=(NO_ORGANIZATION,)),
    Route("PUT", "/organization/{org_id}/plan", update_plan, raises=(NO_ORGANIZATION, NO_PLAN)),
    Route("GET", "/organization/usage", read_organization_usage, raises=(NO_ORGANIZATION,)),
)


def _answer(document: T) -> Answer[T]:
    # The URL is the same for every organization, so a cache must be private and revalidate each time.
    headers = {"ETag": etag.entity_tag(document), "Cache-Control": "private, no-cache"}
    return Answer(document, headers=headers)


def _document(organization: Organization) -> messages.Organization:
    document: messages.Organization = {
        "id": organization.id,
        "name": organization.name,
        "policies": organization.policies,
        "mode": organization.mode,
        "created_at": organization.created_at,
        "updated_at": organization.updated_at,
    }
    if organization.plan is not None:
        document["plan"] = _plan(organization.plan)
    return document


def _plan(term: PlanTerm) -> OrganizationPlanDocument:
    document: OrganizationPlanDocument = {"name": term.name, "stage": term.stage, "grace_days": term.grace_days}
    if term.until is not None and term.read_only_from is not None:
        document["until"], document["read_only_from"] = rfc3339(term.until), rfc3339(term.read_only_from)
    return document


def _use(held: EffectiveLimit) -> UsageItemDocument:
    used = max(0, held.used or 0)
    return {
        "name": held.limit.name,
        "scope": "member" if held.limit.scope == "member" else "organization",
        "unit": held.limit.unit,
        "daily": held.limit.daily,
        "used": used,
        "value": held.value,
        "percent": Use(held.limit.name, used, held.value).percent,
        "source": held.source,
        "freed": held.limit.freed,
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
