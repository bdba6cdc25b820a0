"""The endpoints of notification policies."""

from collections.abc import Mapping
from uuid import UUID

from heartguard_alarm.domain.policies import Policy
from heartguard_alarm.errors import IN_USE, NO_POLICY, UNSOUND
from heartguard_alarm.usecases import UseCases
from heartguard_common import messages
from heartguard_common.core.clock import rfc3339
from heartguard_common.core.errors import LIMIT_REACHED
from heartguard_common.http import etag, paging
from heartguard_common.http.routing import Answer, Call, EmptyCall, NoQuery, Route
from heartguard_common.messages import AlarmPolicyList, AlarmPolicyListQuery, AlarmPolicyRequest, AlarmPolicyUpdate

NO_STORE = {"Cache-Control": "no-store"}


def create_alarm_policy(usecases: UseCases, call: Call[AlarmPolicyRequest, NoQuery]) -> Answer[messages.AlarmPolicy]:
    """Make a notification policy.

    It says which channels get messages about an alarm, and when, until somebody acknowledges the alarm or it is over.
    """
    policy = usecases.policies.create(call.person, call.document)
    return Answer(_document(policy), headers={"Location": f"/alarms/policies/{policy.id}", **NO_STORE})


def list_alarm_policies(usecases: UseCases, call: Call[None, AlarmPolicyListQuery]) -> Answer[AlarmPolicyList]:
    """List the notification policies of the organization, oldest first."""
    limit = call.query.get("limit", paging.DEFAULT_LIMIT)
    after = paging.decode_cursor(call.query.get("cursor"), UUID)
    found = usecases.policies.list(call.person, str(after[0]) if after else None, limit + 1)
    page = paging.page(found, limit, _document, lambda policy: [policy.id])
    return Answer({"items": page.items, "next_cursor": page.next_cursor}, headers=NO_STORE)


def read_alarm_policy(usecases: UseCases, call: EmptyCall) -> Answer[messages.AlarmPolicy]:
    """Read a notification policy."""
    document = _document(usecases.policies.read(call.person, _id(call.params)))
    return Answer(document, headers={"ETag": etag.entity_tag(document), **NO_STORE})


def update_alarm_policy(usecases: UseCases, call: Call[AlarmPolicyUpdate, NoQuery]) -> Answer[messages.AlarmPolicy]:
    """Change a notification policy.

    Alarms that are being notified go on with the steps that it has then. With `If-Match` only if nobody else has
    changed it since it was read.
    """

    def check(current: Policy) -> None:
        etag.require_match(call.headers, _document(current))

    document = _document(usecases.policies.update(call.person, _id(call.params), call.document, check))
    return Answer(document, headers={"ETag": etag.entity_tag(document), **NO_STORE})


def delete_alarm_policy(usecases: UseCases, call: EmptyCall) -> Answer[None]:
    """Delete a notification policy that no rule names."""
    usecases.policies.delete(call.person, _id(call.params))
    return Answer(None)


def _id(params: Mapping[str, str]) -> str:
    return params["policy_id"].lower()


def _document(policy: Policy) -> messages.AlarmPolicy:
    document: messages.AlarmPolicy = {
        "id": policy.id,
        "name": policy.settings["name"],
        "steps": policy.settings["steps"],
        "group_wait_seconds": policy.group_wait_seconds,
        "repeat_seconds": policy.repeat_seconds,
        "details": policy.details,
        "default": policy.is_default,
        "created_at": rfc3339(policy.created_ns),
        "changed_at": rfc3339(policy.changed_ns),
    }
    if "quiet_hours" in policy.settings:
        document["quiet_hours"] = policy.settings["quiet_hours"]
    return document


_PATH = "/alarms/policies/{policy_id}"
ROUTES = (
    Route(
        "POST",
        "/alarms/policies",
        create_alarm_policy,
        status=201,
        idempotent=True,
        raises=(UNSOUND, LIMIT_REACHED),
        headers=("Location",),
    ),
    Route("GET", "/alarms/policies", list_alarm_policies),
    Route("GET", _PATH, read_alarm_policy, raises=(NO_POLICY,), headers=("ETag",)),
    Route("PATCH", _PATH, update_alarm_policy, raises=(NO_POLICY, UNSOUND), headers=("ETag",)),
    Route("DELETE", _PATH, delete_alarm_policy, status=204, raises=(NO_POLICY, IN_USE)),
)
