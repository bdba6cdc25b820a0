"""The rows of validate_endpoints.sh: what comes from a declaration alone, and what its checks find in an answer."""

import json
import subprocess
import sys
from dataclasses import replace

import pytest

from heartguard_common.core.paths import REPO_ROOT
from heartguard_common.http.routing import Answer, Call, EmptyCall, NoQuery, Route
from heartguard_common.identity import policy
from heartguard_common.identity.policy import Segment
from heartguard_common.messages import DeadLetterList, OrganizationUpdate
from heartguard_organization.errors import NO_JOB
from schemas.builder import openapi, scenario
from schemas.builder.answer_checks import AnswerChecks
from schemas.builder.catalogue import error_catalogue
from schemas.builder.endpoint_rows import EndpointRows
from schemas.builder.example_bodies import bodies
from schemas.builder.scenario import Scenario, ScenarioError, Step
from tests.contract.cases import RESOURCES

POLICY = policy.load()
DEFINITIONS = {name: schema for resource in RESOURCES.values() for name, schema in resource["$defs"].items()}
CODES = {entry.code: entry for entries in error_catalogue().values() for entry in entries}
JOINED = list(openapi.join(POLICY))
CHECK_RESPONSE = REPO_ROOT / "services" / "cli" / "validate" / "check_response.py"


def a_list(_: object, __: EmptyCall) -> Answer[DeadLetterList]:
    raise AssertionError("only its signature counts")


def a_change(_: object, __: Call[OrganizationUpdate, NoQuery]) -> Answer[OrganizationUpdate]:
    raise AssertionError("only its signature counts")


def rows_of(rule: policy.RouteRule, route, written: Scenario | None = None):
    """The rows that one more route gets, beside the real ones."""
    made = EndpointRows(written or scenario.load(), [*JOINED, (rule, route)], DEFINITIONS, CODES)
    before = set(EndpointRows(written or scenario.load(), JOINED, DEFINITIONS, CODES).rows())
    return [row for row in made.rows() if row not in before]


def rule_for(method: str, path: str, who) -> policy.RouteRule:
    rule = POLICY.rule("GET", "/organization/limits")
    segments = tuple(Segment(part, "uuid" if part.startswith("{") else None) for part in path.split("/")[1:])
    return replace(rule, id="organization.new", method=method, path=path, who=who, segments=segments)


def test_an_operators_list_needs_no_step():
    rule = rule_for("GET", "/organization/background", {"operator": "any"})
    (row,) = rows_of(rule, Route("GET", rule.path, a_list))
    assert (row.method, row.path, row.caller, row.needs) == ("GET", rule.path, "operator", "operator")
    assert (row.only, row.verb, row.status, row.root, row.of_message) == ("", "gives", 200, "DeadLetterList", True)


def test_a_change_sends_the_example_of_its_message_and_wants_it_back():
    rule = rule_for("PUT", "/organization/new", {"admin": "own"})
    (row,) = rows_of(rule, Route("PUT", rule.path, a_change, status=202, headers=("ETag",)))
    example = json.loads(row.json)
    assert DEFINITIONS["OrganizationUpdate"]["properties"].keys() >= example.keys()
    assert row.xml.startswith("<OrganizationUpdate>")
    assert (row.needs, row.status) == ("founding", 202)  # an account that was there before stays as it is
    assert set(row.checks) == {*(f"{name}={value}" for name, value in example.items()), "header:ETag"}


def test_an_id_of_nothing_is_refused_with_the_routes_own_error_and_a_services_route_to_an_admin():
    rule = rule_for("GET", "/organization/new/{new_id}", {"admin": "own"})
    (row,) = rows_of(rule, Route("GET", rule.path, a_list, raises=(NO_JOB,)))
    assert (row.verb, row.status, row.root, row.path) == ("refuses", 404, NO_JOB.code, rule.path)
    rule = rule_for("GET", "/organization/new", {"service": "any"})
    (row,) = rows_of(rule, Route("GET", rule.path, a_list))
    assert (row.verb, row.status, row.root, row.caller) == ("refuses", 403, "GEN_403", "admin")


def test_a_route_without_xml_is_asked_for_it_and_refuses():
    rule = rule_for("GET", "/organization/new", "anyone")
    given, refused = rows_of(rule, Route("GET", rule.path, a_list, offers=("application/json", "text/csv")))[:2]
    assert (given.only, given.caller, refused.only, refused.status) == ("json", "nobody", "xml", 406)


