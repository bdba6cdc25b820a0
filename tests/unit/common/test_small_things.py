"""Pages, tags, ids, networks: small rules that every service uses."""

import base64
import hashlib
import json
import subprocess
import sys
import uuid
from uuid import UUID

import pytest

from heartguard_common.core import ids, network
from heartguard_common.core.errors import ServiceError
from heartguard_common.core.registry import python_path
from heartguard_common.http import etag, paging
from tests.clocks import MovableClock


def cursor_of(text: bytes) -> str:
    return base64.urlsafe_b64encode(text).decode().rstrip("=")


@pytest.mark.parametrize("position", [[1], ["a~\u00e9\U0001f600", 7], [-(2**62)]])
def test_a_cursor_is_decoded_as_it_was_encoded(position: list[object]) -> None:
    cursor = paging.encode_cursor(position)
    assert cursor.isascii()
    assert not set(cursor) & set("+/=&?#% ")
    assert paging.decode_cursor(cursor, *(type(part) for part in position)) == position


def test_an_absent_cursor_is_the_beginning() -> None:
    assert paging.decode_cursor(None, int) is None


NO_CURSORS = [
    *(
        "",
        "!",
        "a",
        "\u00e9",
        "W10",
        cursor_of(b"[1"),
        cursor_of(b'["1"]'),
        cursor_of(b"[true]"),
        cursor_of(b"[1,2]"),
    ),
    *(cursor_of(b"[1.0]"), cursor_of(b'{"a":1}'), cursor_of(b"\xff"), cursor_of(b"[" * 100_000), cursor_of(b"1")),
    *(cursor_of(b"[9223372036854775808]"), cursor_of(b"[-9223372036854775809]"), cursor_of(b"[%b]" % (b"9" * 40))),
    *(cursor_of(b"[NaN]"), cursor_of(b"[null]"), paging.encode_cursor([1]) + "!", " " + paging.encode_cursor([1])),
]


def test_an_invalid_cursor_is_422(subtests: pytest.Subtests) -> None:
    for cursor in NO_CURSORS:
        with subtests.test(cursor):
            with pytest.raises(ServiceError) as caught:
                paging.decode_cursor(cursor, int)
            assert (caught.value.error_code.status, caught.value.details[0].path) == (422, "/cursor")


@pytest.mark.parametrize("part", ["a\\u0000", "\\ud800", "a\\nb"])
def test_a_cursor_with_a_text_that_stores_refuse_is_refused(part: str) -> None:
    with pytest.raises(ServiceError):
        paging.decode_cursor(cursor_of(f'["{part}"]'.encode()), str)
    with pytest.raises(ServiceError):
        paging.decode_cursor(cursor_of(b'["org_1"]'), UUID)
    known = "01890a5d-ac96-774b-bcce-b302099a8057"
    assert paging.decode_cursor(paging.encode_cursor([known]), UUID) == [known]


@pytest.mark.parametrize(("rows", "more"), [([], False), ([1, 2], False), ([1, 2, 3], True)])
def test_a_page_knows_whether_another_follows(rows: list[int], more: bool) -> None:
    page = paging.page(rows, 2, lambda row: {"id": row}, lambda row: [row])
    assert page.items == [{"id": row} for row in rows[:2]]
    assert (page.next_cursor is not None) is more
    if more:
        assert paging.decode_cursor(page.next_cursor, int) == [2]


def test_an_etag_is_that_of_the_document_in_any_spelling() -> None:
    tag = etag.entity_tag({"a": 1, "b": "\u00e9"})
    assert tag == etag.entity_tag({"b": "\u00e9", "a": 1})
    assert (
        len({tag, *(etag.entity_tag(other) for other in ({"a": 1}, {"a": True, "b": "\u00e9"}, {"a": 1.0}, []))}) == 5
    )
    assert tag.startswith('W/"')
    assert tag.endswith('"')


def test_conditions_compare_etags_weakly() -> None:
    assert all(etag.matches(text, 'W/"a"') for text in ("*", " * ", 'W/"a"', '"a"', '"b", W/"a"', '"b","a"'))
    assert not any(etag.matches(text, 'W/"a"') for text in ("", "a", '"b"', 'W/"b"', '"A"', '"*"', '"a'))
    assert etag.matches('"x", "a,b"', '"a,b"')  # a comma is part of a tag (RFC 9110 section 8.8.3)


