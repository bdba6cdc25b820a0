"""The endpoints of rules."""

from collections.abc import Mapping
from typing import TypeVar, cast
from uuid import UUID

from heartguard_alarm.domain.defaults import DEFAULTS
from heartguard_alarm.domain.episodes import Interval
from heartguard_alarm.domain.rules import Rule, Version
from heartguard_alarm.errors import CONTRADICTORY, NO_RULE, TOO_MANY
from heartguard_alarm.usecases import UseCases
from heartguard_common import messages
from heartguard_common.core.clock import parse_rfc3339, rfc3339
from heartguard_common.core.errors import LIMIT_FOR_NOW, LIMIT_REACHED
from heartguard_common.http import etag, paging
from heartguard_common.http.routing import Answer, Call, EmptyCall, NoQuery, Route
from heartguard_common.messages import (
    AlarmRehearsalRequest,
    AlarmRuleList,
    AlarmRuleListQuery,
    AlarmRuleRequest,
    AlarmRuleUpdate,
)
from heartguard_common.messages.alarm import RehearsedDocument, RuleChangeDocument

NO_STORE = {"Cache-Control": "no-store"}
VERSIONS = 100
REHEARSED = 500
LARGEST = 1.7e308
SECONDS = 20
T = TypeVar("T")


def create_alarm_rule(usecases: UseCases, call: Call[AlarmRuleRequest, NoQuery]) -> Answer[messages.AlarmRule]:
    """Make a rule that raises alarms.

    It applies to event times from now on. HeartGuard is not a medical device: a rule may miss what matters, and raise
    what does not.
    """
    rule = usecases.rules.create(call.person, call.document)
    return Answer(_document(rule), headers={"Location": f"/alarms/rules/{rule.id}", **NO_STORE})


def list_alarm_rules(usecases: UseCases, call: Call[None, AlarmRuleListQuery]) -> Answer[AlarmRuleList]:
    """List the rules of the organization, oldest first."""
    limit = call.query.get("limit", paging.DEFAULT_LIMIT)
    after = paging.decode_cursor(call.query.get("cursor"), UUID)
    found = usecases.rules.list(call.person, str(after[0]) if after else None, limit + 1)
    page = paging.page(found, limit, _document, lambda rule: [rule.id])
    return Answer({"items": page.items, "next_cursor": page.next_cursor}, headers=NO_STORE)


def create_default_alarm_rules(usecases: UseCases, call: EmptyCall) -> Answer[AlarmRuleList]:
    """Add the default rules that the organization does not have.

    They are off until an admin turns them on; `source` says where their numbers come from. HeartGuard is not a medical
    device.
    """
    found = usecases.rules.add_defaults(call.person)
    return Answer({"items": [_document(it) for it in found], "next_cursor": None}, headers=NO_STORE)


def rehearse_alarm_rule(
    usecases: UseCases, call: Call[AlarmRehearsalRequest, NoQuery]
) -> Answer[messages.AlarmRehearsal]:
    """Try a rule over stored points of a person.

    It says which alarms the rule would have raised if it had been made at the start of the range, and a threshold that
    the person's own values propose. Nothing is stored; reading the points of another person is a disclosure.
    """
    asked = call.document
    bounds = parse_rfc3339(asked["range_start"]), parse_rfc3339(asked["range_stop"])
    found = usecases.rehearsal.run(call.person, asked["rule"], asked["user_id"], *bounds)
    document: messages.AlarmRehearsal = {
        "samples": found.samples,
        "alarms": len(found.intervals),
        "items": [_rehearsed(it) for it in found.intervals[:REHEARSED]],
    }
    if found.proposed is not None and abs(found.proposed) <= LARGEST:
        document["proposed_threshold"] = found.proposed
    return Answer(document, headers=NO_STORE)


def read_alarm_rule(usecases: UseCases, call: EmptyCall) -> Answer[messages.AlarmRule]:
    """Read a rule with its versions."""
    rule = usecases.rules.read(call.person, _id(call.params))
    document = _document(rule)
    headers = {"ETag": etag.entity_tag(document), **NO_STORE}
    document["versions"] = [_change(it) for it in reversed(rule.versions[-VERSIONS:])]
    return Answer(document, headers=headers)


