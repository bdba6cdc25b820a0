"""What became of the last backup and of the last verification, in `var/backups`, for metrics and for a person."""

import contextlib
import json
import os
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

FILE = Path("var/backups/last.json")
"""Relative to the root of the clone, wherever the backups themselves go."""
VERIFIED = FILE.with_name("verified.json")


class Report:
    """What the caller says of the backup that it makes."""

    def __init__(self) -> None:
        self.place = ""
        self.size = 0
        self.encrypted = False


@contextlib.contextmanager
def recorded(root: Path) -> Iterator[Report]:
    """Write the file when the block ends, in whichever way.

    `began`, `ended` and `succeeded` (the end of the last backup that did not fail) are times of RFC 3339, `seconds` how
    long it took, `bytes` the size of what was written, `result` is `ok` or `failed`, `error` a text or null.
    """
    began, started = _now(), time.monotonic()
    report = Report()
    error: str | None = None
    try:
        yield report
    except BaseException as failure:
        error = str(failure) or ("interrupted" if isinstance(failure, KeyboardInterrupt) else type(failure).__name__)
        raise
    finally:
        ended = _now()
        document = {
            "began": began,
            "ended": ended,
            "seconds": round(time.monotonic() - started, 3),
            "bytes": report.size if error is None else None,
            "result": "ok" if error is None else "failed",
            "error": error,
            "succeeded": ended if error is None else _succeeded(root / FILE),
            "place": report.place,
            "encrypted": report.encrypted,
        }
        # A disk that is full has failed the backup already; this must not hide why.
        with contextlib.suppress(OSError):
            _write(root / FILE, json.dumps(document, indent=1) + "\n")


def note_verified(root: Path, place: str, damaged: Sequence[str], *, opened: bool) -> None:
    """Write which backup was verified now: `time`, `place`, `damaged` (its files that are), and `opened`.

    `opened` says whether what is in the files was read, which for an encrypted backup needs a private key.
    """
    document = {"time": _now(), "place": place, "damaged": list(damaged), "opened": opened}
    with contextlib.suppress(OSError):  # as above
        _write(root / VERIFIED, json.dumps(document, indent=1) + "\n")


def _write(file: Path, text: str) -> None:
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    fresh = file.with_suffix(".new")
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as stream:
        stream.write(text)
    fresh.rename(file)


def _succeeded(file: Path) -> str | None:
    try:
        known = json.loads(file.read_bytes()).get("succeeded")
    except (OSError, ValueError, AttributeError):
        return None
    return known if isinstance(known, str) else None


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
