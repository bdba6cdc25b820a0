"""Rows as files: CSV (RFC 4180) for spreadsheets, NDJSON for programs; no more than a block of rows is held."""

import csv
import io
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TypeAlias

from heartguard_common.contract.json_documents import dump_json
from heartguard_common.core.errors import NO_HEADERS
from heartguard_common.http.routing import CSV, NDJSON, StreamAnswer

_FILES = {CSV: ("csv", f"{CSV}; charset=utf-8; header=present"), NDJSON: ("ndjson", NDJSON)}
# A spreadsheet takes a cell that begins with one of these for a formula, and runs it.
_FORMULA = ("=", "+", "-", "@", "\uff1d", "\uff0b", "\uff0d", "\uff20")
_BREAKS = ("\t", "\r", "\n")

Blocks: TypeAlias = Iterable[Sequence[Mapping[str, object]]]


def ndjson(blocks: Blocks) -> Iterator[bytes]:
    """One JSON document per line."""
    for block in blocks:
        yield b"".join(dump_json(document) + b"\n" for document in block)


def table(columns: Sequence[str], blocks: Blocks) -> Iterator[bytes]:
    """A header line, then one line for each document; maps and lists are JSON in a cell. No cell is a formula."""
    yield _lines([[_cell(name) for name in columns]])
    for block in blocks:
        yield _lines([[_cell(document.get(name)) for name in columns] for document in block])


def attachment(stem: str, kind: str, stream: Iterable[bytes], headers: Mapping[str, str] = NO_HEADERS) -> StreamAnswer:
    """A table or NDJSON, as `kind` (`CSV` or `NDJSON`) says, as a file to be saved and never cached."""
    suffix, media_type = _FILES[kind]
    whole = {
        "Cache-Control": "no-store",
        "Content-Disposition": f'attachment; filename="{stem}.{suffix}"',
        "X-Content-Type-Options": "nosniff",
        **headers,
    }
    return StreamAnswer(stream, media_type, headers=whole)


def _lines(rows: Sequence[Sequence[str | int | float]]) -> bytes:
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator="\r\n").writerows(rows)
    return text.getvalue().encode()


def _cell(value: object) -> str | int | float:
    if value is None:
        return ""
    if isinstance(value, bool | Mapping | list):
        value = dump_json(value).decode()
    elif isinstance(value, int | float):
        return value
    text = str(value)
    return f"'{text}" if text.startswith(_BREAKS) or text.lstrip().startswith(_FORMULA) else text
