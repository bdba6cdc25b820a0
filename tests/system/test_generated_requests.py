"""Requests that schemathesis makes of both OpenAPI documents, to every operation, and their twins in XML.

No answer is 5xx, every answer is one that the document lists (status, error code, media type, headers, schema), and a
document is refused in XML where and only where it is refused in JSON. The seed is fixed; GENERATED_REQUESTS=n in the
environment makes n requests of each kind for each operation in place of 4.
"""

import copy
import itertools
import json
import os
import re

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, seed, settings
from lxml import etree
from schemathesis import checks

from heartguard_common.contract.json_documents import dump_json
from heartguard_common.identity import policy
from tests.contract.cases import CONTRACTS, RESOURCE_OF, oracle, xsd_accepts
from tests.openapi_documents import by_permission, documents, operations

DESCRIPTIONS = documents()
COUNT = int(os.environ.get("GENERATED_REQUESTS", "4"))
CALM = settings(
    max_examples=COUNT,
    deadline=None,
    database=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)
CHECKS = [
    checks.not_a_server_error,
    checks.status_code_conformance,
    checks.content_type_conformance,
    checks.response_schema_conformance,
    checks.response_headers_conformance,
]
JSON, XML = "application/json", "application/xml"
FAR = 10**6  # organizations and people that nobody has founded: an erasure must not meet what other tests use
# What XML 1.0 has no spelling for (production 2), as json.dumps writes it, and what can't be encoded.
UNSAYABLE = re.compile(r"\\u00[01]|\\[bf]|[\ufffd-\uffff]")
PASSWORD = "a long enough phrase"
NUMBERS = itertools.count()


def prepared(document):
    """A document with bodies in JSON only (their twins are made here), and streams as bytes."""
    made = copy.deepcopy(document)
    for operation in operations(made):
        body = operation.get("requestBody")
        if body is not None:
            kept = {kind: content for kind, content in body["content"].items() if kind == JSON}
            binary = {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}}
            body["content"] = kept or binary
    return made


SCHEMAS = [schemathesis.openapi.from_dict(prepared(document)) for document in DESCRIPTIONS]
UPSTREAMS = {rule.id: rule.upstream for rule in policy.load().rules}
FOUND = [found.ok() for schema in SCHEMAS for found in schema.get_all_operations()]
CASES = {operation.definition.raw["x-permission"]: operation for operation in FOUND}


def test_every_operation_has_generated_requests():
    assert CASES.keys() == by_permission(*DESCRIPTIONS).keys()


def credentials(system, operation):
    """Headers of a caller whom the operation lets pass; an admin is the founder of an organization of their own."""
    names = [name for entry in operation.definition.raw["security"] for name in entry]
    if "bearer" in names:
        account = {"email": f"generated.{os.getpid()}.{next(NUMBERS)}@example.org", "password": PASSWORD}
        register = requests.post(system.gateway_url + "/auth/register", json=account, timeout=20)
        assert register.status_code == 201, register.text
        tokens = requests.post(system.gateway_url + "/auth/login", json=account, timeout=20).json()
        return {"Authorization": f"Bearer {tokens['access_token']}"}
    if "operator" in names:
        return system.operator
    services = operation.definition.raw.get("x-services")
    return system.service(services[0]) if services else {}


def base_url(system, operation):
    """The gateway; for what only services call, the port of the service itself."""
    raw = operation.definition.raw
    if raw["security"] != [{"service": []}]:
        return system.gateway_url
    return f"http://127.0.0.1:{system.clone.ports[UPSTREAMS[raw['x-permission']]]}"


def far(value):
    """The value with every organization and person in it moved out of reach."""
    for name in ("org_id", "user_id"):
        if isinstance(value, dict) and isinstance(value.get(name), int) and 0 < value[name] < FAR:
            value[name] += FAR


def accepted(operation, form):
    """The type to ask for: the format, or the one thing that the operation offers."""
    offers = next(
        (list(answer.get("content", {})) for status, answer in operation.definition.raw["responses"].items()
         if status < "300"), []
    )  # fmt: skip
    return form if not offers or form in offers or "*/*" in offers else offers[0]


def message_of(operation):
    content = operation.definition.raw.get("requestBody", {}).get("content", {})
    return content[JSON]["schema"]["$ref"].rpartition("/")[2] if JSON in content else None


def twin(operation, document):
    """The document in XML, and whether both formats must come to one verdict; None where XML can't say it."""
    message = message_of(operation)
    if isinstance(document, bytes):
        return None  # no JSON either: a body that is cut or has no encoding
    document = digits(document)
    text = json.dumps(document, ensure_ascii=False).encode("utf-8", "surrogatepass").decode("utf-8", "replace")
    if UNSAYABLE.search(text):
        return None
    violations = list(oracle(message).iter_errors(document))
    try:
        body = CONTRACTS[message].encode(document, XML)
        etree.fromstring(body)
    except Exception:  # noqa: BLE001  whatever the encoder makes of nonsense: there is no twin
        assert violations, "the encoder refuses a valid document"
        return None
    # A wrong type or an unknown member may look well in XML, where all is text, or be left out by the encoder.
    alike = all(
        violation.validator not in ("type", "additionalProperties", "propertyNames") for violation in violations
    )
    return body, alike


