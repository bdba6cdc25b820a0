"""Documents nobody thought of: both formats, the XSD and two other libraries must say the same of them."""

import copy
import json

import dicttoxml
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from lxml import etree

from tests.contract.cases import (
    CONTRACTS,
    RESOURCE_OF,
    RESOURCES,
    oracle,
    plain_xml,
    pointers,
    same_tree,
    xsd_accepts,
)
from tests.contract.documents import changed, valid

CALM = settings(
    max_examples=20, deadline=None, database=None, derandomize=True, suppress_health_check=list(HealthCheck)
)
MESSAGES = pytest.mark.parametrize("message", CONTRACTS.names())


def documents(message: str) -> st.SearchStrategy:
    return valid(RESOURCES[RESOURCE_OF[message]]["$defs"][message], RESOURCE_OF[message])


@MESSAGES
def test_what_is_encoded_is_decoded(message: str) -> None:
    contract = CONTRACTS[message]

    @CALM
    @given(documents(message))
    def check(document) -> None:
        assert oracle(message).is_valid(document)
        for media_type in ("application/json", "application/xml"):
            body = contract.encode(copy.deepcopy(document), media_type)
            again = contract.decode(body, media_type)
            assert json.dumps(again, sort_keys=True) == json.dumps(document, sort_keys=True)

    check()


@MESSAGES
def test_the_xsd_accepts_each_encoding_and_a_plain_writer_agrees(message: str) -> None:
    contract = CONTRACTS[message]
    order = list(RESOURCES[RESOURCE_OF[message]]["$defs"][message]["properties"])

    @CALM
    @given(documents(message))
    def check(document) -> None:
        body = contract.encode(document, "application/xml")
        assert xsd_accepts(message, body)
        plain = plain_xml(message, document)
        assert json.dumps(contract.decode(plain, "text/xml"), sort_keys=True) == json.dumps(document, sort_keys=True)
        ours, theirs = etree.fromstring(body), etree.fromstring(plain)
        if message != "Error":
            assert [etree.QName(child).localname for child in ours] == [name for name in order if name in document]
        assert same_tree(_sorted(ours), _sorted(theirs))

    check()


@MESSAGES
def test_one_change_gets_one_verdict(message: str) -> None:
    contract = CONTRACTS[message]
    wrong = 0

    @CALM
    @given(changed(message, RESOURCE_OF[message]))
    def check(document) -> None:
        nonlocal wrong
        body = contract.encode(document, "application/json")
        found = pointers(message, body, "application/json")
        assert bool(found) is not oracle(message).is_valid(document)
        plain = plain_xml(message, document)
        assert pointers(message, plain, "application/xml") == found
        if not found:
            assert xsd_accepts(message, plain)
        wrong += bool(found)

    check()
    assert wrong > 2


@MESSAGES
def test_dicttoxml_names_the_same_elements_of_flat_documents(message: str) -> None:
    @CALM
    @given(documents(message))
    def check(document) -> None:
        flat = {key: value for key, value in document.items() if isinstance(value, str | int | float | bool)}
        root = "problem" if message == "Problem" else message
        theirs = etree.fromstring(dicttoxml.dicttoxml(flat, custom_root=root, attr_type=False))
        ours = etree.fromstring(CONTRACTS[message].encode(flat, "application/xml"))
        assert etree.QName(ours).localname == theirs.tag
        assert {etree.QName(child).localname for child in ours} == {child.tag for child in theirs} == set(flat)

    if message != "Error":
        check()


def _sorted(element: etree._Element) -> etree._Element:
    """The members of an object in the order of their names; items and entries stay as they are."""
    if len({child.tag for child in element}) == len(element):
        element[:] = sorted(element, key=lambda child: child.tag)
    for child in element:
        _sorted(child)
    return element
