"""What is generated is fresh, and what leaves the mappable subset is refused by name and pointer."""

import copy
import json
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator

from heartguard_common.core.paths import REPO_ROOT, SCHEMAS_DIR
from heartguard_common.identity import policy
from heartguard_common.identity.deprecation import Deprecation
from schemas import build
from schemas.builder import lint, openapi
from tests.contract.cases import CONTRACTS, RESOURCES
from tests.openapi_documents import by_permission, documents, resolved

DOCUMENTS = documents()
OPENAPI, INTERNAL = DOCUMENTS
OPERATIONS = by_permission(*DOCUMENTS)


def violations(change) -> list[str]:
    resources = copy.deepcopy(RESOURCES)
    change(resources["auth_token"]["$defs"])
    return lint.resource_problems("auth_token", resources["auth_token"], resources)


def test_the_generated_files_are_fresh() -> None:
    for program in ("schemas/build.py", "docs/build.py"):
        command = [sys.executable, program, "--check"]
        done = subprocess.run(command, cwd=REPO_ROOT, capture_output=True, text=True, timeout=60, check=False)
        assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_a_stale_a_missing_and_a_surplus_file_are_found(tmp_path) -> None:
    made = {"a.xsd": b"<a/>", "b.xsd": b"<b/>", "roles.json": b"{}"}
    (tmp_path / "a.xsd").write_bytes(b"<old/>")
    (tmp_path / "b.xsd").write_bytes(b"<b/>")
    (tmp_path / "c.xsd").write_bytes(b"<c/>")
    assert build.stale(made, tmp_path) == ["a.xsd", "c.xsd", "roles.json"]


def test_generating_twice_gives_the_same_bytes() -> None:
    assert build.generate() == build.generate()


def test_the_written_schemas_are_in_the_subset() -> None:
    assert build.read() == RESOURCES


def test_a_summary_says_what_a_route_is_for_and_not_its_method() -> None:
    assert [name for name, it in OPERATIONS.items() if it["summary"].partition(" ")[0] in policy.METHODS] == []


STRING = {"type": "string", "maxLength": 9}
DESCRIBED = {**STRING, "description": "A text."}


OUTSIDE = [
    ({"type": "object", "properties": {"a": STRING}}, "/additionalProperties", "closed"),
    ({"oneOf": [STRING]}, "/type", "stated"),
    ({**STRING, "const": "a"}, "/const", "subset"),
    ({**STRING, "if": {}}, "/if", "subset"),
    ({"type": "string"}, "", "maxLength"),
    ({"type": "integer", "minimum": 0}, "", "maximum"),
    ({"type": "integer", "minimum": 0, "maximum": 2**53}, "/maximum", "beyond"),
    ({"type": "number", "maximum": 1}, "", "minimum"),
    ({"type": "array", "items": STRING, "xml": {"wrapped": True}, "maxItems": 1}, "/items/xml/name", "name"),
    ({"type": "array", "items": {**STRING, "xml": {"name": "a"}}, "maxItems": 1}, "/xml", "wrapped"),
    ({"type": "array", "items": {**STRING, "xml": {"name": "a"}}, "xml": {"wrapped": True}}, "", "maxItems"),
    ({"type": "object", "additionalProperties": STRING, "maxProperties": 3}, "", "keys"),
    ({"type": "object", "additionalProperties": True, "maxProperties": 3, "propertyNames": STRING},
     "/additionalProperties", "schema"),
    ({**STRING, "pattern": "^a$", "format": "ipv4"}, "/format", "known"),
    ({**STRING, "format": "email"}, "/format", "pattern"),
    ({**STRING, "pattern": "a"}, "/pattern", "anchored"),
    ({"$ref": "common.schema.json#/$defs/nothing"}, "/$ref", "nothing"),
    ({"$ref": "common.schema.json#/$defs/email", "maxLength": 5}, "/maxLength", "beside"),
    ({"type": ["object", "null"], "properties": {}}, "/type", "alone"),
    ({"type": ["integer", "number"], "minimum": 0, "maximum": 1}, "/type", "already"),
    ({"type": ["string", "null"], "enum": ["a"], "maxLength": 3}, "/enum", "null"),
    ({"$ref": "#/$defs/strange"}, "/$ref", "itself"),
]  # fmt: skip