def digits(value):
    """The document with integers as XML must write them: 1.0 is an integer in JSON alone."""
    if isinstance(value, dict):
        return {key: digits(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [digits(inner) for inner in value]
    return int(value) if isinstance(value, float) and value.is_integer() and abs(value) < 2**53 else value


def verdict(answer):
    """Whether the contract was broken, and where; the code of the refusal."""
    if answer.status_code < 400 or not answer.content:
        return False, [], None
    if answer.headers["Content-Type"].startswith(JSON):
        error = answer.json().get("error")
        if not isinstance(error, dict):
            return False, [], None  # the 503 of a service that is not ready, and the errors of InfluxDB
        code, places = error["code"], [violation["path"] for violation in error.get("details", [])]
    else:
        root = etree.fromstring(answer.content)
        code, places = root.findtext("code"), [place.text or "" for place in root.iterfind("details/detail/path")]
    return code == "GEN_422", sorted(places) if code == "GEN_422" else [], code


def in_contract(operation, answer):
    """Hold an answer to the error codes and, in XML, to the XSD of the message the operation gives."""
    raw = operation.definition.raw
    code = verdict(answer)[2]
    assert code is None or code in raw["x-error-codes"], f"{code} is not listed"
    assert str(answer.status_code) in raw["responses"], answer.text
    if answer.headers.get("Content-Type", "").split(";")[0] in (XML, "text/xml") and answer.content:
        name = etree.fromstring(answer.content).tag
        if name in RESOURCE_OF:
            assert xsd_accepts(name, answer.content), answer.text


def keep_off(name, case):
    """Give a request that ends or locks something the number of nobody whom other tests use."""
    if name.partition(".")[2] in ("erase", "change_membership", "export", "keep_archive"):
        far(case.body)
        far(case.query)
    if name in ("auth.lock_account", "auth.unlock_account", "auth.end_sessions_of"):
        far(case.path_parameters)


def ask(session, asked):
    """The answer; of an event stream, which has no end, no more than its head."""
    answer = session.request(**asked, stream=True)
    if answer.headers.get("Content-Type", "").startswith("text/event-stream"):
        answer.close()
    else:
        answer.content  # noqa: B018  reads it
    return answer


def run(system, name, mode):
    operation = CASES[name]
    identity = credentials(system, operation)
    session = requests.Session()
    seen = []

    @seed(20240601)
    @CALM
    @given(case=operation.as_strategy(generation_mode=mode))
    def check(case):
        keep_off(name, case)
        asked = case.as_transport_kwargs(
            base_url=base_url(system, operation), headers={**identity, "Accept": accepted(operation, JSON)}
        )
        asked.update(timeout=30, allow_redirects=False)
        if name == "media.keep_archive":  # whatever the bytes, this is the one type that is taken
            asked["headers"]["Content-Type"] = "application/zip"
        answer = ask(session, asked)
        seen.append(answer.status_code)
        in_contract(operation, answer)
        case.validate_response(answer, checks=CHECKS)
        other = in_xml(case, asked)
        if other is not None:
            again = ask(session, other[0])
            assert again.status_code < 500, again.text
            in_contract(operation, again)
            assert not other[1] or verdict(again)[:2] == verdict(answer)[:2]

    def in_xml(case, asked):
        """The same request with body and answer in XML, and whether the verdict must be the same."""
        headers = {**asked["headers"], "Accept": accepted(operation, XML)}
        document = case.body
        if message_of(operation) is None or isinstance(document, type(schemathesis.core.NOT_SET)):
            return {**asked, "headers": headers}, message_of(operation) is None
        made = twin(operation, document)
        if made is None:
            return None
        body, alike = made
        plain = {key: value for key, value in asked.items() if key not in ("json", "data")}
        return {**plain, "data": body, "headers": {**headers, "Content-Type": XML}}, alike

    check()
    session.close()
    return seen


@pytest.mark.parametrize("name", CASES)
def test_generated_valid_requests_are_accepted(running_system, name):
    assert run(running_system, name, schemathesis.GenerationMode.POSITIVE)


BREAKABLE = [
    name for name, op in CASES.items() if "requestBody" in op.definition.raw or len(op.definition.raw["parameters"]) > 1
]


@pytest.mark.parametrize("name", BREAKABLE)
def test_generated_invalid_requests_are_refused(running_system, name):
    seen = run(running_system, name, schemathesis.GenerationMode.NEGATIVE)
    assert any(400 <= status < 500 for status in seen)


def test_an_xml_twin_equals_its_json():
    """The XML of a document says what its JSON says, for a message with maps, lists and numbers."""
    document = {"bucket": "org_1", "points": [{"measurement": "m", "tags": {"a": "b"}, "fields": {"x": 1},
                                               "timestamp": "2024-06-01T10:00:00Z"}]}  # fmt: skip
    body, alike = twin(CASES["timeseries.write"], document)
    assert alike
    assert CONTRACTS["WriteRequest"].decode(body, XML) == CONTRACTS["WriteRequest"].decode(dump_json(document), JSON)
