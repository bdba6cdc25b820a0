"""Violations: bounded, cheap to find, with pointers and without values; and what is refused before them."""

import time

import pytest

from heartguard_common.contract.contracts import Violations
from heartguard_common.contract.json_documents import Malformed
from tests.contract.cases import CONTRACTS, pointers

LOGIN = CONTRACTS["LoginRequest"]
WRITE = CONTRACTS["WriteRequest"]
UPDATE = CONTRACTS["UserUpdate"]


def violations(message: str, body: bytes, media_type: str = "application/json"):
    with pytest.raises(Violations) as caught:
        CONTRACTS[message].decode(body, media_type)
    return caught.value.violations


def test_only_the_first_100_violations_are_reported() -> None:
    body = b'{"bucket":"b","points":[' + b",".join([b"{}"] * 9_000) + b"]}"
    found = violations("WriteRequest", body)
    assert [violation.path for violation in found] == [
        f"/points/{index}/{name}" for index in range(50) for name in ("measurement", "fields")
    ]
    xml = b"<WriteRequest><bucket>b</bucket><points>" + b"<point/>" * 9_000 + b"</points></WriteRequest>"
    assert violations("WriteRequest", xml, "application/xml") == found
    strange = b"<WriteRequest><bucket>b</bucket><points>" + b"<x/>" * 9_000 + b"</points></WriteRequest>"
    assert len(violations("WriteRequest", strange, "application/xml")) == 100


