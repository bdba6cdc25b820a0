"""Only the gateway can forward a client's address."""

import hashlib
import hmac

from heartguard_common.http.forwarding import forwarded

KEY = hashlib.sha256(b"the gateway's secret").hexdigest()
CLIENT = "203.0.113.7"
RIGHT = hmac.new(KEY.encode(), CLIENT.encode(), hashlib.sha256).hexdigest()


def test_a_signed_address_is_believed():
    assert forwarded({"X-Forwarded-For": CLIENT, "X-Gateway-Signature": RIGHT}, KEY) == CLIENT


NOBODYS = [
    ({}, KEY),
    ({"X-Forwarded-For": CLIENT}, KEY),
    ({"X-Forwarded-For": CLIENT, "X-Gateway-Signature": ""}, KEY),
    ({"X-Forwarded-For": CLIENT, "X-Gateway-Signature": RIGHT[:-1]}, KEY),
    ({"X-Forwarded-For": CLIENT, "X-Gateway-Signature": "\xe4" * 64}, KEY),
    ({"X-Forwarded-For": "203.0.113.8", "X-Gateway-Signature": RIGHT}, KEY),
    ({"X-Forwarded-For": CLIENT, "X-Gateway-Signature": RIGHT}, "another key"),
    ({"X-Forwarded-For": CLIENT, "X-Gateway-Signature": hmac.new(b"", CLIENT.encode(), "sha256").hexdigest()}, ""),
]


def test_anything_else_is_nobodys_word(subtests):
    for headers, key in NOBODYS:
        with subtests.test(str(headers)):
            assert forwarded(headers, key) is None
