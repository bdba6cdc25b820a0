"""`python -m heartguard_importers.process` reads one file for another program, inside of limits that it sets itself.

For files of strangers: whatever a file does to its parser happens in a process that may use so much memory, time and
disk, has no network where the system permits that, and is killed by whoever started it. The order is one line of JSON
on stdin: `path`, `name`, `kind`, `time_zone`, `csv` (the members of `CsvMapping`), `skip`, `batch` and `limits`. Lines
of JSON come on stdout: `records` and `report` after each batch, `state` alone every half second, and at last `end` or
`error`. Nothing else is read or written. A reader that goes away ends the process.
"""

import ctypes
import errno
import json
import os
import resource
import sys
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from itertools import islice
from pathlib import Path
from typing import Any, NoReturn
from zoneinfo import ZoneInfo

from heartguard_importers.reading import UPLOADED_KINDS, Reading
from heartguard_importers.records import CsvMapping, InvalidFileError, LimitError, Limits, Options, Record, plain

STATE_SECONDS = 0.5
GIBIBYTE = 1024**3
_NEW_USER_AND_NETWORK = 0x10000000 | 0x40000000  # CLONE_NEWUSER, CLONE_NEWNET of linux/sched.h
_MOST_SKIPPED = 20


def main() -> None:
    """Read the order from stdin, and write the records of its file to stdout."""
    order = json.loads(sys.stdin.readline())
    sys.stdin.close()
    leave_network()
    limit_resources(order["limits"])
    output = _Output()
    try:
        reading = Reading(Path(order["path"]), order["kind"], _options(order))
        if reading.kind not in UPLOADED_KINDS:
            output.fail(order["name"], f"is of the kind {reading.kind}, which is not for uploads")
        output.show(reading)
        _read(reading, output, order["skip"], order["batch"])
    except InvalidFileError as error:
        output.fail(error.place, error.problem, costly=isinstance(error, LimitError))
    except MemoryError:
        memory = order["limits"]["memory_bytes"] // 1024**2
        output.fail(output.place, f"needs more than {memory} MiB of memory", costly=True)
    except OSError as error:
        if error.errno == errno.EFBIG:
            output.fail(output.place, f"unpacks to more than {order['limits']['written_bytes']} bytes", costly=True)
        output.fail("", f"the disk: {error.strerror}", again=True)
    except Exception as error:  # noqa: BLE001  a file made to harm: what it is in detail, the message does not say
        output.fail(output.place, f"can't be read ({type(error).__name__})")


def leave_network() -> bool:
    """Enter an empty network namespace, where the system lets its users; returns whether."""
    try:
        return bool(ctypes.CDLL(None).unshare(_NEW_USER_AND_NETWORK) == 0)
    except (OSError, AttributeError):  # not Linux
        return False


def limit_resources(limits: Mapping[str, int]) -> None:
    """Limit this process: memory and written files in bytes, CPU time in seconds; no other process, no core dump."""
    os.nice(10)  # requests come first
    with suppress(OSError):  # where the machine or container has no memory left, this process goes and not its parent
        Path("/proc/self/oom_score_adj").write_text("1000", encoding="ascii")
    wanted = {
        resource.RLIMIT_AS: limits["memory_bytes"],
        resource.RLIMIT_FSIZE: limits["written_bytes"],
        resource.RLIMIT_NOFILE: limits["open_files"],
        resource.RLIMIT_CORE: 0,
    }
    for kind, value in wanted.items():
        _, hard = resource.getrlimit(kind)
        most = value if hard == resource.RLIM_INFINITY else min(value, hard)
        resource.setrlimit(kind, (most, most))
    # At the soft limit comes SIGXCPU, which says why the process ends; at the hard one SIGKILL.
    resource.setrlimit(resource.RLIMIT_CPU, (limits["cpu_seconds"], limits["cpu_seconds"] + 5))


def _options(order: Mapping[str, Any]) -> Options:
    return Options(
        time_zone=ZoneInfo(order["time_zone"]) if order["time_zone"] else None,
        csv=CsvMapping(**order["csv"]) if order["csv"] else None,
        name=order["name"],
        limits=Limits(file_bytes=order["limits"]["file_bytes"]),
    )


def _read(reading: Reading, output: "_Output", skip: int, batch: int) -> None:
    records = iter(reading)
    for _ in islice(records, skip):
        pass
    found: list[Record] = []
    try:
        for record in records:
            found.append(record)
            if len(found) == batch:
                output.line({"records": found, "report": output.report()})
                found = []
    finally:  # what comes before damage counts
        if found:
            output.line({"records": found, "report": output.report()})
    output.line({"end": True, "report": output.report()})


class _Output:
    """Writes lines to stdout, from the main thread and from one that shows the state while a parser is busy."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._reading: Reading | None = None

    @property
    def place(self) -> str:
        """Where the parser is, as far as it says."""
        return "" if self._reading is None else self._reading.report.place()

    def show(self, reading: Reading) -> None:
        """Write the state of a reading from now on."""
        self._reading = reading
        threading.Thread(target=self._keep_showing, daemon=True).start()

    def report(self) -> dict[str, object]:
        """What is known of the file so far."""
        assert self._reading is not None
        report = self._reading.report
        return {
            "kind": self._reading.kind,
            "seen": report.seen,
            "rejected": dict(report.rejected),
            "examples": [[it.reason, plain(it.place)] for it in report.examples],
            "skipped": dict(report.skipped.most_common(_MOST_SKIPPED)),
            "progress": report.progress,
        }

    def line(self, document: Mapping[str, object]) -> None:
        """Write one document. Ends the process where nobody reads it any more."""
        data = json.dumps(document, separators=(",", ":")).encode() + b"\n"
        with self._lock:
            try:
                sys.stdout.buffer.write(data)
                sys.stdout.buffer.flush()
            except BrokenPipeError:
                os._exit(1)

    def fail(self, place: str, problem: str, *, costly: bool = False, again: bool = False) -> NoReturn:
        """Write why the file can't be read, or from where on no further, and end the process.

        `costly` where it would cost more than its limits, `again` where it may be read later.
        """
        report = {} if self._reading is None else {"report": self.report()}
        self.line(
            {"error": {"place": plain(place), "problem": plain(problem), "costly": costly, "again": again}, **report}
        )
        os._exit(0)

    def _keep_showing(self) -> None:
        while True:
            time.sleep(STATE_SECONDS)
            assert self._reading is not None
            report = self._reading.report
            try:
                place = plain(report.place())
            except Exception:  # noqa: BLE001  the parser moves on while this thread asks
                place = ""
            self.line({"state": {"place": place, "progress": report.progress}})


if __name__ == "__main__":
    main()
