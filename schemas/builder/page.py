"""Generates docs.html from openapi.json: one page without scripts and external resources."""

import base64
import hashlib
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from html import escape
from pathlib import Path
from typing import Any

Node = Mapping[str, Any]

_STYLE = (Path(__file__).resolve().parent / "page.css").read_text(encoding="utf-8")
_NAMES = {"influx": "time series", "user": "users"}
_KINDS = {"application/json": "JSON", "application/xml": "XML"}
_BOUNDS = ("format", "minLength", "maxLength", "minimum", "maximum", "minItems", "maxItems", "maxProperties", "pattern")


def page(document: Node) -> str:
    """The whole page of an OpenAPI document as `openapi.document` makes it."""
    inner = (*_contents(document), "<main>\n", *_beginning(document), *_operations(document))
    return _frame(f"{document['info']['title']} API", (*inner, *_messages(document), *_errors(document), "</main>\n"))


def errors_page(document: Node) -> str:
    """The page at `/docs/errors`, to which a problem's `type` links: the meaning of each code, and what to do."""
    return _frame(f"{document['info']['title']} error codes", ("<main>\n", *_advice(document), "</main>\n"))


def _advice(document: Node) -> Iterator[str]:
    yield '<h1 id="errors">Error codes</h1>\n<p><a href="/docs">API</a></p>\n<table>\n<thead>\n<tr>'
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
            *inner,
            "</body>\n</html>\n",
        )
    )


def _by_service(document: Node) -> Iterator[tuple[str, list[tuple[str, str, Node]]]]:
    for tag in document["tags"]:
        name = tag["name"]
        yield (
            name,
            [
                (path, method, operation)
                for path, methods in document["paths"].items()
                for method, operation in methods.items()
                if name in operation["tags"]
            ],
        )


def _method(method: str) -> str:
    return f'<span class="method {method}">{method.upper()}</span>'


def _contents(document: Node) -> Iterator[str]:
    yield '<nav aria-label="Contents">\n<strong>HeartGuard API</strong>\n<ul>'
    for place, text in (("about", "About"), ("messages", "Messages"), ("errors", "Error codes")):
        yield f'<li><a href="#{place}">{text}</a></li>'
    yield "</ul>\n"
    for name, operations in _by_service(document):
        yield f'<strong><a href="#{name}">{_NAMES.get(name, name).capitalize()}</a></strong>\n<ul>\n'
        for path, method, operation in operations:
            href = f"#{operation['operationId']}"
            yield f'<li><a href="{href}">{_method(method)}<span class="path">{escape(path)}</span></a></li>\n'
        yield "</ul>\n"
    yield "</nav>\n"


def _beginning(document: Node) -> Iterator[str]:
    info = document["info"]
    yield f'<h1 id="about">{escape(info["title"])} API <span class="dim">{escape(info["version"])}</span></h1>\n'
    for paragraph in info["description"].split("\n\n"):
        yield f"<p>{_inline(paragraph)}</p>\n"
    yield '<p>The same for programs: <a href="/openapi.json">/openapi.json</a>; JSON Schemas and XSDs: '
    names = ("auth_token", "organization", "user", "media_item", "timeseries", "audit_event", "problem", "common")
    for name in names:
        yield f'<a href="/schemas/{name}.schema.json">{name}</a> (<a href="/schemas/{name}.xsd">XSD</a>) '
    yield "</p>\n<h2>Credentials</h2>\n<table>\n<tbody>\n"
    for name, scheme in document["components"]["securitySchemes"].items():
        text = f"HTTP {scheme['scheme']}: {_inline(scheme['description'])}"
        yield f"<tr><td><code>{name}</code></td><td>{text}</td></tr>\n"
    yield "</tbody>\n</table>\n<h2>Rate classes</h2>\n<table>\n<tbody>\n"
    for name, factor in document["x-limits"]["rate_classes"].items():
        yield f"<tr><td><code>{name}</code></td><td>{factor:g} times <code>RATE_LIMIT</code></td></tr>\n"
    yield "</tbody>\n</table>\n<h2>Headers of answers</h2>\n<table>\n<tbody>\n"
    for name, header in document["components"]["headers"].items():
        if "." not in name:
            yield f"<tr><td><code>{name}</code></td><td>{_inline(header['description'])}</td></tr>\n"
    yield "</tbody>\n</table>\n"


def _operations(document: Node) -> Iterator[str]:
    for name, operations in _by_service(document):
        yield f'<h2 id="{name}">{_NAMES.get(name, name).capitalize()}</h2>\n'
        for path, method, operation in operations:
            yield f'<article id="{operation["operationId"]}">\n<h3>{_method(method)} '
            yield f'<span class="path">{escape(path)}</span></h3>\n'
            yield f"<p>{escape(operation['summary'])}</p>\n"
            yield f'<p class="dim">{_inline(operation["description"])} {_credentials(operation)}</p>\n'
            yield from _parameters(operation)
            yield from _request(document, operation)
            yield from _answers(document, operation)
            yield "</article>\n"


def _credentials(operation: Node) -> str:
    names = [next(iter(scheme), "none") for scheme in operation["security"]]
    return "Credentials: " + (", ".join(f"<code>{name}</code>" for name in names) if names else "none needed") + "."


def _parameters(operation: Node) -> Iterator[str]:
    yield "<h4>Parameters</h4>\n<table>\n<tbody>\n"
    for parameter in operation["parameters"]:
        needed = "required" if parameter.get("required") else "optional"
        yield f"<tr><td><code>{escape(parameter['name'])}</code></td><td>{parameter['in']}, {needed}: "
        yield f"{_type(parameter['schema'])}{_note(parameter)}</td></tr>\n"
    yield "</tbody>\n</table>\n"