def test_a_schema_outside_the_subset_is_refused_with_its_pointer(subtests: pytest.Subtests) -> None:
    for schema, place, reason in OUTSIDE:
        with subtests.test(str(schema)):
            found = violations(lambda definitions, schema=schema: definitions.update(strange=schema))
            assert any(
                violation.startswith(f"#/$defs/strange{place}: ") and reason in violation for violation in found
            ), found


def test_a_message_must_be_an_object_with_a_description() -> None:
    assert len(violations(lambda definitions: definitions.update(Strange=STRING))) == 2
    assert len(violations(lambda definitions: definitions.update({"strange-name": DESCRIBED}))) == 1
    assert "common" in violations(lambda definitions: definitions.update(email=DESCRIBED))[0]


def test_each_type_and_each_member_must_have_a_description(subtests: pytest.Subtests) -> None:
    def found(**members: object) -> list[str]:
        strange = {"description": "A thing.", "type": "object", "additionalProperties": False, "required": []}
        return violations(lambda definitions: definitions.update(strange={**strange, "properties": members}))

    assert found(a=DESCRIBED, b={"$ref": "#/$defs/password"}, c={"$ref": "common.schema.json#/$defs/email"}) == []
    missing = "#/$defs/strange/properties/a: must have a description, its own or that of its type"
    assert found(a=STRING, b=DESCRIBED) == [missing]
    assert violations(lambda definitions: definitions.update(strange=STRING)) == [
        "#/$defs/strange: must have a description"
    ]


@pytest.mark.parametrize(
    "pattern",
    [
        "^[a-z]{1,3}(a|b)*c?$", "^[+\\-]?[0-9]+(\\.[0-9]+)?$", "^$", "^a@[A-Za-z_]+$", "^(a(b|c)){2}$", "^[a^]$",
    ],
)  # fmt: skip
def test_a_pattern_of_the_dialect_passes(pattern: str) -> None:
    assert lint.pattern_problem(pattern) is None


OTHER_DIALECTS = [
    "a", "^a", "a$", "^a|b$", "^\\d$", "^\\w$", "^\\s$", "^.$", "^[^a]$", "^(?:a)$", "^(?=a)$", "^a*?$", "^a{,3}$",
    "^a{2,}$", "^a$b$", "^\\bA$", "^\\u0041$", "^[a&&b]$", "^[a--b]$", "^(a$", "^a)$", "^*$", "^[\\d]$", "^a\n$",
]  # fmt: skip


def test_a_pattern_outside_the_supported_dialect_is_refused(subtests: pytest.Subtests) -> None:
    for pattern in OTHER_DIALECTS:
        with subtests.test(pattern):
            assert lint.pattern_problem(pattern)


def test_every_rule_of_the_policy_is_an_operation() -> None:
    assert {rule.id for rule in policy.load().rules} == set(OPERATIONS)


def test_a_rule_that_is_to_go_and_names_a_dialect_is_described_so() -> None:
    loaded = policy.load()
    rules = [
        replace(rule, errors="influxdb", deprecation=Deprecation(datetime(2027, 1, 31, tzinfo=UTC)))
        if rule.id == "timeseries.write"
        else rule
        for rule in loaded.rules
    ]
    made = openapi.document(RESOURCES, replace(loaded, rules=tuple(rules)))
    written = made["paths"]["/timeseries/write"]["post"]
    assert written["deprecated"] is True
    assert {"Deprecation"} <= written["responses"]["200"]["headers"].keys()
    for status in ("401", "422", "429"):
        (kind,) = written["responses"][status]["content"].items()
        assert (kind[0], set(kind[1]["schema"]["properties"])) == ("application/json", {"code", "message"})
    assert [error.message for error in OpenAPIV31SpecValidator(made).iter_errors()] == []


