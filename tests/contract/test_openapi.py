"""Both OpenAPI documents by the rules of OpenAPI 3.1 and by those of an independent validator."""

import json
import re

import jsonschema
import pytest
import referencing
from lxml import etree
from openapi_spec_validator import OpenAPIV31SpecValidator
from referencing.jsonschema import DRAFT202012

from heartguard_common.identity import policy
from tests.clone import Clone
from tests.contract.cases import xsd_accepts
from tests.openapi_documents import NAMES, by_permission, contents, documents, operations, resolved
from tests.running import unlisted

DOCUMENTS = documents()
PUBLIC, INTERNAL = DOCUMENTS
OPERATIONS = by_permission(*DOCUMENTS)
TOKENS = {"bearer", "operator", "service"}


def codes(name, status):
    return set(re.findall(r"[A-Z]+_[0-9]{3}(?:_[A-Z]+)?", OPERATIONS[name]["responses"][status]["description"]))


def shown(document, kind, members="examples"):
    """Every example of a media type, with the schema it stands beside."""
    for media_type, content in contents(document):
        if media_type == kind:
            yield from ((content["schema"], resolved(document, entry)) for entry in content.get(members, {}).values())


@pytest.mark.parametrize("document", DOCUMENTS, ids=NAMES)
def test_a_document_satisfies_openapi(document):
    assert [error.message for error in OpenAPIV31SpecValidator(document).iter_errors()] == []


def test_each_route_is_in_the_document_of_those_who_may_call_it():
    who = {rule.id: rule.who if isinstance(rule.who, str) else set(rule.who) for rule in policy.load().rules}
    assert {**by_permission(PUBLIC), **by_permission(INTERNAL)}.keys() == who.keys()
    for name in by_permission(INTERNAL):
        assert who[name] == "inner" or who[name] <= {"operator", "service"}, name
    for name in by_permission(PUBLIC):
        assert who[name] == "anyone" or who[name] & {"admin", "manager", "user"}, name


def test_a_document_has_the_components_it_uses_and_no_others():
    for document in DOCUMENTS:
        text = json.dumps({**document, "x-error-codes": []})
        for kind, components in document["components"].items():
            for name in components:
                assert f'"#/components/{kind}/{name}"' in text or (
                    kind == "securitySchemes" and f'{{"{name}": []}}' in text
                )


def test_names_of_components_differ_by_more_than_case_and_underscores():
    names = {name for document in DOCUMENTS for name in document["components"]["schemas"]}
    assert len({name.replace("_", "").lower() for name in names}) == len(names)


def test_every_body_has_a_schema(subtests):
    """That of a message, or text, bytes or an object where no message describes the body."""
    for document in DOCUMENTS:
        for operation in operations(document):
            with subtests.test(operation["operationId"]):
                assert all(
                    content["schema"] for _, content in contents({**document, "paths": {"/": {"it": operation}}})
                )


@pytest.mark.parametrize(("name", "status"), [("media.upload_bytes", None), ("media.receive", None),
                                              ("media.content", "200"), ("media.content", "206")])  # fmt: skip
def test_bytes_of_any_type_are_listed_as_octets_too(name, status):
    holder = OPERATIONS[name]["responses"][status] if status else OPERATIONS[name]["requestBody"]
    octets = {"schema": {"type": "string", "format": "binary"}}
    assert holder["content"] == {"application/octet-stream": octets, "*/*": octets}


def test_an_error_has_one_type_in_both_formats():
    for document in DOCUMENTS:
        for name, answer in document["components"]["responses"].items():
            kinds = {kind: content["schema"] for kind, content in answer["content"].items()}
            assert kinds["application/json"] == kinds["application/xml"] == kinds["text/xml"], name


def test_examples_in_json_satisfy_the_schema_beside_them():
    for document, least in zip(DOCUMENTS, (100, 30), strict=True):
        registry = referencing.Registry().with_resource("urn:api", DRAFT202012.create_resource(document))
        found = list(shown(document, "application/json"))
        assert len(found) > least
        for schema, example in found:
            home = {"$ref": "urn:api" + schema["$ref"]}
            jsonschema.Draft202012Validator(home, registry=registry).validate(example["value"])


def test_examples_in_xml_are_texts_that_satisfy_the_xsd_of_their_root():
    kinds = ("application/xml", "text/xml", "application/problem+xml")
    found = [it for document in DOCUMENTS for kind in kinds for it in shown(document, kind, "x-serializedExamples")]
    assert len(found) > 200
    for text in {example["serializedValue"] for _, example in found}:
        name = etree.QName(etree.fromstring(text.encode())).localname
        assert xsd_accepts("Problem" if name == "problem" else name, text.encode())


def test_every_body_with_an_example_has_it_in_both_formats():
    for document in DOCUMENTS:
        for operation in operations(document):
            for holder in (operation.get("requestBody", {}), *operation["responses"].values()):
                content = holder.get("content", {})
                if "application/xml" in content and "examples" in content.get("application/json", {}):
                    shown_in_xml = content["application/xml"]["x-serializedExamples"]
                    assert content["application/json"]["examples"].keys() == shown_in_xml.keys(), operation[
                        "operationId"
                    ]


