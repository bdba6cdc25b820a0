"""Copies the points of an InfluxDB to files of a backup and back: `python -m heartguard_influx.offline`.

heartguard_cli starts it. It reads requests from standard input, one JSON document per line, and answers each with one
or more documents; the last has `done`, or `failed` with a sentence. services/cli/README.md has the files' format.
"""

import gzip
import json
import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, TextIO

from heartguard_common.core.errors import ServiceError
from heartguard_common.core.settings import SettingsError
from heartguard_influx.buckets.domain import days_in_influxdb, is_bucket_name
from heartguard_influx.series.domain import EARLIEST_NS, LATEST_NS
from heartguard_influx.settings import InfluxSettings
from heartguard_influx.store.influxdb import Server, flux
from heartguard_influx.store.influxdb.copying import BucketReader, Loader, MixedTypesError, Registered, Run, Sums
from heartguard_influx.store.influxdb.server import RefusedError, RequestLimits

MARK = "heartguard_restore"
"""A bucket that exists while a restore runs: until its end the buckets of the organizations are incomplete."""
# No gateway waits for these answers, and an organization may have many points.
LIMITS = RequestLimits(
    connect=5.0, read=60.0, deadline=180.0, answer=600.0, answer_bytes=8 * 1024**3, attempts=6, first_pause=1.0
)
FILE_BYTES = 64 * 1024 * 1024
"""Bytes of a file before compression, about."""
Answer = Mapping[str, Any]


class _FailedError(Exception):
    """Why a request can't be carried out, as a sentence."""


