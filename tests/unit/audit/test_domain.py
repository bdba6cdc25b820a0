import hashlib
import hmac
import json

import pytest

from heartguard_audit.domain.events import EARLIEST_NS, LATEST_NS, Mask, NotAnEventError, admitted, within_range
from heartguard_common.audit.events import AuditEvent, encode

EVENT = {
    "id": "01975c00-0000-7000-8000-000000000001",
    "time": "2026-11-23T10:00:00Z",
    "kind": "access",
    "request_id": "r-1",
    "org_id": 1,
    "actor": "user:12",
    "action": "media.read",
    "service": "gateway",
    "outcome": "success",
}
SECRET = "mask-secret-of-the-tests-0123456789"


def line(**changes):
    return json.dumps({**EVENT, **changes}).encode()


def test_a_line_encoded_by_common_is_accepted_unchanged():
    event = AuditEvent(**EVENT, resource="item:1", reason="GEN_404", payload={"status": 404, "method": "GET"})
    assert admitted(encode(event)) == event


NO_EVENTS = [
    {"id": "12"},
    {"id": None},
    {"time": "yesterday"},
    {"time": "2026-02-30T00:00:00Z"},
    {"time": "2500-01-01T00:00:00Z"},
    {"time": 5},
    {"kind": "gossip"},
    {"kind": []},
    {"outcome": "maybe"},
    {"org_id": 0},
    {"org_id": True},
    {"org_id": "1"},
    {"org_id": 2**31},
    {"actor": ""},
    {"action": None},
    {"service": 7},
    {"service": "user"},  # whose events are changes
    {"kind": "change"},  # and the gateway's are not
    {"resource": 7},
    {"payload": []},
    {"payload": None},
    {"payload": {"deep": {"er": 1}}},
    {"payload": {"n": float("nan")}},
    {"payload": {"n": 10**400}},
    {"payload": {str(key): 1 for key in range(65)}},
    {"colour": "red"},
]


def test_an_invalid_event_is_refused_without_quoting_it(subtests):
    for changes in NO_EVENTS:
        with subtests.test(str(changes)):
            with pytest.raises(NotAnEventError) as caught:
                admitted(line(**changes))
            assert "gossip" not in str(caught.value)


@pytest.mark.parametrize("text", [b"", b"\xff", b"null", b"[]", b"{}", b"{", b"[" * 100_000], ids=range(7))
def test_invalid_json_of_an_event_is_refused(text):
    with pytest.raises(NotAnEventError):
        admitted(text)


def test_texts_from_callers_are_repaired_and_never_refused():
    event = admitted(line(resource="file:\x00\x7f\x85\ufffe\ud800", actor="x" * 400, request_id="<script>", reason=""))
    assert event.resource == "file:" + "\ufffd" * 5
    assert event.actor == "x" * 320
    assert event.request_id == ""
    assert event.reason is None


def test_tab_and_newline_are_kept():
    assert admitted(line(resource="a\tb\nc")).resource == "a\tb\nc"


MASKED = [
    ("user@hg.io", "u***@hg.io"),
    ("a@hg.io", "a***@hg.io"),
    ("user:user@hg.io", "user:u***@hg.io"),
    ("<o'neil+tag@hg.io>, b.c@x.example", "<o'n***@hg.io>, b***@x.example"),
    ("user:12", "user:12"),
    ("@handle", "@handle"),
    ("203.0.113.77", "203.0.113.0/24"),
    ("2001:db8:1:2::3", "2001:db8:1::/48"),
    ("fe80::1%eth0", "fe80::/48"),
    ("1.2", "1.2"),
]


def test_addresses_are_masked_wherever_they_occur(subtests):
    for given, masked in MASKED:
        with subtests.test(given):
            assert Mask(SECRET).text(given) == masked


def test_a_long_text_without_an_address_takes_linear_time():
    text = "@" + "a" * 2_000_000
    assert Mask(SECRET).text(text, len(text)) == text
    assert Mask(SECRET).hash(text) is None


def test_a_masked_text_is_cut_at_its_limit():
    assert len(Mask(SECRET).text("a@" + "h" * 318, 320)) == 320


def test_the_hash_is_hmac_sha256_of_the_address_in_lower_case():
    expected = hmac.new(SECRET.encode(), b"user@hg.io", hashlib.sha256).hexdigest()
    mask = Mask(SECRET)
    assert mask.hash("user@hg.io") == mask.hash("user:User@HG.io") == expected
    assert mask.hash("user:12") is None
    assert Mask(SECRET + "x").hash("user@hg.io") != expected


def test_times_outside_of_the_trail_become_its_ends():
    assert (within_range(10**30), within_range(-(10**30)), within_range(5)) == (LATEST_NS, EARLIEST_NS, 5)