def test_security_is_that_of_the_policy(subtests):
    for name in OPERATIONS:
        with subtests.test(name):
            rule = next(rule for rule in policy.load().rules if rule.id == name)
            named = {scheme for entry in OPERATIONS[name]["security"] for scheme in entry}
            if isinstance(rule.who, str):
                expected = {"inner": {"operator"}}.get(
                    rule.who, {"bearer"} if rule.credentials == "optional" else set()
                )
            else:
                expected = {role if role in TOKENS else "bearer" for role in rule.who}
            assert named == expected
            assert ({} in OPERATIONS[name]["security"]) == (isinstance(rule.who, str) and bool(expected))


CODES = [
    ("auth.login", "401", {"AUTH_001"}, {"AUTH_003", "GEN_401"}),
    ("auth.login", "429", {"AUTH_009", "GEN_429"}, set()),
    ("auth.refresh", "401", {"AUTH_003"}, {"AUTH_001"}),
    ("media.content", "416", {"MEDIA_007"}, set()),
    ("organization.delete", "422", {"ORG_002"}, {"ORG_003"}),
    ("timeseries.delete_bucket", "409", {"TS_003"}, {"TS_002"}),
    ("user.update_self", "412", {"GEN_412"}, set()),
    ("media.upload", "413", {"GEN_413", "MEDIA_002", "MEDIA_009"}, set()),
    ("media.receive", "404", {"GEN_404", "MEDIA_001"}, set()),
    ("auth.password_code", "404", {"GEN_404"}, set()),
    ("media.complete", "422", {"MEDIA_004", "MEDIA_011", "MEDIA_012"}, {"MEDIA_003"}),
]


def test_an_operation_lists_the_codes_it_can_answer(subtests):
    for name, status, can, can_not in CODES:
        with subtests.test(f"{name} {status}"):
            assert can <= codes(name, status)
            assert not can_not & codes(name, status)


@pytest.mark.parametrize(("name", "status"), [("media.list", "413"), ("auth.login", "409"), ("gateway.health", "401"),
                                              ("gateway.health", "429"), ("media.receive", "206")])  # fmt: skip
def test_an_operation_lists_only_codes_that_it_can_answer(name, status):
    assert status not in OPERATIONS[name]["responses"]


def test_every_code_of_a_service_is_answered_by_some_operation():
    listed = {code for operation in OPERATIONS.values() for code in operation["x-error-codes"]}
    catalogue = {row["code"] for row in PUBLIC["x-error-codes"]}
    assert INTERNAL["x-error-codes"] == PUBLIC["x-error-codes"]
    # 405 belongs to a path and not to one of its operations; the others are what the
    # parser of a service says to whoever reaches it past the gateway, whose own parser speaks first.
    assert catalogue - listed == {"GEN_405", "GEN_414", "GEN_417", "GEN_400_HTTP", "GEN_431", "GEN_501"}
    assert listed <= catalogue


VERBS = {
    "accept", "acknowledge", "announce", "cancel", "change", "check", "close", "complete", "confirm", "create",
    "delete", "download", "drop", "end", "erase", "export", "introspect", "issue", "keep", "list", "lock", "log",
    "query", "read", "record", "refresh", "register", "rehearse", "request", "reset", "retry", "rotate", "send",
    "summarize", "switch", "unlock", "update", "upload", "verify", "watch", "withdraw", "write",
}  # fmt: skip


def test_operation_ids_are_unique_verbs_with_their_object():
    ids = [operation["operationId"] for operation in OPERATIONS.values()]
    assert len(ids) == len(set(ids))
    assert [name for name in ids if not re.fullmatch("[a-z]+(_[a-z]+)*", name)] == []
    assert {name.partition("_")[0] for name in ids} - VERBS == set()


def test_summaries_are_short_sentences_without_a_full_stop_and_markup(subtests):
    for name, operation in OPERATIONS.items():
        with subtests.test(name):
            assert re.fullmatch(r"[A-Z][a-z]+ [^`\n]+[^.]", operation["summary"])
            assert len(operation["summary"]) <= 80


def test_each_tag_has_a_name_for_people_and_a_description():
    for document in DOCUMENTS:
        used = {tag for operation in operations(document) for tag in operation["tags"]}
        assert {tag["name"] for tag in document["tags"] if tag["x-displayName"] and tag["description"]} == used


def test_an_unlisted_refusal_is_found_in_the_logs(tmp_path):
    clone = Clone(tmp_path, {})
    (tmp_path / "schemas").mkdir()
    for name, document in zip(NAMES, DOCUMENTS, strict=True):
        (tmp_path / "schemas" / name).write_text(json.dumps(document))
    clone.layout.log.mkdir(parents=True)
    lines = [
        '{"message": "request", "route": "auth.login", "code": "AUTH_001"}',
        '{"message": "request", "route": "auth.login", "code": "AUTH_003"}',
        '{"message": "request", "route": "auth.introspect", "code": "GW_020"}',
        '{"message": "request", "route": "unmatched", "code": "GEN_404"}',
        "no JSON",
    ]
    (clone.layout.log / "auth.log").write_text("\n".join(lines))
    assert unlisted(clone) == ["auth.login AUTH_003"]