def test_without_a_condition_everything_matches() -> None:
    etag.require_match({}, {"a": 1})
    etag.require_match({"If-Match": "*"}, {"a": 1})
    etag.require_match({"If-Match": etag.entity_tag({"a": 1})}, {"a": 1})
    with pytest.raises(ServiceError) as caught:
        etag.require_match({"If-Match": etag.entity_tag({"a": 2})}, {"a": 1})
    assert caught.value.error_code.status == 412


def test_ids_are_uuids_of_version_7_with_the_time_in_front() -> None:
    # In a separate process, because ids increase in the whole process, and other tests have set their clocks.
    program = (
        "import time; from heartguard_common.core.ids import uuid7\n"
        "before = time.time_ns(); made = uuid7(); print(before // 10**6, made, time.time_ns() // 10**6)"
    )
    environ = {"PYTHONPATH": python_path()}
    finished = subprocess.run([sys.executable, "-c", program], env=environ, capture_output=True, text=True, check=True)
    before, text, after = finished.stdout.split()
    made = uuid.UUID(text)
    assert (made.version, made.variant) == (7, uuid.RFC_4122)
    assert int(before) <= made.int >> 80 <= int(after)


def test_ids_rise_even_while_the_clock_stands_or_goes_back() -> None:
    clock = MovableClock()
    made = [ids.uuid7(clock) for _ in range(5000)]
    clock.forward(-60)
    made += [ids.uuid7(clock) for _ in range(5000)]
    assert made == sorted(set(made))


@pytest.mark.parametrize(
    ("text", "verdict"),
    [
        ("0198c1d2-0000-7000-8000-000000000001", True),
        ("0198C1D2-0000-7000-8000-00000000000A", True),
        ("0198c1d2000070008000000000000001", False),
        ("{0198c1d2-0000-7000-8000-000000000001}", False),
        ("urn:uuid:0198c1d2-0000-7000-8000-000000000001", False),
        ("", False),
        ("x", False),
    ],
)
def test_valid_and_invalid_ids(text: str, verdict: bool) -> None:
    assert ids.is_uuid(text) is verdict


INNER = [
    *("127.0.0.1", "127.9.9.9", "10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.1.1", "169.254.1.1"),
    *("::1", "fd00::1", "fe80::1", "fe80::1%eth0", "::ffff:10.0.0.1"),
]


def test_inner_addresses_are_recognized(subtests: pytest.Subtests) -> None:
    for address in INNER:
        with subtests.test(address):
            assert network.is_inner(address)


OUTER = [
    *("8.8.8.8", "172.32.0.1", "172.15.0.1", "203.0.113.7", "192.0.2.1", "198.18.0.1", "100.64.0.1", "0.0.0.0"),
    *("2001:db8::1", "::", "::ffff:8.8.8.8", "2002:0a00:0001::", "64:ff9b::a00:1", "", "localhost", "10.0.0.1:80"),
]


def test_outer_addresses_are_recognized(subtests: pytest.Subtests) -> None:
    for address in OUTER:
        with subtests.test(address):
            assert not network.is_inner(address)


def test_etags_are_equal_in_all_processes() -> None:
    # SHA-256 of the canonical text: a restart must not change the tags of cached copies.
    expected = hashlib.sha256(json.dumps({"a": 1}, separators=(",", ":")).encode()).hexdigest()[:32]
    assert etag.entity_tag({"a": 1}) == f'W/"{expected}"'


@pytest.mark.parametrize(
    ("address", "bucket"),
    [
        ("1.2.3.4", "1.2.3.4"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::"),
        ("2001:db8:1:2::9", "2001:db8:1:2::"),
        ("fe80::1%eth0", "fe80::"),
        ("::ffff:1.2.3.4", "1.2.3.4"),
        ("somewhere", "somewhere"),
    ],
)
def test_an_ipv6_client_is_counted_by_its_network(address: str, bucket: str) -> None:
    assert network.bucket_address(address) == bucket
