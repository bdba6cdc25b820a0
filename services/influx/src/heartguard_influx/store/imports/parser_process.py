"""A file of a stranger is parsed by `heartguard_importers` in a process of its own, with limits."""

import json
import math
import os
import select
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any, cast

from heartguard_common.messages.imports import ImportKind
from heartguard_influx.imports.domain import FileReport, Problem, Reason, Request
from heartguard_influx.imports.ports import Batch, ParserError, Record

MODULE = "heartguard_importers.process"
BATCH = 5_000
"""Records of one batch: as many points as are stored in one transaction."""
SILENT_SECONDS = 60.0
"""The process says twice a second that it works, so that one which is silent for so long hangs."""
_MOST_LINE = 32 * 1024**2
_MOST_TEXT = 1_024
MEBIBYTE = 1024**2


@dataclass(frozen=True)
class ParserLimits:
    """What parsing one file may use: memory and written files in bytes, CPU time in seconds."""

    memory_bytes: int = 384 * MEBIBYTE
    cpu_seconds: int = 1_800
    written_bytes: int = 4 * 1024 * MEBIBYTE
    open_files: int = 64
    file_bytes: int = 2 * 1024 * MEBIBYTE


class ParserProcess:
    """Starts a process for each file; it has no variables of ours, and nothing but the file in its directory."""

    def __init__(self, limits: ParserLimits) -> None:
        self._limits = limits

    def read(self, file: Path, request: Request, skip: int) -> Iterator[Batch]:
        """The batches of a file behind its first `skip` records; closing the iterator kills the process.

        Raises `ParserError` after the last batch, OSError where this machine is to blame.
        """
        process = _start(file.parent)
        try:
            _order(process, {**_order_of(file, request), "skip": skip, "batch": BATCH, "limits": asdict(self._limits)})
            yield from _Conversation(process, self._limits).batches()
        finally:
            process.kill()
            for pipe in (process.stdin, process.stdout):
                if pipe is not None:
                    pipe.close()
            process.wait()


def _start(folder: Path) -> "subprocess.Popen[bytes]":
    spec = find_spec("heartguard_importers")
    assert spec is not None and spec.origin is not None  # noqa: PT018  its sources are beside ours
    environment = {
        "PYTHONPATH": str(Path(spec.origin).parent.parent),
        "PYTHONDONTWRITEBYTECODE": "1",
        "TMPDIR": str(folder),
        "LANG": "C.UTF-8",
        "MALLOC_ARENA_MAX": "1",  # a second one would take a third of its address space
        **{name: os.environ[name] for name in ("LD_LIBRARY_PATH", "TZDIR") if name in os.environ},
    }
    return subprocess.Popen(  # noqa: S603  our own program
        [sys.executable, "-P", "-s", "-m", MODULE],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        cwd=folder,
        env=environment,
        start_new_session=True,
    )


def _order(process: "subprocess.Popen[bytes]", order: Mapping[str, object]) -> None:
    assert process.stdin is not None
    with suppress(BrokenPipeError):  # it has ended; how, its exit code says
        process.stdin.write(json.dumps(order).encode() + b"\n")
        process.stdin.close()


def _order_of(file: Path, request: Request) -> dict[str, object]:
    columns = request.csv
    mapping = columns and {
        "time": columns["time"],
        "values": {it["column"]: it["measurement"] for it in columns["value_columns"]},
        "tags": {it["column"]: it["tag"] for it in columns.get("tag_columns", ())},
        "time_format": columns.get("time_format", "auto"),
        "delimiter": columns.get("delimiter"),
    }
    return {
        "path": file.name,
        "name": request.file_name,
        "kind": request.kind or "auto",
        "time_zone": request.time_zone,
        "csv": mapping,
    }