def test_what_does_not_fit_is_named():
    real = scenario.load()
    for step, text in (
        (Step(route="auth.nothing"), "auth.nothing"),
        (Step(route="auth.login", refused="AUTH_999"), "AUTH_999"),
        (Step(route="auth.login", body='{"email": "{email}"}'), "/password"),
        (Step(route="auth.login", body='{"email": "{nobody}"}'), "nobody"),
    ):
        made = EndpointRows(replace(real, extra=(step,)), JOINED, DEFINITIONS, CODES)
        with pytest.raises(ScenarioError, match=text):
            list(made.rows())


def test_one_document_becomes_both_bodies():
    samples = {"org_id": "700001", "user_id": "700002"}
    made = bodies("ErasureRequest", '{"org_id": "{org_id}", "user_id": "{user_id}"}', samples)
    assert made.json == '{"org_id":{org_id},"user_id":{user_id}}'
    assert made.xml == "<ErasureRequest><org_id>{org_id}</org_id><user_id>{user_id}</user_id></ErasureRequest>"


def test_the_checks_of_a_message_come_from_its_schema():
    text = {"type": "string", "maxLength": 9}
    item = {"type": "object", "required": ["a"], "properties": {"a": {"type": "integer"}, "b": {"type": "boolean"}}}
    message = {
        "type": "object",
        "required": ["one", "many", "none", "free", "id"],
        "properties": {
            "one": {"type": "string", "maxLength": 9, "enum": ["it"]},
            "many": {"type": "array", "items": {"$ref": "#/$defs/Item"}},
            "none": {"type": ["number", "null"]},
            "free": {"type": "object", "additionalProperties": text},
            "id": {"type": "string", "format": "uuid", "maxLength": 36},
            "rare": text,
            "usual": text,
        },
    }
    checks = AnswerChecks({"Message": message, "Item": item}, {"Message": ("usual", "many[]"), "Item": ("b",)})
    assert checks.of("Message") == [
        *("one=it", "many:list", "many[]?/a:int", "many[]?/b:bool", "none:number?", "free:map", "id:uuid"),
        *("usual:string", "many[]"),
    ]
    sent = {"rare": "{slot}", "free": {"x": "y"}, "other": "z", "many": [{"a": "1"}]}
    assert dict(checks.echoes("Message", sent)) == {"rare": "{slot}", "free/x": "y"}


NIL = "<M xmlns:xsi='http://www.w3.org/2001/XMLSchema-instance'><a xsi:nil='true'/></M>"
ANSWERS = [  # format, body, check, what is wrong
    ("json", '{"a": null}', "a:int?", ""),
    ("json", '{"a": 1}', "a:int?", ""),
    ("json", '{"a": "1"}', "a:int?", "a is no int?"),
    ("json", '{"a": null}', "a:int", "a is no int"),
    ("json", "{}", "a:int?", "a is missing"),
    ("xml", NIL, "a:int?", ""),
    ("xml", NIL, "a:int", "a is no int"),
    ("xml", "<M><a/></M>", "a:int?", "a is no int?"),
    ("json", '{"a": ""}', "a:string", ""),
    ("json", '{"a": ""}', "a:text", "a is no text"),
    ("json", '{"a": []}', "a[]?/b:int", ""),
    ("json", '{"a": []}', "a[]/b:int", "a[] has no items"),
    ("json", '{"a": [{"b": 1}, {}]}', "a[]?/b:int", "a[]?/b is missing"),
    ("json", '{"a": 7}', "a[]?/b:int", "a[]? is no list"),
    ("xml", "<M><a/></M>", "a[]?/b:int", ""),
    ("xml", "<M><a><i><b>1</b></i><i/></a></M>", "a[]?/b:int", "a[]?/b is missing"),
]


def test_an_answer_is_held_against_its_checks(tmp_path, subtests):
    request_id = "validate-1"
    head = tmp_path / "head"
    for form, body, check, wrong in ANSWERS:
        head.write_text(
            f"HTTP/1.1 200 OK\r\nX-Request-ID: {request_id}\r\nVary: Accept\r\nContent-Type: application/{form}\r\n"
            "X-Gateway-Request-ID: 01900000-0000-7000-8000-000000000001\r\n\r\n"
        )
        (tmp_path / "body").write_text(body)
        command = [
            sys.executable,
            "-I",
            "-S",
            CHECK_RESPONSE,
            form,
            "M",
            tmp_path / "body",
            head,
            request_id,
            check,
            "--",
        ]
        found = subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
        with subtests.test(f"{body} {check}"):
            assert found == wrong
