# ruff: noqa: INP001  a program of its own, which runs where heartguard_cli is not installed
"""Check one answer for validate_endpoints.sh: print what is wrong with it, and the values that later rows need.

Arguments: format, expected root, body file, header file, request id, checks..., `--`, paths to keep...
The first line of the output is the problem, empty if there is none; then comes one line for each path to keep.

A check is `path`, `path=value` or `path:type`, or `header:Name` with or without `=part`. A path goes down by member or
element names; `a/b[]/c` means c of every item of the list b, of which there must be some, in `a/b[]?/c` there may be
none. A type is one of int, number, bool, text, string (a text that may be empty), uuid, time, url, list and map; with a
question mark it may be null. The root is the name of the message; a root with a slash is the media type of an answer
that is no document; `-` means no body at all.

The standard library only, and Python 3.9: it runs where nothing of HeartGuard is installed.
"""

import json
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

UUID = r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
TYPES = {
    "int": r"-?[0-9]+",
    "number": r"-?[0-9.]+([eE][-+]?[0-9]+)?",
    "bool": "true|false",
    "text": r"(?s).+",
    "uuid": UUID,
    "time": r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.]+(Z|[-+][0-9:]+)",
    "url": r"https?://\S+",
}
JSON_TYPES = {"int": int, "number": (int, float), "bool": bool, "list": list, "map": dict}
NIL = "{http://www.w3.org/2001/XMLSchema-instance}nil"
MEDIA_TYPES = {"json": "application/json", "xml": "application/xml"}


PROBLEM = "Problem"
PROBLEM_ROOT = "{urn:ietf:rfc:7807}problem"  # RFC 9457 appendix B


class Wrong(Exception):  # noqa: N818  reads as what it says
    """What is wrong with the answer."""


class Answer:
    """Body and header fields of one answer, as curl has written them."""

    def __init__(self, form: str, root: str, body_file: str, head_file: str) -> None:
        self.form = form
        self.root = root
        self.body = Path(body_file).read_bytes()
        blocks = Path(head_file).read_text(encoding="latin-1").replace("\r", "").strip().split("\n\n")
        fields = [line.partition(":") for line in blocks[-1].split("\n")[1:]]
        self.headers = {name.lower(): value.strip() for name, _, value in fields}
        self.media_type = self.headers.get("content-type", "").split(";")[0].strip()

    def check(self, request_id: str, checks: Sequence[str]) -> None:
        """Raise `Wrong` for the first thing that is not as it should be."""
        self._check_headers(request_id, [check[7:] for check in checks if check.startswith("header:")])
        wanted = [check for check in checks if not check.startswith("header:")]
        if self.root == "-":
            if self.body or self.media_type:
                raise Wrong("there should be no body")
        elif "/" in self.root:
            self._check_type(self.root)
            lacking = [part for part in wanted if part.encode() not in self.body]
            if lacking:
                raise Wrong("the body lacks " + lacking[0])
        else:
            self._check_type("application/problem+" + self.form if self.root == PROBLEM else MEDIA_TYPES[self.form])
            document = self._document()
            for check in wanted:
                check_one(document, check)

    def keep(self, path: str) -> str:
        """The value at a path whatever the answer claims to be: its problems must not make later rows fail."""
        if path.startswith("header:"):
            return self.headers.get(path[7:].lower(), "")
        for load in (json.loads, ET.fromstring):
            try:
                return text(reach(load(self.body), path)[0])
            except (ValueError, ET.ParseError, Wrong):
                continue
        return ""

    def _check_headers(self, request_id: str, checks: Sequence[str]) -> None:
        if self.headers.get("x-request-id") != request_id:
            raise Wrong("X-Request-ID is not the one that was sent")
        if not re.fullmatch(UUID, self.headers.get("x-gateway-request-id", "")):
            raise Wrong("X-Gateway-Request-ID is no UUID")
        if "accept" not in self.headers.get("vary", "").lower():
            raise Wrong("Vary does not name Accept")
        for check in checks:
            name, _, part = check.partition("=")
            if name.lower() not in self.headers:
                raise Wrong("the header " + name + " is missing")
            if part not in self.headers[name.lower()]:
                raise Wrong("the header " + name + " lacks " + part)

    def _check_type(self, media_type: str) -> None:
        if self.media_type != media_type:
            raise Wrong("Content-Type is " + (self.media_type or "missing"))

    def _document(self) -> Any:
        try:
            document = json.loads(self.body) if self.form == "json" else ET.fromstring(self.body)  # noqa: S314
        except (ValueError, ET.ParseError):
            raise Wrong("the body is not " + self.form.upper()) from None
        if self.form == "xml":
            if document.tag != (PROBLEM_ROOT if self.root == PROBLEM else self.root):
                raise Wrong("the root element is " + document.tag)
            if self.root == PROBLEM:
                for element in document.iter():
                    element.tag = element.tag.rpartition("}")[2]
            return document
        if not isinstance(document, dict):
            raise Wrong("the body is no JSON object")
        return document if self.root != "Error" else reach(document, "error")[0]


