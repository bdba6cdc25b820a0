"""Documents nobody thought of: both formats, the XSD and two other libraries must say the same of them."""

import copy
import json

import dicttoxml
import pytest
from hypothesis import HealthCheck, given, settings
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
from tests.contract.documents import changed, documents

CALM = settings(
    max_examples=20, deadline=None, database=None, derandomize=True, suppress_health_check=list(HealthCheck)
)


def test_documents_in_both_formats(subtests: pytest.Subtests) -> None:
    """What is encoded is decoded, the XSD accepts it, and a plain writer and dicttoxml name the same elements."""
    for message in CONTRACTS.names():
        with subtests.test(message):
            _documents(message)


def _documents(message: str) -> None:
    @CALM
    @given(documents(message))
    def check(document) -> None:
        assert oracle(message).is_valid(document)
        _comes_back(message, document)
        _is_written_as_a_plain_writer_does(message, document)
        if message != "Error":
            _is_named_as_dicttoxml_does(message, document)

    check()


def _comes_back(message: str, document) -> None:
    for media_type in ("application/json", "application/xml"):
        body = CONTRACTS[message].encode(copy.deepcopy(document), media_type)
        again = CONTRACTS[message].decode(body, media_type)
        assert json.dumps(again, sort_keys=True) == json.dumps(document, sort_keys=True)


def _is_written_as_a_plain_writer_does(message: str, document) -> None:
    contract = CONTRACTS[message]
    body = contract.encode(copy.deepcopy(document), "application/xml")
    assert xsd_accepts(message, body)
    plain = plain_xml(message, document)
    assert json.dumps(contract.decode(plain, "text/xml"), sort_keys=True) == json.dumps(document, sort_keys=True)
    ours, theirs = etree.fromstring(body), etree.fromstring(plain)
    if message != "Error":
        order = RESOURCES[RESOURCE_OF[message]]["$defs"][message]["properties"]
        assert [etree.QName(child).localname for child in ours] == [name for name in order if name in document]
    assert same_tree(_sorted(ours), _sorted(theirs))


def _is_named_as_dicttoxml_does(message: str, document) -> None:
    flat = {key: value for key, value in document.items() if isinstance(value, str | int | float | bool)}
    root = "problem" if message == "Problem" else message
    theirs = etree.fromstring(dicttoxml.dicttoxml(flat, custom_root=root, attr_type=False))
    ours = etree.fromstring(CONTRACTS[message].encode(flat, "application/xml"))
    assert etree.QName(ours).localname == theirs.tag
    assert {etree.QName(child).localname for child in ours} == {child.tag for child in theirs} == set(flat)


def test_one_change_gets_one_verdict(subtests: pytest.Subtests) -> None:
    for message in CONTRACTS.names():
        with subtests.test(message):
            assert _wrong(message) > 2


def _wrong(message: str) -> int:
    """How many changed documents are refused, each in both formats and by the oracle."""
    contract = CONTRACTS[message]
    wrong = 0

    @CALM
    @given(changed(message))
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
    return wrong


def _sorted(element: etree._Element) -> etree._Element:
    """The members of an object in the order of their names; items and entries stay as they are."""
    if len({child.tag for child in element}) == len(element):
        element[:] = sorted(element, key=lambda child: child.tag)
    for child in element:
        _sorted(child)
    return element