def _request(document: Node, operation: Node) -> Iterator[str]:
    body = operation.get("requestBody")
    if body is not None:
        yield f"<h4>Request body ({'required' if body['required'] else 'optional'})</h4>\n"
        yield from _content(document, body["content"], "open")


def _answers(document: Node, operation: Node) -> Iterator[str]:
    yield "<h4>Answers</h4>\n"
    for status, answer in operation["responses"].items():
        if status < "300":
            yield f"<p><strong>{status}</strong> {escape(answer['description'])}</p>\n"
            yield from _content(document, answer.get("content", {}), "open")
            names = ", ".join(f"<code>{name}</code>" for name in answer["headers"])
            yield f'<p class="dim">Headers: {names}</p>\n'
    yield "<details>\n<summary>Refusals</summary>\n<table>\n<tbody>\n"
    for status, answer in operation["responses"].items():
        if status >= "300":
            yield f"<tr><td>{status}</td><td>{_codes(answer['description'])}</td></tr>\n"
    yield "</tbody>\n</table>\n</details>\n"


def _codes(text: str) -> str:
    linked = re.sub(r"\b([A-Z]+_[0-9]{3}(?:_[A-Z]+)?)\b", r'<a href="#\1">\1</a>', escape(text))
    return linked.replace("; ", "<br>")


def _content(document: Node, content: Node, state: str) -> Iterator[str]:
    plain = [f"<code>{escape(kind)}</code>" for kind in content]
    if plain:
        schemas = {_name(entry["schema"]["$ref"]) for entry in content.values() if "schema" in entry}
        links = ", ".join(f'<a href="#message-{name}">{name}</a>' for name in sorted(schemas))
        yield f"<p>{links}{' as ' if links else ''}{', '.join(plain)}</p>\n"
    shown = [kind for kind in _KINDS if content.get(kind, {}).get("examples")]
    if not shown:
        return
    names = list(dict.fromkeys(name for kind in shown for name in content[kind]["examples"]))
    for place, name in enumerate(names):
        yield f"<details{' ' + state if place == 0 else ''}>\n"
        yield f"<summary>Example: {escape(name.replace('_', ' '))}</summary>\n"
        yield '<div class="pair">\n'
        for kind in shown:
            reference = content[kind]["examples"].get(name)
            if reference is not None:
                value = document["components"]["examples"][_name(reference["$ref"])]["value"]
                text = value if isinstance(value, str) else json.dumps(value, indent=2, ensure_ascii=False)
                yield f'<div><span class="dim">{_KINDS[kind]}</span><pre>{escape(text)}</pre></div>\n'
        yield "</div>\n</details>\n"


def _messages(document: Node) -> Iterator[str]:
    yield '<h2 id="messages">Messages</h2>\n'
    for name, schema in document["components"]["schemas"].items():
        yield f'<article id="message-{escape(name)}">\n<h3><code>{escape(name)}</code></h3>\n'
        yield f"<p>{_inline(schema.get('description', ''))}</p>\n"
        if "properties" in schema:
            yield "<table>\n<tbody>\n"
            for member, inner in schema["properties"].items():
                needed = "required" if member in schema.get("required", ()) else "optional"
                text = f"{needed}: {_type(inner)}{_note(inner)}"
                yield f"<tr><td><code>{escape(member)}</code></td><td>{text}</td></tr>\n"
            yield "</tbody>\n</table>\n"
        else:
            yield f"<p>{_type(schema)}</p>\n"
        yield "</article>\n"


def _note(described: Node) -> str:
    return f"<br>{_inline(described['description'])}" if "description" in described else ""


def _type(schema: Node) -> str:
    if "$ref" in schema:
        name = _name(schema["$ref"])
        return f'<a href="#message-{escape(name)}">{escape(name)}</a>'
    kinds = schema.get("type", [])
    words = [" or ".join(kinds if isinstance(kinds, list) else [kinds])]
    if "items" in schema:
        words.append("of " + _type(schema["items"]))
    if isinstance(schema.get("additionalProperties"), Mapping):
        words.append("of " + _type(schema["additionalProperties"]) + " by name")
    if "enum" in schema:
        words.append("one of " + ", ".join(f"<code>{escape(json.dumps(value))}</code>" for value in schema["enum"]))
    if "properties" in schema:
        members = ", ".join(
            f"<code>{escape(member)}</code>: {_type(inner)}" for member, inner in schema["properties"].items()
        )
        words.append(f"with {members}")
    words += [f"{name} <code>{escape(str(schema[name]))}</code>" for name in _BOUNDS if name in schema]
    if "default" in schema:
        words.append(f"default <code>{escape(json.dumps(schema['default']))}</code>")
    return ", ".join(word for word in words if word)


def _errors(document: Node) -> Iterator[str]:
    yield '<h2 id="errors">Error codes</h2>\n<p><a href="/docs/errors">What to do about each</a></p>\n'
    yield "<table>\n<tbody>\n"
    for row in document["x-error-codes"]:
        code, text = row["code"], f"{row['status']} {escape(row['message'])}"
        yield f'<tr id="{code}"><td><code>{code}</code></td><td>{text}</td></tr>\n'
    yield "</tbody>\n</table>\n"


def _name(reference: str) -> str:
    return reference.rpartition("/")[2]


def _inline(text: str) -> str:
    """Escaped text, in which `code` and **strong** become HTML elements."""
    marked = re.sub(r"`([^`]+)`", r"<code>\1</code>", escape(text))
    return re.sub(r"\*\*([^*]+)\*\*", r"<strong>\1</strong>", marked)
