"""XML documents (XML 1.0), parsed without document types, entities or network access."""

import re

from lxml import etree

from heartguard_common.contract.json_documents import MAX_DEPTH, TOO_DEEP, Malformed

_NOT_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
_DECLARED_ENCODING = re.compile(rb"<\?xml[^>]*?encoding\s*=\s*[\"']([A-Za-z0-9._-]+)[\"']")
_TOO_DEEP_XML = etree.XPath("boolean(" + "/*" * (MAX_DEPTH + 1) + ")")


def parse_xml(body: bytes) -> "etree._Element":
    """The root element of `body`, without comments and processing instructions.

    Raises Malformed for anything but well-formed XML in UTF-8, for a document type declaration (so the only entities
    are the five predefined ones), and for more than 64 levels.
    """
    declared = _DECLARED_ENCODING.match(body.removeprefix(b"\xef\xbb\xbf"))
    if declared and declared[1].lower() not in (b"utf-8", b"utf8", b"us-ascii"):
        raise Malformed("XML must be encoded in UTF-8")
    if declared and declared[1].lower() == b"us-ascii" and not body.isascii():
        raise Malformed("The body is not in the encoding that it declares")
    if b"<!DOCTYPE" in body and _has_doctype(body):
        raise Malformed("A document type declaration is not accepted")
    # One parser for each call: a parser of lxml keeps the error log of its last document, and is locked while in use.
    parser = etree.XMLParser(
        encoding="utf-8", resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False,
        remove_comments=True, remove_pis=True, strip_cdata=True,
    )  # fmt: skip
    try:
        root = etree.fromstring(body, parser)
    except etree.XMLSyntaxError as error:
        line, column = error.position
        raise Malformed(f"The body is not well-formed XML: line {line}, column {column}") from error
    if _TOO_DEEP_XML(root):
        raise Malformed(TOO_DEEP)
    return root


def xml_safe(text: str) -> str:
    """`text` with U+FFFD for each character that XML can't represent (XML 1.0 section 2.2)."""
    return _NOT_XML.sub("\ufffd", text)


def _has_doctype(body: bytes) -> bool:
    """Whether the prolog has the declaration: the same text in a comment or a CDATA section is harmless."""
    position = 3 if body.startswith(b"\xef\xbb\xbf") else 0
    while True:
        while body[position : position + 1] in (b" ", b"\t", b"\r", b"\n"):
            position += 1
        if body.startswith(b"<!DOCTYPE", position):
            return True
        closing = b"-->" if body.startswith(b"<!--", position) else b"?>"
        if closing == b"?>" and not body.startswith(b"<?", position):
            return False
        end = body.find(closing, position + 2)
        if end < 0:
            return False
        position = end + len(closing)