def update_alarm_rule(usecases: UseCases, call: Call[AlarmRuleUpdate, NoQuery]) -> Answer[messages.AlarmRule]:
    """Change a rule, or turn it on or off.

    The change makes a new version, which applies to event times from now on. An alarm that is open stays open until
    values are normal by the new version, and ends now if the rule is turned off. With `If-Match` only if nobody else
    has changed the rule since it was read.
    """

    def check(current: Rule) -> None:
        etag.require_match(call.headers, _document(current))

    document = _document(usecases.rules.update(call.person, _id(call.params), call.document, check))
    return Answer(document, headers={"ETag": etag.entity_tag(document), **NO_STORE})


def delete_alarm_rule(usecases: UseCases, call: EmptyCall) -> Answer[None]:
    """Delete a rule.

    Its open alarms end now; all of its alarms can still be read.
    """
    usecases.rules.delete(call.person, _id(call.params))
    return Answer(None)


def _rehearsed(interval: Interval) -> RehearsedDocument:
    document: RehearsedDocument = {"start": rfc3339(interval.start_ns)}
    if interval.end_ns is not None:
        document["end"] = rfc3339(interval.end_ns)
    return document


def _id(params: Mapping[str, str]) -> str:
    return params["rule_id"].lower()


def _document(rule: Rule) -> messages.AlarmRule:
    asked = rule.current.settings
    optional = {"times": asked.get("times"), "policy_id": asked.get("policy_id")}
    document: dict[str, object] = {
        "id": rule.id,
        "version": rule.current.number,
        "name": asked["name"],
        "measurement": asked["measurement"],
        "field": asked["field"],
        "condition": asked["condition"],
        **_of_condition(asked),
        "severity": asked.get("severity", "warning"),
        "people": asked.get("people", []),
        "overrides": asked.get("overrides", []),
        **{name: value for name, value in optional.items() if value is not None},
        "enabled": rule.current.enabled,
    }
    if rule.made_from is not None and rule.made_from in DEFAULTS:
        document["source"] = DEFAULTS[rule.made_from][1]
    document["created_at"] = rfc3339(rule.versions[0].from_ns)
    document["changed_at"] = rfc3339(rule.current.from_ns)
    return cast("messages.AlarmRule", document)


def _change(version: Version) -> RuleChangeDocument:
    asked = version.settings
    document = {
        "version": version.number,
        "valid_from": rfc3339(version.from_ns),
        "changed_by": version.changed_by,
        "name": asked["name"],
        **_of_condition(asked),
        "severity": asked.get("severity", "warning"),
        "enabled": version.enabled,
    }
    return cast("RuleChangeDocument", document)


def _of_condition(asked: AlarmRuleRequest) -> Mapping[str, object]:
    """The members that belong to the condition, with their defaults."""
    if asked["condition"] == "no_data":
        return {"no_data_after_seconds": asked["no_data_after_seconds"]}
    return {
        "threshold": asked["threshold"],
        "clear_threshold": asked.get("clear_threshold", asked["threshold"]),
        "for_seconds": asked.get("for_seconds", 600),
        "clear_after_seconds": asked.get("clear_after_seconds", 600),
        "max_gap_seconds": asked.get("max_gap_seconds", 300),
        "tolerance": asked.get("tolerance", 0.2),
        "activity": asked.get("activity", "any"),
    }


_FULL = (LIMIT_REACHED, LIMIT_FOR_NOW)
ROUTES = (
    Route(
        "POST",
        "/alarms/rules",
        create_alarm_rule,
        status=201,
        idempotent=True,
        raises=(CONTRADICTORY, *_FULL),
        headers=("Location",),
    ),
    Route("GET", "/alarms/rules", list_alarm_rules),
    Route("POST", "/alarms/rules/defaults", create_default_alarm_rules, raises=_FULL),
    Route(
        "POST",
        "/alarms/rules/rehearse",
        rehearse_alarm_rule,
        expensive=True,
        seconds=SECONDS,
        raises=(CONTRADICTORY, TOO_MANY),
    ),
    Route("GET", "/alarms/rules/{rule_id}", read_alarm_rule, raises=(NO_RULE,), headers=("ETag",)),
    Route(
        "PATCH",
        "/alarms/rules/{rule_id}",
        update_alarm_rule,
        raises=(NO_RULE, CONTRADICTORY, LIMIT_FOR_NOW),
        headers=("ETag",),
    ),
    Route("DELETE", "/alarms/rules/{rule_id}", delete_alarm_rule, status=204, raises=(NO_RULE, LIMIT_FOR_NOW)),
)