def test_operations_that_are_not_versioned_name_the_root_server() -> None:
    assert OPENAPI["servers"] == INTERNAL["servers"] == [{"url": "/"}, {"url": "/api/v1"}]
    single = {name for name, operation in OPERATIONS.items() if operation.get("servers") == [{"url": "/"}]}
    assert single == {rule.id for rule in policy.load().rules if not rule.versioned}


def test_every_refusal_is_offered_as_problem_details_too() -> None:
    kinds = {"application/json", "application/xml", "text/xml", "application/problem+json", "application/problem+xml"}
    for document in DOCUMENTS:
        answers = document["components"]["responses"]
        refusals = {name: entry for name, entry in answers.items() if name.startswith("Refusal")}
        assert refusals
        assert {name for name, entry in refusals.items() if entry["content"].keys() != kinds} == set()


@pytest.mark.parametrize(
    ("xml", "place"),
    [({"namespace": "urn:x"}, "/xml/namespace"), ({"name": "strange", "namespace": "urn:x"}, "/xml/namespace")],
)
def test_a_namespace_needs_a_root_and_a_resource_of_its_own(xml: dict, place: str) -> None:
    message = {**RESOURCES["auth_token"]["$defs"]["LoginRequest"], "xml": xml}
    found = violations(lambda definitions: definitions.update(Strange=message))
    assert any(violation.startswith(f"#/$defs/Strange{place}: ") for violation in found), found


def test_an_operation_lists_its_answers_each_with_a_closed_schema(subtests: pytest.Subtests) -> None:
    for name, operation in OPERATIONS.items():
        with subtests.test(name):
            assert any(status.startswith("2") for status in operation["responses"])
            assert {"400", "406", "422", "500"} <= operation["responses"].keys()
            if operation["x-limit"] != "none":
                assert "429" in operation["responses"]
            if operation.get("security") and {} not in operation["security"]:
                assert {"401", "403"} <= operation["responses"].keys()
            if "requestBody" in operation:
                assert {"413", "415"} <= operation["responses"].keys()
            document = OPENAPI if name in by_permission(OPENAPI) else INTERNAL
            for response in operation["responses"].values():
                for content in resolved(document, response).get("content", {}).values():
                    if "$ref" in content["schema"]:
                        assert resolved(document, content["schema"])["additionalProperties"] is False


def test_messages_are_offered_in_both_formats() -> None:
    for operation in OPERATIONS.values():
        for status, response in operation["responses"].items():
            content = response.get("content", {})
            if status.startswith("2") and "application/json" in content and "application/xml" not in content:
                documents_of_ours = ("gateway.openapi", "gateway.openapi_internal", "gateway.schemas")
                assert operation["x-permission"] in ("auth.jwks", *documents_of_ours)


def test_every_reference_leads_somewhere() -> None:
    def walk(document, value) -> None:
        if isinstance(value, dict):
            assert "$ref" not in value or resolved(document, value)
            for inner in value.values():
                walk(document, inner)
        elif isinstance(value, list):
            for inner in value:
                walk(document, inner)

    for document in DOCUMENTS:
        walk(document, document["paths"])
        walk(document, document["components"])


def test_every_message_is_in_a_document() -> None:
    """Those of queries have no schema there, because their members are parameters."""
    found = {name for document in DOCUMENTS for name in document["components"]["schemas"]}
    assert {name for name in CONTRACTS.names() if not name.endswith("Query")} <= found


def test_the_error_codes_are_listed_once() -> None:
    codes = [row["code"] for row in OPENAPI["x-error-codes"]]
    assert codes == sorted(set(codes))
    assert "GEN_422" in codes


def test_the_roles_are_those_of_the_policy() -> None:
    roles = json.loads((SCHEMAS_DIR / "roles.json").read_text(encoding="utf-8"))
    assert "media.delete" in roles["admin"]
    assert "media.delete" not in roles["manager"]
    assert "auth.introspect" in roles["service"]
    assert set(roles["user"]) < set(roles["manager"]) | {"user.read"} <= set(roles["admin"])
