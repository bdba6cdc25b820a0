"""The log lines of the services and the programs beside them: read from the end, filtered, and followed."""

import heapq
import json
import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO

from heartguard_common.core.registry import REGISTRY, SERVICES

PROGRAMS = (*SERVICES, *REGISTRY.programs)
"""Those that write lines of JSON; the stores and the supervisor have texts of their own."""
LEVELS = ("debug", "info", "warning", "error", "critical")
IDS = ("request_id", "gateway_request_id")
BLOCK = 64 * 1024
POLL_SECONDS = 0.2


@dataclass(frozen=True)
class LogLine:
    """One line of a program's log; `document` is None for one that is no JSON, such as an interpreter's last words.

    `at` sorts lines by time: the timestamp without its zone, which is UTC. A line that is no JSON has that of the line
    before it.
    """

    program: str
    at: str
    text: str
    document: Mapping[str, Any] | None


@dataclass(frozen=True)
class LogFilter:
    """Which lines are wanted: from these programs, and of those with members the ones that fit.

    `statuses` are patterns such as `404` and `5xx`. `since` is a time as `LogLine.at`.
    """

    programs: Sequence[str] = PROGRAMS
    level: str = LEVELS[0]
    since: str = ""
    user: int | None = None
    statuses: Sequence[str] = field(default=())

    @property
    def plain(self) -> bool:
        """Whether a line without members fits."""
        return self.level == LEVELS[0] and self.user is None and not self.statuses

    def admits(self, line: LogLine) -> bool:
        """Whether a line is wanted, by anything but its program."""
        if line.at < self.since:
            return False
        if line.document is None:
            return self.plain
        level = line.document.get("level")
        if level in LEVELS and LEVELS.index(level) < LEVELS.index(self.level):
            return False
        if self.user is not None and line.document.get("user_id") != self.user:
            return False
        return not self.statuses or any(_fits(line.document.get("status"), it) for it in self.statuses)


def _fits(status: object, pattern: str) -> bool:
    return re.fullmatch(pattern.replace("x", "[0-9]"), str(status)) is not None


def last(directory: Path, wanted: LogFilter, most: int | None) -> list[LogLine]:
    """The newest lines that are wanted, older files included, in the order of their times; all for None."""
    each = [_newest_first(directory, program, wanted.since) for program in wanted.programs]
    merged = heapq.merge(*each, key=lambda line: line.at, reverse=True)
    found = list(islice((line for line in merged if wanted.admits(line)), most))
    return found[::-1]


def of_request(directory: Path, request_id: str, wanted: LogFilter) -> list[LogLine]:
    """The lines that carry the id as the client's or as the gateway's, also those that share the client's with such."""
    found = list(_carrying(directory, {request_id}, request_id, wanted))
    # the gateway's own id stands in its line only: the services' lines carry the client's
    also = {str(line.document["request_id"]) for line in found if line.document} - {request_id, "None"}
    for other in sorted(also):
        found += _carrying(directory, {other}, other, wanted)
    unique = {line.text: line for line in found if wanted.admits(line)}
    return sorted(unique.values(), key=lambda line: line.at)


def _carrying(directory: Path, ids: set[str], wanted_id: str, wanted: LogFilter) -> Iterator[LogLine]:
    needle = wanted_id.encode()
    for program in wanted.programs:
        for file in sorted(directory.glob(f"{program}.log*")):
            with file.open("rb") as stream:
                for line in stream:
                    # looked for as bytes first: parsing 40 MB of lines would take a minute
                    if needle not in line or (document := parsed(text := _decoded(line).rstrip("\n"))) is None:
                        continue
                    if ids & {str(document.get(name)) for name in IDS}:
                        yield LogLine(program, time_of(document), text, document)


