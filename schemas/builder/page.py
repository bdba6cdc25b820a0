"""The pages that are generated with the contract, without scripts: the error codes, and the index of the schemas."""

import base64
import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping
from html import escape
from pathlib import Path
from typing import Any

Node = Mapping[str, Any]

_STYLE = (Path(__file__).resolve().parent / "page.css").read_text(encoding="utf-8")
_NAV = """<nav aria-label="Pages"><a href="/">HeartGuard</a><a href="/docs">API</a>
<a href="/docs/errors">Error codes</a><a href="/schemas">Schemas</a></nav>
"""


def errors_page(document: Node) -> str:
    """The page at `/docs/errors`, to which a problem's `type` links: the meaning of each code, and what to do."""
    return _frame(f"{document['info']['title']} error codes", ("<main>\n", *_advice(document), "</main>\n"))


def schemas_page(resources: Mapping[str, Node]) -> str:
    """The page at `/schemas`: each JSON Schema and each XSD, with the messages in it."""
    return _frame("HeartGuard schemas", ("<main>\n", *_index(resources), "</main>\n"))


def _index(resources: Mapping[str, Node]) -> Iterator[str]:
    yield '<h1>Schemas</h1>\n<p>The same as one document: <a href="/openapi.json">OpenAPI</a>.</p>\n'
    yield "<p>Every message is checked against both. The XSDs include each other by relative names.</p>\n"
    yield "<table>\n<thead>\n<tr><th>Resource</th><th>Files</th><th>Messages</th></tr>\n</thead>\n<tbody>\n"
    for name, schema in resources.items():
        files = f'<a href="/schemas/{name}.schema.json">JSON Schema</a> <a href="/schemas/{name}.xsd">XSD</a>'
        messages = ", ".join(f"<code>{escape(key)}</code>" for key in schema["$defs"] if key[0].isupper())
        yield f"<tr><td>{escape(name)}</td><td>{files}</td><td>{messages}</td></tr>\n"
    yield "</tbody>\n</table>\n"


def _advice(document: Node) -> Iterator[str]:
    yield '<h1 id="errors">Error codes</h1>\n<table>\n<thead>\n<tr>'
    yield from (f"<th>{name}</th>" for name in ("Code", "Status", "From", "Meaning", "What to do"))
    yield "</tr>\n</thead>\n<tbody>\n"
    for row in document["x-error-codes"]:
        cells = (f"<code>{row['code']}</code>", str(row["status"]), row["service"], escape(row["message"]))
        yield f'<tr id="{row["code"]}">'
        yield from (f"<td>{cell}</td>" for cell in (*cells, _inline(row["advice"])))
        yield "</tr>\n"
    yield "</tbody>\n</table>\n"


def _frame(title: str, inner: Iterable[str]) -> str:
    """An HTML page with this body, without scripts; its Content-Security-Policy permits the style by its hash."""
    digest = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
    policy = f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    return "".join(
        (
            '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n',
            f'<meta http-equiv="Content-Security-Policy" content="{escape(policy)}">\n',
            '<meta name="viewport" content="width=device-width, initial-scale=1">\n',
            f"<title>{escape(title)}</title>\n<style>{_STYLE}</style>\n</head>\n<body>\n",
            _NAV,
            *inner,
            "</body>\n</html>\n",
        )
    )


def _inline(text: str) -> str:
    """Escaped text, in which `code` and **strong** become HTML elements."""
    marked = re.sub(r"`([^`]+)`", r"<code>\1</code>", escape(text))
    return re.sub(r"\*\*([^*]+)\*\*", r"<strong>\1</strong>", marked)
