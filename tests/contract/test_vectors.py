"""Each vector has the verdict its name says, in both formats, with the pointers written down beside it."""

import json
import re
from io import BytesIO

import pytest
from lxml import etree

from heartguard_common.contract.json_documents import parse_json
from heartguard_common.core.paths import SCHEMAS_DIR
from tests.contract.cases import (
    CONTRACTS,
    POINTERS,
    RESOURCE_OF,
    VECTORS,
    oracle,
    pointers,
    vectors,
    xsd,
    xsd_accepts,
)

ANYTHING = """<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema">
<xs:element name="LoginRequest" type="xs:anyType"/></xs:schema>"""


def seams() -> set[str]:
    """The closed list of schemas/README.md: FAIL vectors that the XSD alone lets pass."""
    text = (SCHEMAS_DIR / "README.md").read_text(encoding="utf-8")
    return set(re.findall(r"^\| `(\w+/\w+)` \|", text, re.MULTILINE))


def accepted_although_wrong(schema_of) -> set[str]:
    """Names of the FAIL vectors that an XSD lets pass."""
    return {
        vector.name
        for vector in vectors(".xml")
        if not vector.passes
        and (schema := schema_of(vector.message)) is not None
        and schema.validate(etree.fromstring(vector.path.read_bytes()))
    }


def test_every_message_has_vectors(subtests: pytest.Subtests) -> None:
    for ending in ["_PASS.json", "_PASS.xml", "_FAIL.json", "_FAIL.xml"]:
        for message in CONTRACTS.names():
            with subtests.test(message + ending):
                assert list((VECTORS / message).glob(f"*{ending}"))


def test_no_vector_is_of_an_unknown_message() -> None:
    assert {path.name for path in VECTORS.iterdir() if path.is_dir()} == set(CONTRACTS.names())


def test_each_vector_gets_its_verdict_and_its_pointers(subtests: pytest.Subtests) -> None:
    for vector in vectors():
        with subtests.test(str(vector)):
            expected = [] if vector.passes else sorted(POINTERS[vector.name])
            assert pointers(vector.message, vector.path.read_bytes(), vector.media_type) == expected
            assert vector.passes or expected


def test_both_formats_hold_the_same_document(subtests: pytest.Subtests) -> None:
    for vector in [one for one in vectors(".json") if one.passes]:
        with subtests.test(str(vector)):
            contract = CONTRACTS[vector.message]
            document = contract.decode(vector.path.read_bytes(), "application/json")
            assert contract.decode(vector.twin.read_bytes(), "application/xml") == document
            for media_type in ("application/json", "application/xml", "text/xml"):
                again = contract.decode(contract.encode(document, media_type), media_type)
                assert again == document
                # 1, 1.0 and True are equal in Python but not the same in JSON
                assert json.dumps(again, sort_keys=True) == json.dumps(document, sort_keys=True)


def test_the_other_json_schema_validator_agrees(subtests: pytest.Subtests) -> None:
    for vector in vectors(".json"):
        with subtests.test(str(vector)):
            document = parse_json(vector.path.read_bytes())
            by_format = {"MediaDownload/february_30"}
            by_character = {
                f"RegisterRequest/{name}" for name in ("delete_character", "c1_character", "carriage_return")
            }
            expected = vector.passes or vector.name in by_format | by_character
            assert oracle(vector.message).is_valid(document) is expected


def test_the_xsd_alone_accepts(subtests: pytest.Subtests) -> None:
    for vector in [one for one in vectors(".xml") if one.passes]:
        with subtests.test(str(vector)):
            assert xsd_accepts(vector.message, vector.path.read_bytes())


def test_the_xsd_alone_refuses_all_invalid_vectors_but_the_listed_ones() -> None:
    assert accepted_although_wrong(lambda message: xsd(RESOURCE_OF[message])) == seams()


def test_an_xsd_that_accepts_everything_is_noticed() -> None:
    anything = etree.XMLSchema(etree.parse(BytesIO(ANYTHING.encode())))
    found = accepted_although_wrong(lambda message: anything if message == "LoginRequest" else None)
    assert found - seams()