@pytest.mark.parametrize(
    ("media_type", "start", "item", "end", "place"),
    [
        # So many empty points that they are counted before they are made.
        ("application/json", b'{"bucket":"b","points":[{}', b",{}", b"]}", ""),
        (
            "application/xml",
            b"<WriteRequest><bucket>b</bucket><points>",
            b"<point/>",
            b"</points></WriteRequest>",
            "/points",
        ),
    ],
)
def test_a_million_violations_are_found_in_bounded_time(
    media_type: str, start: bytes, item: bytes, end: bytes, place: str
) -> None:
    body = start + item * (8_000_000 // len(item) // 4) + end
    began = time.process_time()
    assert [violation.path for violation in violations("WriteRequest", body, media_type)] == [place]
    assert time.process_time() - began < 10  # jsonschema-rs alone takes half a minute to list them


def test_no_message_quotes_a_value() -> None:
    secret = "Secret123" * 20
    for message, body in (
        ("LoginRequest", f'{{"email":"{secret}","password":"{secret}"}}'),
        ("RegisterRequest", f'{{"email":"{secret}","password":["{secret}"],"role":"{secret}","full_name":7}}'),
        ("AuditEvent", f'{{"id":"{secret}","status":"{secret}","time":"{secret}","sequence":"{secret}"}}'),
    ):
        for violation in violations(message, body.encode()):
            assert "Secret123" not in violation.message
            assert violation.message


FAULTS = [
    ('{"password":"Secret123"}', "/email", "is missing"),
    ('{"email":"a@hg.io","password":"Secret123","a/b~c":1}', "/a~1b~0c", "is not a known member"),
    ('{"email":"a@hg.io","password":"short"}', "/password", "must have at least 8 characters"),
    ('{"email":"a@hg.io","password":7}', "/password", "must be a string"),
    ('{"email":"a@hg.io","password":null}', "/password", "must be a string"),
    ('{"email":"nobody","password":"Secret123"}', "/email", "does not have the form it must have"),
    ("[]", "", "must be an object"),
    ('"x"', "", "must be an object"),
    ("null", "", "must be an object"),
]


def test_each_violation_has_a_place_and_a_reason(subtests: pytest.Subtests) -> None:
    for body, path, message in FAULTS:
        with subtests.test(body):
            assert [(violation.path, violation.message) for violation in violations("LoginRequest", body.encode())] == [
                (path, message)
            ]


def test_bounds_choices_and_formats_are_named() -> None:
    assert violations("UserListQuery", b'{"limit":0}')[0].message == "must be at least 1"
    assert violations("UserListQuery", b'{"limit":501}')[0].message == "must be at most 500"
    assert violations("UserListQuery", b'{"role":"root"}')[0].message == "must be one of: admin, manager, user"
    assert violations("AuditListQuery", b'{"since":"2024-02-30T00:00:00Z"}')[0].message == "is not a valid date-time"
    assert violations("UserUpdate", b'{"full_name":7}')[0].message == "must be a string or null"
    assert violations("UserUpdate", b'{"preferences":{"a b":1}}')[0].path == "/preferences/a b"


@pytest.mark.parametrize("character", ["\x00", "\x0b", "\r", "\x1f", "\x7f", "\x80", "\x9f", "\ufffe", "\uffff"])
def test_control_characters_are_refused_in_values_and_keys(character: str) -> None:
    for escaped in (True, False):
        if not escaped and character < " ":
            continue  # raw, it is not JSON
        text = f"\\u{ord(character):04x}" if escaped else character
        assert pointers("OrganizationUpdate", f'{{"name":"a{text}"}}'.encode(), "application/json") == ["/name"]
        body = f'{{"actor":"a","action":"b","service":"c","payload":{{"k{text}":1}}}}'
        assert pointers("AuditEventRequest", body.encode(), "application/json") == ["/payload/k\ufffd"]
    if character in "\r\x7f\x80\x9f":
        reference = f"&#{ord(character)};"
        for text in (reference, character) if character != "\r" else (reference,):
            body = f"<OrganizationUpdate><name>a{text}</name></OrganizationUpdate>"
            assert pointers("OrganizationUpdate", body.encode(), "application/xml") == ["/name"]
            body = (
                "<AuditEventRequest><actor>a</actor><action>b</action><service>c</service><payload>"
                f'<entry key="k{text}">1</entry></payload></AuditEventRequest>'
            )
            assert pointers("AuditEventRequest", body.encode(), "text/xml") == ["/payload/k\ufffd"]


def test_tab_newline_and_other_unicode_pass() -> None:
    document = {"name": "a\tb\nc \u00a0\u2028\U0001f493 e\u0301 \ufeff"}
    assert (
        CONTRACTS["OrganizationUpdate"].decode(CONTRACTS["OrganizationUpdate"].encode(document, "text/xml"), "text/xml")
        == document
    )


@pytest.mark.parametrize(
    "body",
    [
        b"<LoginRequest><email>a@hg.io</email><email>a@hg.io</email><password>Secret123</password></LoginRequest>",
        b"<LoginRequest><x/><x/></LoginRequest>",
    ],
)
def test_an_element_that_comes_twice_is_malformed(body: bytes) -> None:
    with pytest.raises(Malformed):
        LOGIN.decode(body, "application/xml")


@pytest.mark.parametrize(
    "fields",
    [
        '<entry key="a">1</entry><entry key="a">1</entry>',
        '<entry key="a" type="number">1e400</entry>',
        f'<entry key="a" type="number">{"9" * 4301}</entry>',
    ],
)
def test_malformed_json_values_are_malformed_in_xml_too(fields: str) -> None:
    body = (
        "<WriteRequest><bucket>b</bucket><points><point><measurement>m</measurement>"
        f"<fields>{fields}</fields></point></points></WriteRequest>"
    )
    with pytest.raises(Malformed):
        WRITE.decode(body.encode(), "application/xml")


def test_preferences_that_come_twice_are_malformed() -> None:
    with pytest.raises(Malformed):
        UPDATE.decode(b"<UserUpdate><preferences><a>1</a><a>2</a></preferences></UserUpdate>", "application/xml")


def test_integers_may_be_written_as_json_numbers() -> None:
    for text in ("1", "1.0", "1e0", "10e-1"):
        document = CONTRACTS["ErasureResult"].decode(f'{{"removed":{text}}}'.encode(), "application/json")
        assert repr(document) == "{'removed': 1}"
    assert pointers("ErasureResult", b'{"removed":1.5}', "application/json") == ["/removed"]
    body = b'{"bucket":"b","points":[{"measurement":"m","fields":{"a":1.0,"b":1,"c":true}}]}'
    fields = WRITE.decode(body, "application/json")["points"][0]["fields"]
    assert repr(fields) == "{'a': 1.0, 'b': 1, 'c': True}"


def test_a_query_is_typed_by_its_contract() -> None:
    query = CONTRACTS["UserListQuery"]
    assert query.decode_query([("limit", "5"), ("active", "true"), ("q", "1")]) == {
        "limit": 5, "active": True, "q": "1",
    }  # fmt: skip
    assert query.decode_query([]) == {}
    assert CONTRACTS["AuditListQuery"].decode_query([("since", "2024-06-01T10:00:00Z")])
    for pairs, path in (
        ([("limit", "5"), ("limit", "5")], "/limit"),
        ([("offset", "5")], "/offset"),
        ([("limit", "05")], "/limit"),
        ([("limit", "")], "/limit"),
        ([("active", "1")], "/active"),
        ([("q", "a\x00")], "/q"),
        ([("q", "\ud800")], "/q"),
    ):
        with pytest.raises(Violations) as caught:
            query.decode_query(pairs)
        assert [violation.path for violation in caught.value.violations] == [path]
    with pytest.raises(Violations) as caught:
        CONTRACTS["MediaUploadQuery"].decode_query([])
    assert caught.value.violations[0].path == "/file_name"


def test_a_carriage_return_leaves_as_a_reference() -> None:
    for message, document, path in (
        ("OrganizationUpdate", {"name": "a\r\nb"}, "/name"),
        ("AuditEventRequest", {"actor": "a", "action": "b", "service": "c", "payload": {"\r": 1}}, "/payload/\ufffd"),
    ):
        body = CONTRACTS[message].encode(document, "application/xml")
        assert b"&#13;" in body  # as it is, a parser would take it for a line feed
        assert pointers(message, body, "application/xml") == [path]


def test_an_answer_is_checked_without_being_encoded() -> None:
    CONTRACTS["Health"].check({"status": "ok", "service": "auth"})
    with pytest.raises(Violations) as caught:
        CONTRACTS["Health"].check({"status": "ok"})
    assert caught.value.violations[0].path == "/service"
    with pytest.raises(ValueError, match="member"):
        CONTRACTS["Health"].encode({"status": "ok", "extra": "x"}, "application/xml")


def test_an_unknown_message_or_media_type_is_an_internal_error() -> None:
    with pytest.raises(KeyError):
        CONTRACTS["NoSuchMessage"]
    with pytest.raises(ValueError, match="codec"):
        LOGIN.decode(b"", "text/csv")
    with pytest.raises(ValueError, match="codec"):
        LOGIN.encode({}, "text/csv")


def test_a_pointer_is_bounded_and_printable() -> None:
    key = "k" * 100_000
    (violation,) = violations("LogoutRequest", f'{{"{key}":1}}'.encode())
    assert len(violation.path) <= 1024
    (violation,) = violations("LogoutRequest", b'{"a\\u0000\\u009fb":1}')
    assert violation.path == "/a\ufffd\ufffdb"
