"""The points of an InfluxDB, copied by `heartguard_influx.offline`, which knows its API."""

import contextlib
import json
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from heartguard_cli.backup.locations import Location
from heartguard_cli.backup.manifest import Entry, Manifest, Points, measure
from heartguard_cli.backup.settings import BackupSettings
from heartguard_cli.child_processes import dies_with_parent
from heartguard_cli.errors import CommandError
from heartguard_cli.programs import base_environment
from heartguard_cli.progress import bar
from heartguard_common.core.registry import python_path

POINTS = "points/"
IN_FILES = "influxdb: in the files of points/"
_SECONDS_TO_END = 10
# A series is registered before its points are written, and removed when they are erased.
_SERIES = """
SELECT b.name, b.org_id, b.retention_days, s.measurement, encode(s.digest, 'hex')
FROM heartguard_core.series AS s JOIN heartguard_core.buckets AS b ON b.id = s.bucket_id
ORDER BY b.name, b.org_id
"""
_ROWS_AT_ONCE = 10_000


@dataclass(frozen=True)
class Bucket:
    """A bucket that has series, and the file that lists them."""

    name: str
    org_id: int
    retention_days: int | None
    series: Path


def list_series(connection: Any, directory: Path) -> Sequence[Bucket]:
    """Write what the database knows of series into files of a directory, one for each bucket that has some."""
    found: list[Bucket] = []
    directory.mkdir()
    with connection.cursor(name="series") as cursor, contextlib.ExitStack() as opened:
        cursor.itersize = _ROWS_AT_ONCE
        cursor.execute(_SERIES)
        for name, org_id, retention_days, measurement, digest in cursor:
            if not found or found[-1].name != name:
                opened.close()
                found.append(Bucket(name, org_id, retention_days, directory / name))
                stream = opened.enter_context(found[-1].series.open("w", encoding="utf-8"))
            stream.write(json.dumps([measurement, digest]) + "\n")
    return found


class Copier:
    """`heartguard_influx.offline`, running as a process of its own."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self._process = process

    def ask(self, do: str, **values: Any) -> Iterator[Mapping[str, Any]]:
        """Its answers to a request, the last of which has `done`. Raises `CommandError`."""
        reader, writer = self._process.stdout, self._process.stdin
        assert reader is not None
        assert writer is not None
        with contextlib.suppress(BrokenPipeError):
            writer.write(json.dumps({"do": do, **values}) + "\n")
            writer.flush()
        for line in reader:
            answer = json.loads(line)
            if "failed" in answer:
                raise CommandError(f"The points of the InfluxDB: {answer['failed']}")
            yield answer
            if "done" in answer:
                return
        raise CommandError(
            "The points of the InfluxDB: the program that copies them has ended; what it printed is above"
        )

    def do(self, what: str, **values: Any) -> Mapping[str, Any]:
        """Its last answer to a request. Raises `CommandError`."""
        (*_, last) = self.ask(what, **values)
        return last

    def finish(self) -> None:
        """Let what was restored stay. Raises `CommandError`."""
        self.do("finish")

    def discard(self) -> None:
        """Remove what was restored, where the server answers; otherwise the next restore does."""
        with contextlib.suppress(CommandError):
            self.do("discard")

    def end(self) -> None:
        """End it, also in the middle of a request."""
        if self._process.stdin is not None:
            with contextlib.suppress(BrokenPipeError):
                self._process.stdin.close()
        try:
            self._process.wait(0.5)
        except subprocess.TimeoutExpired:
            self._process.terminate()
        try:
            self._process.wait(_SECONDS_TO_END)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        if self._process.stdout is not None:
            self._process.stdout.close()


@contextmanager
def copier(settings: BackupSettings) -> Iterator[Copier]:
    """A copier for the InfluxDB of the settings; it ends with the block, and with this process."""
    environment = {
        **base_environment(),
        "INFLUX_URL": settings.influx_url,
        "INFLUX_TOKEN": settings.influx_token,
        "INFLUX_ORG": settings.influx_org,
        "PYTHONPATH": python_path("influx"),
    }
    # A session of its own, because Ctrl-C in a terminal must leave it alive to clean up what it did.
    process = subprocess.Popen(
        [*dies_with_parent("KILL"), sys.executable, "-m", "heartguard_influx.offline"],
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    made = Copier(process)
    try:
        yield made
    finally:
        made.end()


def take(
    settings: BackupSettings, buckets: Sequence[Bucket], location: Location, staged: Path, files: dict[str, Entry]
) -> dict[str, Points]:
    """Copy the points of the buckets into files of a location, which are added to `files`. Raises `CommandError`."""
    found: dict[str, Points] = {}
    directory = staged / "points"
    directory.mkdir()
    with copier(settings) as copying:
        copying.do("prove")
        for bucket in bar(buckets, "points"):
            asked = {"org_id": bucket.org_id, "retention_days": bucket.retention_days, "series": str(bucket.series)}
            for answer in copying.ask("export", bucket=bucket.name, directory=str(directory), **asked):
                if "file" in answer:
                    name, part = f"{POINTS}{bucket.name}/{answer['file']}", directory / answer["file"]
                    files[name] = measure(part)
                    location.store(name, part)
                else:
                    found[bucket.name] = Points(answer["values"], answer["digest"], answer["days"])
    return {name: points for name, points in found.items() if points.values}


def files_of(manifest: Manifest, bucket: str) -> Sequence[str]:
    """The names of the files that hold a bucket's points."""
    return sorted(name for name in manifest.files if name.startswith(f"{POINTS}{bucket}/"))


def refuse_other_store(manifest: Manifest, settings: BackupSettings) -> None:
    """Raise `CommandError` where the system keeps its points in another kind of store than the backup."""
    rows = manifest.tables["points"].rows if "points" in manifest.tables else 0
    if manifest.time_series == IN_FILES and not settings.influx_url:
        raise CommandError(
            "The backup has its points from an InfluxDB, and they can't be restored into PostgreSQL: set INFLUX_URL,"
            " INFLUX_TOKEN and INFLUX_ORG in .env to those of an InfluxDB 2 first"
        )
    if manifest.time_series != IN_FILES and settings.influx_url and rows:
        raise CommandError(
            f"The backup has its points from PostgreSQL ({rows:,} values), and they can't be restored into an InfluxDB:"
            " leave INFLUX_URL, INFLUX_TOKEN and INFLUX_ORG empty in .env"
        )
