"""`traceparent` as defined by W3C Trace Context (Recommendation of 23 November 2021)."""

import re

import pytest

from heartguard_common.core.trace import accept_request_id, continued

TRACE, PARENT = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"


@pytest.mark.parametrize(
    ("inbound", "flags"),
    [
        (f"00-{TRACE}-{PARENT}-01", "01"),
        (f"00-{TRACE}-{PARENT}-00", "00"),
        # unknown flags are not passed on (3.2.2.5.2), a later version is read as this one (3.2.4)
        (f"00-{TRACE}-{PARENT}-ff", "01"),
        (f"01-{TRACE}-{PARENT}-01", "01"),
        (f"cc-{TRACE}-{PARENT}-01-what-the-future-will-be-like", "01"),
    ],
)
def test_a_trace_continues_under_a_new_span(inbound: str, flags: str) -> None:
    first, second = str(continued(inbound)), str(continued(inbound))
    assert re.fullmatch(f"00-{TRACE}-[0-9a-f]{{16}}-{flags}", first)
    assert len({PARENT, first.split("-")[2], second.split("-")[2]}) == 3


NO_TRACES = [
    None,
    "",
    f"ff-{TRACE}-{PARENT}-01",
    f"00-{'0' * 32}-{PARENT}-01",
    f"00-{TRACE}-{'0' * 16}-01",
    f"00-{TRACE.upper()}-{PARENT}-01",
    f"00-{TRACE}-{PARENT}-01-more",
    f"00-{TRACE}-{PARENT}",
    f"00-{TRACE}-{PARENT}-1",
    f"01-{TRACE}-{PARENT}-01more",
    f"00-{TRACE[:-1]}-{PARENT}-01",
    f"00-{TRACE}-{PARENT}-01\n",
    f" 00-{TRACE}-{PARENT}-01",
]


def test_an_invalid_trace_is_ignored(subtests: pytest.Subtests) -> None:
    for inbound in NO_TRACES:
        with subtests.test(str(inbound)):
            assert continued(inbound) is None


@pytest.mark.parametrize("inbound", ["a", "req-1.2_3", "x" * 128])
def test_a_valid_request_id_is_kept(inbound):
    assert accept_request_id(inbound) == inbound


OTHER_IDS = [None, "", "x" * 129, "ok\r\nX-Role: admin", "ok\n", "ok ok", "ok<b>", "ñ"]


def test_an_invalid_request_id_is_replaced(subtests):
    for inbound in OTHER_IDS:
        with subtests.test(str(inbound)):
            made = accept_request_id(inbound)
            assert re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", made)
