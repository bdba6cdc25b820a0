"""Signed statements outside of the database: a file that is only appended to."""

import json
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, get_args

from heartguard_audit.domain.chain import Kind, SignedStatement, Statement
from heartguard_common.core.files import append_lines

NAME = "checkpoints.ndjson"
_NUMBER = rb"(?:0|[1-9][0-9]{0,18})"
# A line exactly as `_line` writes it: its organization can be read without parsing it.
_CANONICAL_LINE = re.compile(
    rb'\{"statement":"\{\\"hash\\":\\"[0-9a-f]{64}\\",\\"kind\\":\\"(?:checkpoint|removal)\\",'
    rb'\\"org_id\\":(null|%b),\\"sequence\\":%b,\\"time_ns\\":\\"%b\\",\\"version\\":1\}",'
    rb'"public_key":"[0-9a-f]{64}","signature":"[0-9a-f]{128}"\}\n' % (_NUMBER, _NUMBER, _NUMBER)
)


class CheckpointFile:
    """One line of JSON for each statement, in the order in which they were signed."""

    def __init__(self, directory: Path) -> None:
        self._path = directory / NAME

    def read(self) -> list[SignedStatement]:
        """All statements. A line that is not a statement is returned as one without a valid signature.

        The last line may have been cut off by a crash; it is left out, because its statement is in the table and is
        written again.
        """
        return [_signed(line) for line in self._lines()]

    def of(self, org_id: int | None) -> list[SignedStatement]:
        """The statements about one chain, in their order; for None also the lines that are no statements.

        The file has one line for each minute in which an organization was active. Lines of other organizations are
        skipped without parsing, in 2 microseconds instead of 9 (D158), but only where they have exactly the form that
        `_line` writes, because a tampered line may be written in any other way.
        """
        mine = b"null" if org_id is None else b"%d" % org_id
        return [
            signed
            for line in self._lines()
            if ((match := _CANONICAL_LINE.fullmatch(line)) is None or match[1] == mine)
            and (signed := _signed(line)).statement.org_id == org_id
        ]

    def _lines(self) -> Iterator[bytes]:
        try:
            with self._path.open("rb") as stream:
                yield from (line for line in stream if line.endswith(b"\n") and line != b"\n")
        except FileNotFoundError:
            return

    def append(self, statements: Sequence[SignedStatement]) -> None:
        """Add statements; they are on the disk when this returns. Raises OSError when they can't be written."""
        if statements:
            append_lines(self._path, [_line(it) for it in statements])


def _line(signed: SignedStatement) -> bytes:
    # The line holds the signed bytes themselves, so that a verifier need not build the canonical form.
    document = {"statement": signed.statement.text().decode(), "public_key": signed.public_key.hex()}
    return json.dumps({**document, "signature": signed.signature.hex()}, separators=(",", ":")).encode()


def _signed(line: bytes) -> SignedStatement:
    try:
        document = json.loads(line)
        return SignedStatement(
            _statement(json.loads(document["statement"])),
            bytes.fromhex(document["public_key"]),
            bytes.fromhex(document["signature"]),
        )
    except (ValueError, TypeError, KeyError, OverflowError, RecursionError):
        return SignedStatement(Statement("checkpoint", None, 0, b"", 0), b"", b"")


def _statement(members: dict[str, Any]) -> Statement:
    org_id, sequence = members["org_id"], members["sequence"]
    if type(sequence) is not int or not (org_id is None or type(org_id) is int):
        raise ValueError("not a position in a chain")
    if members["kind"] not in get_args(Kind):
        raise ValueError("not a kind of statement")
    return Statement(
        kind=members["kind"],
        org_id=org_id,
        sequence=sequence,
        hash=bytes.fromhex(members["hash"]),
        time_ns=int(members["time_ns"]),
    )
