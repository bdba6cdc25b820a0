"""The stream process beside a gateway, and clients that read streams."""

import json
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPResponse
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple, Self

from tests.servers import Database, free_port, until
from tests.service.gateway.stack import Answer, GunicornProcess, environ
from tests.tokens import mark_ready, settings_environ


class Event(NamedTuple):
    """One event as a client reads it; a position has no name."""

    name: str
    id: str
    data: str

    @property
    def document(self) -> Any:
        return json.loads(self.data)


class Watching:
    """One open stream."""

    def __init__(self, port: int, target: str, headers: dict[str, str], seconds: float = 20.0) -> None:
        self._connection = HTTPConnection("127.0.0.1", port, timeout=seconds)
        self._connection.request("GET", target, headers={"Accept": "text/event-stream", **headers})
        self.response: HTTPResponse = self._connection.getresponse()
        self.last_id = ""
        self.ended = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self.response.close()
        self._connection.close()

    @property
    def answer(self) -> Answer:
        """The answer, where it is a refusal."""
        headers = {name.lower(): value for name, value in self.response.getheaders()}
        found = Answer(self.response.status, headers, self.response.read())
        self.close()
        return found

    def blocks(self) -> Iterator[list[str]]:
        """The lines between empty lines, until the stream ends."""
        lines: list[str] = []
        while line := self.response.readline().decode():
            if line.rstrip("\n"):
                lines.append(line.rstrip("\n"))
            else:
                yield lines
                lines = []
        self.ended = True

    def events(self) -> Iterator[Event]:
        """What comes, as EventSource would see it."""
        for lines in self.blocks():
            found: dict[str, list[str]] = {}
            for line in lines:
                name, _, value = line.partition(": ")
                found.setdefault(name, []).append(value)
            self.last_id = found.get("id", [self.last_id])[-1]
            if "event" in found:
                yield Event(found["event"][-1], self.last_id, "\n".join(found["data"]))

    def begun(self) -> "Watching":
        """After the first block, which says that the stream is there."""
        if self.response.status != 200:
            raise AssertionError(self.answer.body)
        lines = next(self.blocks())
        assert lines[0] == "retry: 3000", lines
        self.last_id = lines[1].removeprefix("id: ")
        return self

    def next(self) -> Event:
        return next(self.events())


@dataclass
class LiveSystem:
    """The gateway, the stream process and the time-series service of one organization's data."""

    gateway: GunicornProcess
    influx: GunicornProcess
    settings: dict[str, str]
    log: Path
    port: int
    process: subprocess.Popen[bytes] | None = None

    def watch(self, headers: dict[str, str], query: str = "", **more: str) -> Watching:
        return Watching(self.gateway.port, f"/stream{query}", headers | more)

    def watching(self, headers: dict[str, str], query: str = "", **more: str) -> Watching:
        """A stream that has begun."""
        return self.watch(headers, query, **more).begun()

    def write(self, org: int, headers: dict[str, str], *points: dict[str, Any], bucket: str = "") -> None:
        body = json.dumps({"bucket": bucket or f"org_{org}", "points": list(points)}).encode()
        answer = self.gateway.ask("POST", "/timeseries/write", headers | {"Content-Type": "application/json"}, body)
        assert answer.status == 200, answer.body

    def metrics(self) -> str:
        connection = HTTPConnection("127.0.0.1", self.port, timeout=20)
        try:
            connection.request("GET", "/gateway/metrics")
            return connection.getresponse().read().decode()
        finally:
            connection.close()

    def metric(self, name: str) -> float:
        """A metric without labels."""
        line = next(it for it in self.metrics().splitlines() if it.startswith(f"{name} "))
        return float(line.rpartition(" ")[2])

    def start(self) -> None:
        with self.log.open("ab") as out:
            command = [sys.executable, "-m", "heartguard_gateway.stream"]
            self.process = subprocess.Popen(command, env=self.settings, stdout=out, stderr=out)
        until(self._answers, "the stream process", 60)

    def stop(self, number: int = signal.SIGTERM) -> int:
        assert self.process is not None
        self.process.send_signal(number)
        return self.process.wait(20)

    def _answers(self) -> bool:
        assert self.process is not None
        assert self.process.poll() is None, self.log.read_text()[-3000:]
        try:
            return "heartguard_streams_open" in self.metrics()
        except OSError:
            return False


@contextmanager
def live_system(
    database: Database,
    redis_url: str,
    directory: Path,
    *,
    influx: Mapping[str, str] = MappingProxyType({}),
    **more: str,
) -> Iterator[LiveSystem]:
    """All three, without auth: tokens count as long as Redis has the mark of the revocations.

    `more` are variables of the gateway and the stream process, `influx` of the time-series service.
    """
    mark_ready(redis_url)
    settings = {**settings_environ("influx", database, redis_url), **influx}
    with GunicornProcess(settings, directory / "influx.log", workers=1, service="influx").running() as service:
        url = f"http://127.0.0.1:{service.port}"
        spool, port = directory / "spool", free_port()
        common = environ(
            redis_url, url, spool, **{"RATE_LIMIT": "100000/min", "STREAM_BIND": f"127.0.0.1:{port}", **more}
        )
        gateway = GunicornProcess(common, directory / "gateway.log")
        with gateway.running():
            system = LiveSystem(gateway, service, {**gateway._environ}, directory / "stream.log", port)
            system.settings.pop("PROMETHEUS_MULTIPROC_DIR")
            system.start()
            try:
                yield system
            finally:
                if system.process is not None and system.process.poll() is None:
                    system.stop()
