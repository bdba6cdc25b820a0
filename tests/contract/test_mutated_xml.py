"""XML that somebody has damaged: the XSD never knows more than the decoder and JSON Schema, who know where."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from lxml import etree

from heartguard_common.contract.contracts import Violations
from heartguard_common.contract.json_documents import Malformed
from tests.contract.cases import CONTRACTS, XSI, xsd_accepts
from tests.contract.documents import documents

TEXTS = [
    "", " ", "x", " 7", "7 ", "+7", "007", "7.0", "7e0", ".5", "INF", "NaN", "1e400", "-0", "true", "1",
    "TRUE", " true",
    "2024-06-01T10:00:00Z", " 2024-06-01T10:00:00Z ", "2024-06-01T10:00:00", "2024-06-01T24:00:00Z", "\r", "\u0085",
    "9" * 30,
    "2024-02-30T10:00:00Z", "admin", "Admin", "a@hg.io", "a" * 5000, "\t", "\n",
]  # fmt: skip
ATTRIBUTES = [
    ("type", "number"), ("type", "string"), ("type", "boolean"), ("type", "x"), ("key", "k"), ("lang", "es"),
    (f"{{{XSI}}}nil", "true"), (f"{{{XSI}}}nil", "false"), (f"{{{XSI}}}nil", " 1 "), (f"{{{XSI}}}nil", "no"),
    (f"{{{XSI}}}noNamespaceSchemaLocation", "x.xsd"), (f"{{{XSI}}}type", "x"),
]  # fmt: skip


@st.composite
def damaged(draw: st.DrawFn, message: str) -> bytes:
    document = draw(documents(message))
    root = etree.fromstring(CONTRACTS[message].encode(document, "application/xml"))
    for _ in range(draw(st.integers(1, 2))):
        element = draw(st.sampled_from(list(root.iter())))
        kind = draw(st.sampled_from(["text", "attribute", "tail", "remove", "repeat", "child", "rename", "empty"]))
        if kind == "text":
            element.text = draw(st.sampled_from(TEXTS))
        elif kind == "attribute":
            element.set(*draw(st.sampled_from(ATTRIBUTES)))
        elif kind == "child":
            etree.SubElement(element, draw(st.sampled_from(["entry", "item", "point", "a", "{urn:x}a"])))
        elif kind == "empty":
            element[:] = []
        elif kind == "rename":
            element.tag = draw(st.sampled_from(["entry", "item", "a", "{urn:x}item"]))
        elif element is not root:
            parent = element.getparent()
            if kind == "tail":
                element.tail = draw(st.sampled_from(["x", " ", "\n", "\u00a0"]))
            elif kind == "remove":
                parent.remove(element)
            else:
                parent.append(etree.fromstring(etree.tostring(element, with_tail=False)))
    return etree.tostring(root)


def test_a_document_that_the_xsd_refuses_is_refused_with_place_and_reason(subtests: pytest.Subtests) -> None:
    for message in CONTRACTS.names():
        with subtests.test(message):
            assert _refused(message) > 2


def _refused(message: str) -> int:
    """How many damaged documents of a message the XSD refuses; the decoder must refuse each of them too."""
    refused = 0

    @settings(max_examples=24, deadline=None, database=None, derandomize=True, suppress_health_check=list(HealthCheck))
    @given(damaged(message))
    def check(body: bytes) -> None:
        nonlocal refused
        accepted = xsd_accepts(message, body)
        refused += not accepted
        try:
            CONTRACTS[message].decode(body, "application/xml")
        except Malformed:
            return
        except Violations as error:
            reasons = {violation.message for violation in error.violations}
        else:
            reasons = set()
        assert accepted or reasons, body
        assert "does not satisfy its contract" not in reasons, body

    check()
    return refused
