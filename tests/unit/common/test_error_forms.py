"""The formats of errors: the choice by Accept, and problem details as RFC 9457 defines them."""

import json

import pytest
from lxml import etree

from heartguard_common.contract.contracts import Contracts
from heartguard_common.core.errors import (
    BUSY,
    INVALID_TOKEN,
    LIMIT_REACHED,
    TOO_MANY_REQUESTS,
    UNPROCESSABLE,
    ServiceError,
    Violation,
)
from heartguard_common.http.error_rendering import error_type, render

CONTRACTS = Contracts.load()
JSON, XML, TEXT = "application/json", "application/xml", "text/xml"
PJ, PX = "application/problem+json", "application/problem+xml"
UUID = "0198c1d2-0000-7000-8000-00000000000A"

# The schema of RFC 9457 appendix B, written from its compact form in the XML syntax of RELAX NG.
RFC_SCHEMA = """<grammar xmlns="http://relaxng.org/ns/structure/1.0" ns="urn:ietf:rfc:7807"
    datatypeLibrary="http://www.w3.org/2001/XMLSchema-datatypes">
  <start><ref name="problem"/></start>
  <define name="problem"><element name="problem">
    <interleave>
      <optional><element name="type"><data type="anyURI"/></element></optional>
      <optional><element name="title"><data type="string"/></element></optional>
      <optional><element name="detail"><data type="string"/></element></optional>
      <optional><element name="status"><data type="positiveInteger"/></element></optional>
      <optional><element name="instance"><data type="anyURI"/></element></optional>
      <ref name="anyNsElement"/>
    </interleave>
  </element></define>
  <define name="anyNsElement"><zeroOrMore><choice>
    <element><nsName><except><choice><name>type</name><name>title</name><name>detail</name><name>status</name>
      <name>instance</name></choice></except></nsName><ref name="anyInside"/></element>
    <attribute><anyName/></attribute>
  </choice></zeroOrMore></define>
  <define name="anyInside"><zeroOrMore><choice>
    <element><nsName/><ref name="anyInside"/></element><text/>
  </choice></zeroOrMore></define>
</grammar>"""


@pytest.mark.parametrize(
    ("accept", "documents", "expected"),
    [
        (None, JSON, JSON),
        ("*/*", JSON, JSON),
        ("application/*", JSON, JSON),
        (f"{PJ}, {JSON}", JSON, PJ),
        (f"{JSON}, {PJ}", JSON, PJ),
        (PJ, JSON, PJ),
        (PX, JSON, PX),
        (f"{XML}, {PX}, {PJ}", XML, PX),
        (f"{XML}, {PJ}", XML, PJ),
        (f"{TEXT}, {PJ}, {PX}", TEXT, PX),
        (f"{JSON}, {PJ};q=0.9", JSON, JSON),
        (f"{JSON};q=0.8, {PJ};q=0.9", JSON, PJ),
        (f"{PJ};q=0.5, {PX};q=0.7, {JSON};q=0.1", JSON, PX),
        (f"{JSON}, {PJ};q=0", JSON, JSON),
        (f"{PJ};q=0.1, */*;q=0.2", JSON, JSON),
        (f"{PJ}, */*;q=0.1", JSON, PJ),
        ("APPLICATION/Problem+JSON", JSON, PJ),
        (f"{PJ};charset=utf-8", JSON, PJ),
        (f"{PJ};profile=x", JSON, JSON),  # a range with a parameter that we have not matches nothing
        ("text/problem+json", JSON, JSON),
    ],
)
def test_the_error_form_follows_accept(accept: str | None, documents: str, expected: str) -> None:
    assert error_type(accept, documents) == expected


@pytest.mark.parametrize(
    ("accept", "documents", "expected"),
    [(PJ, XML, PX), (f"{JSON}, {PX}", JSON, PJ), (JSON, XML, XML), (None, XML, XML)],
)
def test_the_format_parameter_counts_and_accept_chooses_between_two_forms(
    accept: str | None, documents: str, expected: str
) -> None:
    assert error_type(accept, documents, forced=True) == expected


def test_problem_details_in_json() -> None:
    error = ServiceError(UNPROCESSABLE, details=[Violation("/a b/~1é", "is missing"), Violation("", "is wrong")])
    status, headers, body = render(error, PJ, UUID, CONTRACTS)
    assert (status, headers["Content-Type"]) == (422, PJ)
    assert json.loads(body) == {
        "type": "/docs/errors#GEN_422",
        "title": UNPROCESSABLE.title,
        "status": 422,
        "instance": f"urn:uuid:{UUID.lower()}",
        "code": "GEN_422",
        "request_id": UUID,
        "errors": [
            {"detail": "is missing", "pointer": "#/a%20b/~1%C3%A9"},
            {"detail": "is wrong", "pointer": "#"},
        ],
    }
    CONTRACTS["Problem"].check(json.loads(body))


@pytest.mark.parametrize(
    "error",
    [
        ServiceError(LIMIT_REACHED, "The limit <fields> is & stays used up"),
        ServiceError(UNPROCESSABLE, details=[Violation(f"/{place}", "x") for place in range(150)]),
        ServiceError(INVALID_TOKEN),
        ValueError("a secret"),
    ],
)
@pytest.mark.parametrize("request_id", [UUID, "phone-7.1"])
def test_problem_details_in_xml_satisfy_both_schemas(error: Exception, request_id: str) -> None:
    status, headers, body = render(error, PX, request_id, CONTRACTS)
    assert headers["Content-Type"] == f"{PX}; charset=utf-8"
    root = etree.fromstring(body)
    etree.RelaxNG(etree.fromstring(RFC_SCHEMA)).assertValid(root)
    read = CONTRACTS["Problem"].decode(body, XML)
    assert read == json.loads(render(error, PJ, request_id, CONTRACTS)[2])
    assert (read["status"], "instance" in read) == (status, request_id == UUID)
    assert b"secret" not in body
    assert len(read.get("errors", ())) <= 100
    assert ("WWW-Authenticate" in headers) == (status == 401)


def test_the_schema_of_the_rfc_refuses_another_namespace() -> None:
    other = etree.fromstring(b'<problem xmlns="urn:example"><status>404</status></problem>')
    assert not etree.RelaxNG(etree.fromstring(RFC_SCHEMA)).validate(other)


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (ServiceError(INVALID_TOKEN), 401, "unauthorized"),
        (ServiceError(TOO_MANY_REQUESTS, headers={"Retry-After": "7"}), 429, "too many requests"),
        (ServiceError(UNPROCESSABLE, details=[Violation("/points", "is missing")]), 422, "unprocessable entity"),
        (ServiceError(BUSY), 503, "unavailable"),
        (ValueError("a secret"), 500, "internal error"),
    ],
)
def test_influxdb_clients_get_their_error_form(error: Exception, status: int, code: str) -> None:
    found, headers, body = render(error, "influxdb", UUID, CONTRACTS)
    document = json.loads(body)
    assert (found, document["code"], headers["X-Platform-Error-Code"]) == (status, code, code)
    assert headers["Content-Type"] == "application/json; charset=utf-8"
    assert set(document) == {"code", "message"}
    assert ("/points is missing" in document["message"]) == (status == 422)
    assert headers.get("Retry-After") == ("7" if status == 429 else None)
    assert "secret" not in document["message"]
    assert json.loads(render(error, "influxdb_1", UUID, CONTRACTS)[2]) == {"error": document["message"]}
