"""A person's data, given by one service to another as a stream that says when it is complete.

Newline-delimited JSON, one record a line: `{"kind": "...", "data": {...}}`. The last line,
`{"kind": "end", "records": n}`, counts the ones before it: a stream that was cut off anywhere has none.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import TypeAlias, TypedDict

from heartguard_common.contract.json_documents import Document
from heartguard_common.core.errors import ServiceCallError
from heartguard_common.http.routing import NDJSON, StreamAnswer

BLOCK_BYTES = 64 * 1024
END = "end"
Record: TypeAlias = tuple[str, Mapping[str, object]]
"""The kind of a record, and what it says."""


class FileRecord(TypedDict):
    """A record of the kind `file`: a file of the person, whose bytes are asked for by themselves."""

    id: str
    file_name: str
    content_type: str
    size: int
    sha256: str
    created_at: str


def answer(records: Iterable[Record]) -> StreamAnswer:
    """The answer of a route that exports; what raises later cuts the stream off."""
    return StreamAnswer(lines(records), NDJSON, headers={"Cache-Control": "no-store"})


def lines(records: Iterable[Record]) -> Iterator[bytes]:
    """Records and the end, in blocks of whole lines."""
    block, count = bytearray(), 0
    for count, (kind, data) in enumerate(records, 1):  # noqa: B007  the last number is the count
        block += _line({"kind": kind, "data": data})
        if len(block) >= BLOCK_BYTES:
            yield bytes(block)
            block.clear()
    yield bytes(block) + _line({"kind": END, "records": count})


class VerifiedStream:
    """The records of a stream without its end; raises `ServiceCallError` where it has none, or the wrong one.

    `records` counts what has passed so far. Holds no more than a block and a line.
    """

    def __init__(self, blocks: Iterable[bytes]) -> None:
        self._blocks = blocks
        self.records = 0

    def __iter__(self) -> Iterator[bytes]:
        held = b""
        for block in self._blocks:
            held += block
            cut = held.rfind(b"\n", 0, len(held) - 1) + 1  # all but the last line, which may be the end
            if cut:
                self.records += held.count(b"\n", 0, cut)
                yield held[:cut]
                held = held[cut:]
        try:
            end = json.loads(held)
        except ValueError as error:
            raise ServiceCallError from error
        if end != {"kind": END, "records": self.records}:
            raise ServiceCallError


def read(blocks: Iterable[bytes]) -> Iterator[tuple[str, Document]]:
    """The records of a whole stream, one by one."""
    held = b""
    for block in VerifiedStream(blocks):
        *whole, held = (held + block).split(b"\n")
        for line in whole:
            record = json.loads(line)
            yield record["kind"], record["data"]


def _line(document: Mapping[str, object]) -> bytes:
    return json.dumps(document, separators=(",", ":"), ensure_ascii=False).encode() + b"\n"
