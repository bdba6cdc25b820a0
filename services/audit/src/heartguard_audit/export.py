"""The trail as files: CSV (RFC 4180) for spreadsheets, NDJSON for programs."""

import csv
import io
import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

COLUMNS = (
    *("id", "sequence", "time", "kind", "request_id", "gateway_request_id", "org_id", "actor", "action"),
    *("service", "resource", "outcome", "reason", "status", "payload"),
)
# A spreadsheet takes a cell that begins with one of these for a formula, and runs it.
_FORMULA = ("=", "+", "-", "@", "\uff1d", "\uff0b", "\uff0d", "\uff20")
_BREAKS = ("\t", "\r", "\n")

Blocks = Iterator[Sequence[Mapping[str, Any]]]


def ndjson(blocks: Blocks) -> Iterator[bytes]:
    """One JSON document per line."""
    for block in blocks:
        yield b"".join(_json(document) + b"\n" for document in block)


def table(blocks: Blocks) -> Iterator[bytes]:
    """A header line, then one line for each event; `payload` is JSON in a cell. No cell is a formula."""
    yield _lines([COLUMNS])
    for block in blocks:
        yield _lines([[_cell(document.get(name)) for name in COLUMNS] for document in block])


def _lines(rows: Sequence[Sequence[Any]]) -> bytes:
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator="\r\n").writerows(rows)
    return text.getvalue().encode()


def _cell(value: Any) -> str | int:
    if value is None:
        return ""
    if isinstance(value, int):
        return value
    text = _json(value).decode() if isinstance(value, Mapping) else str(value)
    return f"'{text}" if text.startswith(_BREAKS) or text.lstrip().startswith(_FORMULA) else text


def _json(document: Any) -> bytes:
    return json.dumps(document, separators=(",", ":"), ensure_ascii=False).encode()