PLAN_JSON = {
    "LoginRequest": '{"email": "admin@heartguard.io", "password": "Secret123"}',
    "LoginResponse": '{"access_token": "<jwt>", "refresh_token": "<jwt>", "expires_in": 3600, "token_type": "Bearer"}',
    "RegisterRequest": '{ "email": "user@hg.io", "password": "Secret123", "role": "admin" }',
    "OrganizationUpdate": '{ "name": "HeartGuard", "policies": "ISO27001" }',
    "UserUpdate": '{ "preferences": { "lang": "es" } }',
    "MediaUpload": '{ "file_name": "logo.png", "content_type": "image/png", "data_base64": "iVBORw0..." }',
    "WriteRequest": """{ "bucket": "org_1", "points": [{ "measurement": "heart_rate", "tags": {"user_id": "1"},
        "fields": {"bpm": 72}, "timestamp": "2024-06-01T10:00:00Z" }] }""",
    "AuditEventRequest": '{ "actor": "user@hg.io", "action": "LOGIN", "service": "auth" }',
}
PLAN_ERROR = '{"error": {"code": "AUTH_001", "message": "Invalid credentials"}}'
UUID = "0192f3a1-7c4e-7d2b-9a61-5b1e0c9d3f10"
PLAN_XML = (
    """<LoginResponse>
  <access_token>&lt;jwt&gt;</access_token>
  <refresh_token>&lt;jwt&gt;</refresh_token>
  <expires_in>3600</expires_in>
  <token_type>Bearer</token_type>
</LoginResponse>""",
    "<Error><code>AUTH_001</code><message>Invalid credentials</message></Error>",
    "<RegisterResponse><user_id>1</user_id><email>user@hg.io</email></RegisterResponse>",
    "<Organization><id>1</id><name>HeartGuard</name><policies>ISO27001</policies></Organization>",
    "<User><id>1</id><preferences><lang>es</lang></preferences></User>",
    f"<MediaItem><id>{UUID}</id><file_name>logo.png</file_name></MediaItem>",
    "<WriteResult><success>true</success><inserted>1</inserted></WriteResult>",
    f"<AuditEvent><id>{UUID}</id><status>recorded</status></AuditEvent>",
)


def test_the_requests_of_the_plan_are_valid(subtests: pytest.Subtests) -> None:
    for message, text in PLAN_JSON.items():
        with subtests.test(message):
            assert pointers(message, text.encode(), "application/json") == []


# Our answers have more members than the plan prints: the vector with the plan's values for those that it prints.
PLAN_VECTORS = {
    "LoginResponse": "pair_of_tokens",
    "Error": "wrong_password",
    "RegisterResponse": "new_admin",
    "Organization": "with_policies",
    "User": "founder",
    "MediaItem": "an_image",
    "WriteResult": "one_point_created",
    "AuditEvent": "just_recorded",
}


def test_answers_have_what_the_plan_prints_exactly_as_it_prints_it(subtests: pytest.Subtests) -> None:
    for text in PLAN_XML:
        with subtests.test(text):
            printed = etree.fromstring(re.sub(r">\s+<", "><", text))
            vector = VECTORS / printed.tag / f"{PLAN_VECTORS[printed.tag]}_PASS.json"
            contract = CONTRACTS[printed.tag]
            document = contract.decode(vector.read_bytes(), "application/json")
            answer = etree.fromstring(contract.encode(document, "application/xml"))
            for other in {member.tag for member in answer} - {member.tag for member in printed}:
                answer.remove(answer.find(other))
            etree.cleanup_namespaces(answer)
            assert etree.tostring(answer) == etree.tostring(printed)
    error = json.loads((VECTORS / "Error" / f"{PLAN_VECTORS['Error']}_PASS.json").read_bytes())["error"]
    del error["request_id"]
    assert {"error": error} == json.loads(PLAN_ERROR)