class Copying:
    """Carries out the requests, one after the other."""

    def __init__(self, server: Server, *, file_bytes: int = FILE_BYTES) -> None:
        self._server = server
        self._file_bytes = file_bytes
        self._loaders: dict[str, Loader] = {}
        self._handlers = {
            "prove": self._prove,
            "export": self._export,
            "begin": self._begin,
            "load": self._load,
            "compare": self._compare,
            "discard": self._discard,
            "finish": self._finish,
        }

    def answer(self, request: Mapping[str, Any]) -> Iterator[Answer]:
        """Carry out a request; the last answer has `done` or `failed`."""
        about = f" (bucket {request['bucket']})" if "bucket" in request else ""
        try:
            yield from self._handlers[request["do"]](request)
        except ServiceError as error:
            details = "".join(f"; {violation.message}" for violation in error.details)
            yield {"failed": f"{error.message}{details}{about}"}
        except RefusedError as error:
            yield {"failed": f"InfluxDB refuses{about}: {error.status} {error.message[:300]}"}
        except MixedTypesError as error:
            yield {
                "failed": f"The field {error} has values of several types, which can't be read together{about}:"
                " an admin removes those of one type by POST /timeseries/delete first"
            }
        except _FailedError as error:
            yield {"failed": str(error)}

    def _prove(self, _: Mapping[str, Any]) -> Iterator[Answer]:
        """Check the rights of the token; this changes nothing except the bucket for these checks."""
        self._server.ping()
        yield {"done": True}

    def _export(self, request: Mapping[str, Any]) -> Iterator[Answer]:
        """Write a bucket's points to files in `directory`; one answer names each file when it is complete."""
        bucket, directory = request["bucket"], Path(request["directory"])
        registered = _registered(Path(request["series"]))
        sums = Sums()
        runs = BucketReader(self._server, bucket, registered).runs()
        for number, lines in enumerate(self._files(runs, sums), start=1):
            file = directory / f"{number:06d}.ndjson.gz"
            with gzip.GzipFile(file, "wb", compresslevel=4, mtime=0) as stream:
                for line in lines:
                    stream.write(line)
            yield {"file": file.name}
        days = days_in_influxdb(bucket, request["org_id"], request["retention_days"])
        yield {"done": True, "values": sums.values, "digest": sums.digest, "days": days}

    def _files(self, runs: Iterator[Run], sums: Sums) -> Iterator[Iterator[bytes]]:
        """The lines of each file; one has to be read to its end before the next."""

        def of_file(run: Run | None) -> Iterator[bytes]:
            size = 0
            while run is not None:
                sums.add(run.lines())
                line = run.text().encode() + b"\n"
                size += len(line)
                yield line
                if size >= self._file_bytes:
                    return
                run = next(runs, None)

        while (first := next(runs, None)) is not None:
            yield of_file(first)

    def _begin(self, _: Mapping[str, Any]) -> Iterator[Answer]:
        """Prepare for a restore: remove what an unfinished one has left, and refuse an InfluxDB with other points."""
        names = self._server.bucket_names()
        ours = sorted(name for name in names if is_bucket_name(name))
        if MARK not in names:
            if held := [name for name in ours if self._holds(name)]:
                shown = ", ".join(held[:5]) + (f" and {len(held) - 5} more" if len(held) > 5 else "")
                raise _FailedError(
                    f"A backup is restored into an empty system only, and the InfluxDB has points in {shown}: name"
                    " another INFLUX_ORG, or remove these buckets there"
                )
            self._server.make_bucket(MARK, None)
        for name in ours:
            self._server.remove_bucket(name)
        yield {"done": True}

    def _holds(self, bucket: str) -> bool:
        query = flux.totals(flux.everything(bucket, EARLIEST_NS, LATEST_NS, None), "first")
        return any(True for _ in self._server.query(query))

    def _load(self, request: Mapping[str, Any]) -> Iterator[Answer]:
        """Store the points of one file; creates the bucket for the first file."""
        bucket = request["bucket"]
        if bucket not in self._loaders:
            self._server.make_bucket(bucket, request["days"])
            self._loaders[bucket] = Loader(self._server, bucket, request["days"])
        try:
            with gzip.open(request["file"], "rt", encoding="utf-8") as stream:
                self._loaders[bucket].send(Run.parse(line) for line in stream)
        except (OSError, EOFError, ValueError) as error:
            raise _FailedError(f"A file of the bucket {bucket} can't be read as points: {error}") from error
        yield {"done": True}

    def _compare(self, request: Mapping[str, Any]) -> Iterator[Answer]:
        """Compare the points of the files, and those in the bucket, with count and hash of the manifest."""
        bucket = request["bucket"]
        loader = self._loaders.pop(bucket, None) or Loader(self._server, bucket, None)
        total = loader.total()
        if (total.values, total.digest) != (request["values"], request["digest"]):
            raise _FailedError(
                f"The points of {bucket} in the backup are not what its manifest says: {total.values:,} values"
                f" of {request['values']:,}"
            )
        expected, found = loader.compare()
        if (expected.values, expected.digest) != (found.values, found.digest):
            raise _FailedError(
                f"The bucket {bucket} holds other points than were sent there: {found.values:,} values of"
                f" {expected.values:,}"
            )
        yield {"done": True, "stored": found.values}

    def _discard(self, _: Mapping[str, Any]) -> Iterator[Answer]:
        """Remove what a restore has stored, and then its mark."""
        if MARK in (names := self._server.bucket_names()):
            for name in names:
                if is_bucket_name(name):
                    self._server.remove_bucket(name)
            self._server.remove_bucket(MARK)
        yield {"done": True}

    def _finish(self, _: Mapping[str, Any]) -> Iterator[Answer]:
        """End a restore: remove its mark."""
        self._server.remove_bucket(MARK)
        yield {"done": True}


def _registered(file: Path) -> Registered:
    """The digests of series in a file of lines `["measurement","digest"]`."""
    found: dict[str, set[bytes]] = {}
    with file.open(encoding="utf-8") as stream:
        for line in stream:
            measurement, digest = json.loads(line)
            found.setdefault(measurement, set()).add(bytes.fromhex(digest))
    return found


def serve(copying: Copying, requests: Iterable[str], out: TextIO) -> None:
    """Answer requests until there are no more."""
    for line in requests:
        for answer in copying.answer(json.loads(line)):
            _send(out, answer)


def _send(out: TextIO, answer: Answer) -> None:
    out.write(json.dumps(answer) + "\n")
    out.flush()


def main(environ: Mapping[str, str] | None = None) -> int:
    """Answer the requests on standard input; returns 2 where the settings name no InfluxDB."""
    try:
        settings = InfluxSettings.from_env(environ)
    except SettingsError as error:
        _send(sys.stdout, {"failed": str(error)})
        return 2
    server = Server(settings.influx_url, settings.influx_token, settings.influx_org, limits=LIMITS)
    try:
        serve(Copying(server), sys.stdin, sys.stdout)
    finally:
        server.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
