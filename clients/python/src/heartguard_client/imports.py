"""Importing files of devices and health apps: by the server's job, or read here and written as points."""

import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from io import BufferedReader
from itertools import islice
from pathlib import Path
from typing import Any, cast
from zoneinfo import ZoneInfo

import requests

from heartguard_client.client import BATCH, Client
from heartguard_client.errors import HeartGuardError, NoAnswerError
from heartguard_client.messages import Import, ImportTicket, PointDocument
from heartguard_client.transport import IDEMPOTENCY_KEY

ENDED = ("done", "failed", "cancelled")
TRIES = 3
SILENT_SECONDS = 300.0
_SENT_ALREADY = 409


@dataclass(frozen=True)
class ImportOptions:
    """What the file does not say: see `ImportRequest`. `csv` has its member of that name."""

    kind: str | None = None
    user_id: int | None = None
    bucket: str | None = None
    time_zone: str | None = None
    csv: Mapping[str, Any] | None = None

    def members(self) -> dict[str, Any]:
        """Those that are given, as members of an `ImportRequest`."""
        return {name: value for name, value in vars(self).items() if value is not None}


@dataclass
class HereResult:
    """What became of the values of a file that was read here; `problem` says why its end was not read."""

    stored: int = 0
    rejected: Counter[str] = field(default_factory=Counter)
    problem: str = ""


def announce(client: Client, path: Path, options: ImportOptions) -> ImportTicket:
    """Ask for the import of a file; returns where to send its bytes."""
    document = {"file_name": path.name, "size": path.stat().st_size, **options.members()}
    key = {IDEMPOTENCY_KEY: uuid.uuid4().hex}
    return cast("ImportTicket", client.json("POST", "imports", document=document, headers=key))


def send(ticket: ImportTicket, path: Path, sent: Callable[[int], object] = lambda _: None) -> None:
    """Send the bytes of a file; `sent` gets how many are sent so far. A lost connection is tried again from the start.

    Raises `HeartGuardError` where the bytes are refused, `NoAnswerError` when there is no answer.
    """
    failure: Exception | None = None
    for _ in range(TRIES):
        with path.open("rb") as file:
            try:
                answer = requests.put(
                    ticket["url"], data=_Watched(file, sent), headers=dict(ticket["headers"]), timeout=SILENT_SECONDS
                )
            except (requests.ConnectionError, requests.Timeout) as error:
                failure = error
                continue
        # Whoever repeats a request whose answer was lost is told that the bytes are there.
        if answer.ok or answer.status_code == _SENT_ALREADY:
            return
        raise HeartGuardError(f"the bytes of {path.name} are refused: {answer.status_code} {answer.text[:200]}")
    raise NoAnswerError(f"{path.name} could not be sent: {failure}")


def watch(client: Client, import_id: str, seen: Callable[[Import], object] = lambda _: None) -> Import:
    """Wait until an import has ended, and return it; `seen` gets each state on the way."""
    pause = 0.3
    while True:
        found = cast("Import", client.json("GET", f"imports/{import_id}"))
        seen(found)
        if found["status"] in ENDED:
            return found
        time.sleep(pause)
        pause = min(pause * 1.2, 3.0)


def read_here(
    client: Client,
    path: Path,
    options: ImportOptions,
    *,
    start: datetime | None = None,
    seen: Callable[[float], object] = lambda _: None,
) -> HereResult:
    """Read a file with `heartguard_importers`, and write its points; `seen` gets how much is read, 0 to 1.

    Also for kinds that the server does not import: EDF, and WFDB, whose records are several files. `start` is when a
    recording begins that says no date. Raises `HeartGuardError` without the package.
    """
    try:
        from heartguard_importers import AUTO, CsvMapping, InvalidFileError, Options, Reading  # noqa: PLC0415
    except ImportError as error:
        raise HeartGuardError("to read files here, install heartguard-importers") from error
    me = client.me()
    person, bucket = options.user_id or me["id"], options.bucket or f"org_{me['org_id']}"
    zone = ZoneInfo(options.time_zone) if options.time_zone else None
    columns = options.csv and _mapping(options.csv)
    result = HereResult()
    try:
        mapping = CsvMapping(**columns) if columns else None
        reading = Reading(path, options.kind or AUTO, Options(time_zone=zone, csv=mapping, start=start))
        for batch in _batches(iter(reading), person):
            refused = client.write(bucket, batch)
            result.stored += len(batch) - len(refused)
            result.rejected.update(it.reason for it in refused)
            seen(reading.report.progress)
        result.rejected.update({str(reason): count for reason, count in reading.report.rejected.items()})
    except InvalidFileError as error:
        result.problem = str(error)
    return result


def _mapping(columns: Mapping[str, Any]) -> dict[str, Any]:
    """The `csv` of an `ImportRequest` as the importers take it."""
    return {
        "time": columns["time"],
        "values": {it["column"]: it["measurement"] for it in columns["value_columns"]},
        "tags": {it["column"]: it["tag"] for it in columns.get("tag_columns", ())},
        "time_format": columns.get("time_format", "auto"),
        "delimiter": columns.get("delimiter"),
    }


def _batches(records: Iterator[Any], person: int) -> Iterator[list[PointDocument]]:
    while batch := list(islice(records, BATCH)):
        yield [
            {
                "measurement": record.measurement,
                "tags": {**record.tags, "user_id": str(person)},
                "fields": dict(record.fields),
                "timestamp": _moment(record.time),
            }
            for record in batch
        ]


def _moment(nanoseconds: int) -> str:
    seconds, rest = divmod(nanoseconds, 10**9)
    text = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds))
    return f"{text}.{rest:09}".rstrip("0").rstrip(".") + "Z"


class _Watched:
    """A file whose reading is watched; its length lets requests send a Content-Length."""

    def __init__(self, file: BufferedReader, sent: Callable[[int], object]) -> None:
        self._file = file
        self._sent = sent

    def __len__(self) -> int:
        return Path(self._file.name).stat().st_size

    def __iter__(self) -> Iterator[bytes]:
        return iter(lambda: self.read(64 * 1024), b"")

    def read(self, size: int = -1) -> bytes:
        data = self._file.read(size)
        self._sent(self._file.tell())
        return data
