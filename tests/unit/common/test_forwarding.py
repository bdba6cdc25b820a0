"""Only the gateway can say for whom it speaks."""

import hashlib
import hmac

import pytest

from heartguard_common.forwarding import client_of

KEY = hashlib.sha256(b"the gateway's secret").hexdigest()
CLIENT, PEER = "203.0.113.7", "127.0.0.1"
RIGHT = hmac.new(KEY.encode(), CLIENT.encode(), hashlib.sha256).hexdigest()


def test_a_signed_address_is_believed():
    assert client_of({"X-Forwarded-For": CLIENT, "X-Gateway-Signature": RIGHT}, PEER, KEY) == CLIENT


@pytest.mark.parametrize(
    ("headers", "key"),
    [
        ({}, KEY),
        ({"X-Forwarded-For": CLIENT}, KEY),
        ({"X-Forwarded-For": CLIENT, "X-Gateway-Signature": ""}, KEY),
        ({"X-Forwarded-For": CLIENT, "X-Gateway-Signature": RIGHT[:-1]}, KEY),
        ({"X-Forwarded-For": CLIENT, "X-Gateway-Signature": "\xe4" * 64}, KEY),
        ({"X-Forwarded-For": "203.0.113.8", "X-Gateway-Signature": RIGHT}, KEY),
        ({"X-Forwarded-For": CLIENT, "X-Gateway-Signature": RIGHT}, "another key"),
        ({"X-Forwarded-For": CLIENT, "X-Gateway-Signature": hmac.new(b"", CLIENT.encode(), "sha256").hexdigest()}, ""),
    ],
)
def test_anything_else_is_the_peer(headers, key):
    assert client_of(headers, PEER, key) == PEER
