"""The canonical form of an event, compared with an independent RFC 8785 and with PostgreSQL's numbers."""

import hashlib
import json

import pytest
import rfc8785
from hypothesis import given, settings
from hypothesis import strategies as st

from heartguard_common.audit.chain import GENESIS, canonical, event_hash

EVENT = {
    "event_id": "01975c00-0000-7000-8000-000000000001",
    "org_id": 1,
    "time_ns": 1_795_435_200_123_456_789,
    "kind": "change",
    "request_id": "request-1",
    "gateway_request_id": None,
    "actor": "user:12",
    "actor_hash": None,
    "action": "user.updated",
    "service": "user",
    "resource": "user:13",
    "outcome": "success",
    "reason": None,
    "payload": {"role": "admin", "active": True},
}
# Written by hand from the documentation of the form, not by the function.
TEXT = (
    '{"action":"user.updated","actor":"user:12","actor_hash":null,"event_id":"01975c00-0000-7000-8000-000000000001",'
    '"gateway_request_id":null,"kind":"change","org_id":1,"outcome":"success","payload":{"active":true,"role":"admin"},'
    '"previous_hash":"0000000000000000000000000000000000000000000000000000000000000000","reason":null,'
    '"recorded_us":1795435200500000,"request_id":"request-1","resource":"user:13","sequence":1,"service":"user",'
    '"time_ns":"1795435200123456789","version":1}'
)
texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=8)
exact = st.one_of(st.none(), st.booleans(), texts, st.integers(-(2**53) + 1, 2**53 - 1))


def form(payload):
    return canonical({**EVENT, "payload": payload}, 1, 0, GENESIS)


def test_the_canonical_form_is_the_documented_one():
    assert canonical(EVENT, 1, 1_795_435_200_500_000, GENESIS).decode() == TEXT
    assert event_hash(EVENT, 1, 1_795_435_200_500_000, GENESIS) == hashlib.sha256(TEXT.encode()).digest()


@given(st.dictionaries(texts, exact, max_size=5), texts)
@settings(max_examples=200, deadline=None)
def test_the_canonical_form_follows_rfc_8785(payload, actor):
    ours = canonical({**EVENT, "payload": payload, "actor": actor}, 1, 5, bytes(range(32)))
    assert ours == rfc8785.dumps(json.loads(ours))


NUMBERS = [
    (1.0, "1"),
    (-0.0, "0"),
    (71.5, '{"number":"71.5"}'),
    (1e-7, '{"number":"0.0000001"}'),
    (2**53 - 1, "9007199254740991"),
    (2**53, '{"number":"9007199254740992"}'),
    (2**60, '{"number":"1152921504606846976"}'),
    (1e22, '{"number":"10000000000000000000000"}'),
    ("71.5", '"71.5"'),
]


def test_numbers_are_canonical_and_exact(subtests):
    for number, said in NUMBERS:
        with subtests.test(said):
            assert form({"n": number}).decode().partition('"payload":{"n":')[2].startswith(said + "}")


@pytest.mark.parametrize("payload", [[], "text", None, {"n": []}, {"n": {"number": "1"}}])
def test_a_payload_that_is_no_map_of_scalars_is_refused(payload):
    with pytest.raises(TypeError):
        form(payload)