def check_one(document: Any, check: str) -> None:
    """Hold one check against a document."""
    path, wanted, kind = re.fullmatch(r"([^=:]+)(?:=(.*)|:([a-z]+\??))?", check, re.DOTALL).groups()
    for node in reach(document, path):
        if wanted is not None and not same(text(node), wanted):
            raise Wrong(path + " is not " + wanted)
        if kind is not None and not is_a(kind, node):
            raise Wrong(path + " is no " + kind)


def reach(node: Any, path: str) -> "list[Any]":
    """All nodes at a path. Raises `Wrong` where there is none."""
    nodes = [node]
    for step in path.split("/"):
        name = re.sub(r"\[\]\??$", "", step)
        nodes = [child(each, name) for each in nodes]
        if any(each is None for each in nodes):
            raise Wrong(path + " is missing")
        if name != step:
            if not all(isinstance(each, (list, ET.Element)) for each in nodes):
                raise Wrong(step + " is no list")
            nodes = [item for each in nodes for item in each]
            if not nodes and step.endswith("]"):
                raise Wrong(step + " has no items")
    return nodes


NULL = object()  # a JSON null is there, unlike a member that is missing


def child(node: Any, name: str) -> Any:
    """A member, an element, or the entry of a map in XML; None where there is none."""
    if isinstance(node, dict):
        return NULL if name in node and node[name] is None else node.get(name)
    if isinstance(node, ET.Element):
        found = node.find(name)
        return found if found is not None else node.find('entry[@key="' + name + '"]')
    return None


def text(node: Any) -> str:
    """A value as text, the same for both formats."""
    if isinstance(node, ET.Element):
        return node.text or ""
    return node if isinstance(node, str) else "" if node is NULL else json.dumps(node)


def same(found: str, wanted: str) -> bool:
    """Whether two texts are equal, as numbers if they are numbers."""
    try:
        return float(found) == float(wanted)
    except ValueError:
        return found == wanted


def is_a(kind: str, node: Any) -> bool:
    """Whether a node is of a kind: in JSON by its type too."""
    if kind.endswith("?"):
        return is_null(node) or is_a(kind[:-1], node)
    if isinstance(node, bool) and kind != "bool":
        return False
    if not isinstance(node, (ET.Element, JSON_TYPES.get(kind, str))):
        return False
    return kind not in TYPES or re.fullmatch(TYPES[kind], text(node)) is not None


def is_null(node: Any) -> bool:
    """Whether a node is null, as each format says it."""
    return node is NULL or (isinstance(node, ET.Element) and node.get(NIL) == "true")


def main(form: str, root: str, body_file: str, head_file: str, request_id: str, *rest: str) -> None:
    """Print the verdict and the values to keep."""
    border = rest.index("--")
    answer = Answer(form, root, body_file, head_file)
    try:
        answer.check(request_id, rest[:border])
        print()
    except Wrong as wrong:
        print(str(wrong).replace("\n", " ")[:200])
    for path in rest[border + 1 :]:
        print(answer.keep(path).replace("\n", " "))


main(*sys.argv[1:])
