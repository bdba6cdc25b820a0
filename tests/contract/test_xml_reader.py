"""The reader of trees that the XSD accepts reads what the checking decoder reads, or leaves the tree to it."""

import pytest
from hypothesis import HealthCheck, given, settings

from heartguard_common.contract import shapes
from heartguard_common.contract.xml_codec import Decoder, leave_namespace
from heartguard_common.contract.xml_documents import parse_xml
from heartguard_common.contract.xml_reader import Doubtful, reader
from heartguard_common.core.paths import SCHEMAS_DIR
from tests.contract.cases import CONTRACTS, XSI, vectors, xsd_accepts
from tests.contract.test_mutated_xml import damaged

BUNDLE = shapes.load(SCHEMAS_DIR)
READERS = {name: reader(BUNDLE.message(name)) for name in CONTRACTS.names()}


def tree(message: str, body: bytes):
    root = parse_xml(body)
    if namespace := BUNDLE.message(message).namespace:
        leave_namespace(root, namespace)
    return root


def decoded(message: str, body: bytes) -> tuple[object, list[object]]:
    decoder = Decoder()
    return decoder.message(tree(message, body), BUNDLE.message(message)), list(decoder.violations)


def test_valid_vectors_are_read_as_the_decoder_reads_them(subtests: pytest.Subtests) -> None:
    for vector in vectors(".xml"):
        body = vector.path.read_bytes()
        if vector.passes and XSI.encode() not in body:
            with subtests.test(str(vector)):
                assert (READERS[vector.message](tree(vector.message, body)), []) == decoded(vector.message, body)


def test_damaged_documents_that_the_xsd_accepts_are_read_alike_or_left(subtests: pytest.Subtests) -> None:
    for message in CONTRACTS.names():
        with subtests.test(message):
            _compare(message)


def _compare(message: str) -> None:
    @settings(max_examples=12, deadline=None, database=None, derandomize=True, suppress_health_check=list(HealthCheck))
    @given(damaged(message))
    def check(body: bytes) -> None:
        if not xsd_accepts(message, body):
            return
        try:
            document = READERS[message](tree(message, body))
        except Doubtful:
            return
        assert (repr(document), []) == (repr(decoded(message, body)[0]), decoded(message, body)[1]), body

    check()


@pytest.mark.parametrize(
    "entries",
    [
        '<entry key="bpm" type="number">60</entry><entry key="bpm" type="number">61</entry>',
        '<entry key="bpm" type="number">+60</entry>',
        '<entry key="bpm" type="number">1e400</entry>',
        '<entry key="bpm" type="boolean">yes</entry>',
        f'<entry key="bpm" xmlns:x="{XSI}" x:nil="true"/>',
    ],
)
def test_what_the_xsd_can_not_tell_is_left_to_the_decoder(entries: str) -> None:
    body = (
        "<WriteRequest><bucket>org_1</bucket><points><point><measurement>heart_rate</measurement>"
        f"<fields>{entries}</fields></point></points></WriteRequest>"
    )
    with pytest.raises(Doubtful):
        READERS["WriteRequest"](tree("WriteRequest", body.encode()))