class _Conversation:
    """Reads what the process says. It parses hostile input, so that what it says is checked too."""

    def __init__(self, process: "subprocess.Popen[bytes]", limits: ParserLimits) -> None:
        self._process = process
        self._limits = limits
        self._place = ""
        self._report: FileReport | None = None
        self._silent = False

    def batches(self) -> Iterator[Batch]:
        """The batches until the end. Raises `ParserError`, OSError."""
        for line in self._lines():
            try:
                said = json.loads(line)
                if "end" in said:
                    yield Batch((), _report(said["report"]))
                    return
                if "error" in said:
                    raise self._failed(said)
                yield self._batch(said)
            except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
                problem = Problem("invalid_file", "reading it made its parser fail", self._place)
                raise ParserError(problem, self._report) from error
        raise ParserError(self._death(), self._report)

    def _batch(self, said: Mapping[str, Any]) -> Batch:
        if "state" in said:
            self._place = _text(said["state"]["place"])
            return Batch()
        self._report = _report(said["report"])
        return Batch([_record(*it) for it in said["records"]], self._report)

    def _failed(self, said: Mapping[str, Any]) -> Exception:
        error = said["error"]
        if error["again"]:
            return OSError(0, _text(error["problem"]))
        report = _report(said["report"]) if "report" in said else self._report
        reason: Reason = "too_costly" if error["costly"] else "invalid_file"
        return ParserError(Problem(reason, _text(error["problem"]), _text(error["place"])), report)

    def _death(self) -> Problem:
        """Why the process has ended without an end."""
        code = self._process.wait()
        if self._silent:
            message = f"its parser did nothing for {SILENT_SECONDS:.0f} s"
        elif code == -signal.SIGXCPU:
            message = f"reading it takes more than {self._limits.cpu_seconds} s of computing"
        else:
            message = f"reading it ended its process ({signal.Signals(-code).name if code < 0 else code})"
        return Problem("too_costly" if code < 0 else "invalid_file", message, self._place)

    def _lines(self) -> Iterator[bytes]:
        """The lines as they come; ends with the process, or when it is silent for too long."""
        assert self._process.stdout is not None
        pipe = self._process.stdout.fileno()
        poll = select.poll()
        poll.register(pipe, select.POLLIN)
        held = bytearray()
        while len(held) < _MOST_LINE:
            self._silent = not poll.poll(SILENT_SECONDS * 1000)
            data = b"" if self._silent else os.read(pipe, 256 * 1024)
            if not data:
                break
            held += data
            if b"\n" in data:
                *whole, rest = held.split(b"\n")
                held = bytearray(rest)
                yield from map(bytes, whole)
        if self._silent or len(held) >= _MOST_LINE:
            self._process.kill()


def _report(said: Mapping[str, Any]) -> FileReport:
    return FileReport(
        kind=cast("ImportKind", _text(said["kind"])),
        seen=_count(said["seen"]),
        rejected={_text(name): _count(count) for name, count in list(said["rejected"].items())[:50]},
        examples=[(_text(reason), _text(place)) for reason, place in said["examples"][:100]],
        skipped={_text(name)[:255]: _count(count) for name, count in list(said["skipped"].items())[:100]},
        progress=min(1.0, max(0.0, float(said["progress"]))),
    )


def _record(measurement: str, fields: Mapping[str, float], time_ns: int, tags: Mapping[str, str]) -> Record:
    if type(time_ns) is not int or not fields or len(fields) > 16 or len(tags) > 32:
        raise ValueError("a record")
    if not all(type(value) is float and math.isfinite(value) for value in fields.values()):
        raise ValueError("a value")
    return Record(
        _text(measurement)[:128],
        {_text(name)[:128]: value for name, value in fields.items()},
        time_ns,
        {_text(name)[:128]: text for name, value in tags.items() if (text := _text(value))},
    )


def _text(value: object) -> str:
    """A text of the process, as long as a message and a tag may be, and printable, as PostgreSQL wants it."""
    if not isinstance(value, str):
        raise TypeError("a text")
    text = value[:_MOST_TEXT]
    return text if text.isprintable() else "".join(letter for letter in text if letter.isprintable())


def _count(value: object) -> int:
    if type(value) is not int or not 0 <= value < 2**53:
        raise ValueError("a number")
    return value