def follow(directory: Path, wanted: LogFilter, most: int, pause: Callable[[float], object]) -> Iterator[LogLine]:
    """The newest lines that are wanted, then each new one when it is written; without an end."""
    tails = [_Tail(directory / f"{program}.log", program) for program in wanted.programs]
    history = last(directory, wanted, most)
    yield from history
    shown = {line.text for line in history}  # may hold what was written since the tails were opened
    try:
        while True:
            new = [line for tail in tails for line in tail.read() if wanted.admits(line) and line.text not in shown]
            yield from sorted(new, key=lambda line: line.at)
            shown.clear()
            if not new:
                pause(POLL_SECONDS)
    finally:
        for tail in tails:
            tail.close()


def _newest_first(directory: Path, program: str, since: str) -> Iterator[LogLine]:
    """The lines of a program from the last one on, until one that is older than `since`."""
    files = sorted(directory.glob(f"{program}.log*"), key=_age)
    waiting: list[str] = []  # lines that are no JSON: the time is in a line before them
    for file in files:
        for text in _reversed_lines(file):
            document = parsed(text)
            if document is None:
                waiting.append(text)
                continue
            at = time_of(document)
            yield from (LogLine(program, at, it, None) for it in waiting)
            waiting.clear()
            if at < since:
                return
            yield LogLine(program, at, text, document)
    yield from (LogLine(program, "", it, None) for it in waiting)


def _age(file: Path) -> int:
    """0 for `auth.log`, 1 for `auth.log.1`."""
    number = file.suffix[1:]
    return int(number) if number.isdecimal() else 0


def _reversed_lines(file: Path) -> Iterator[str]:
    """The complete lines of a file, the last one first."""
    with file.open("rb") as stream:
        position, rest = stream.seek(0, os.SEEK_END), b""
        first = True
        while position > 0:
            size = min(BLOCK, position)
            position -= size
            stream.seek(position)
            rest, *lines = (stream.read(size) + rest).split(b"\n")
            if first and lines:
                lines.pop()  # what stands behind the last line end is not complete, or nothing
                first = False
            yield from (_decoded(line) for line in reversed(lines))
        if rest and not first:
            yield _decoded(rest)


class _Tail:
    """A log from its end on, whatever the supervisor renames meanwhile."""

    def __init__(self, file: Path, program: str) -> None:
        self._file = file
        self._program = program
        self._stream: BinaryIO | None = None
        self._rest = b""
        self._at = ""
        if file.exists():
            self._stream = file.open("rb")
            self._stream.seek(_end_of_last_line(self._stream))

    def read(self) -> Iterator[LogLine]:
        """The lines since the last call."""
        if self._stream is not None:
            yield from self._lines(self._stream)
        if self._replaced():
            if self._stream is not None:
                yield from self._lines(self._stream)
                self._stream.close()
            self._stream, self._rest = self._file.open("rb"), b""
            yield from self._lines(self._stream)

    def close(self) -> None:
        """Close the file."""
        if self._stream is not None:
            self._stream.close()

    def _replaced(self) -> bool:
        try:
            there = self._file.stat()
        except FileNotFoundError:
            return False
        return self._stream is None or there.st_ino != os.fstat(self._stream.fileno()).st_ino

    def _lines(self, stream: BinaryIO) -> Iterator[LogLine]:
        *lines, self._rest = (self._rest + stream.read()).split(b"\n")
        for text in map(_decoded, lines):
            document = parsed(text)
            self._at = self._at if document is None else time_of(document)
            yield LogLine(self._program, self._at, text, document)


def _end_of_last_line(stream: BinaryIO) -> int:
    end = stream.seek(0, os.SEEK_END)
    start = max(0, end - BLOCK)
    stream.seek(start)
    return start + stream.read().rfind(b"\n") + 1


def _decoded(line: bytes) -> str:
    return line.decode(errors="replace")


def parsed(text: str) -> Mapping[str, Any] | None:
    """The members of a line; None for one that is no log line of JSON."""
    try:
        document = json.loads(text)
    except ValueError:
        return None
    return document if isinstance(document, dict) and "timestamp" in document else None


def time_of(document: Mapping[str, Any]) -> str:
    """The time of a line, as text that sorts by it: without the zone, fractions of any length follow one another."""
    return str(document.get("timestamp", "")).removesuffix("Z")
