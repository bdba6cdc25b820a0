"""Media behind a gateway, both as they run in production, for large files: how fast, and with how much memory."""

import hashlib
import http.client
import random
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from tests.memory import Held
from tests.people import found, join
from tests.servers import Database, free_port
from tests.service.gateway.stack import GunicornProcess, environ
from tests.tokens import bearer, settings_environ

MEBIBYTE = 1024 * 1024
BLOCK = bytearray(random.Random(7).randbytes(MEBIBYTE))
ALLOCATOR = {"MALLOC_ARENA_MAX": "2", "MALLOC_MMAP_THRESHOLD_": str(4 * MEBIBYTE)}  # as start_services.sh sets it


@dataclass(frozen=True)
class Stack:
    """A gateway, a media service, and a member's header."""

    gateway: GunicornProcess
    media: GunicornProcess
    who: dict[str, str]
    org_id: int

    def request(self, method: str, target: str, body: object = None, **headers: str) -> http.client.HTTPResponse:
        """One request on a connection of its own, which ends with the answer; that is still to be read."""
        connection = http.client.HTTPConnection("127.0.0.1", self.gateway.port, timeout=120)
        connection.request(method, target, body, {**headers, "Connection": "close"})  # type: ignore[arg-type]
        return connection.getresponse()


@contextmanager
def running(database: Database, redis_url: str, directory: Path, max_mb: int) -> Iterator[Stack]:
    """Start both; files lie below `directory`."""
    org = found(database)
    port = free_port()
    quota = str(max_mb * 100)
    limits = {**ALLOCATOR, "MAX_UPLOAD_MB": str(max_mb), "RATE_LIMIT": "100000/min"}
    kept = settings_environ("media", database, redis_url, MEDIA_DIR=str(directory / "media"), MEDIA_QUOTA_MB=quota)
    kept |= {**limits, "PUBLIC_URL": f"http://127.0.0.1:{port}"}
    media = GunicornProcess(kept, directory / "media.log", workers=1, service="media")
    passing = environ(redis_url, f"http://127.0.0.1:{media.port}", directory / "spool", **limits)
    # One worker: a second might still be starting when memory is first measured.
    gateway = GunicornProcess(passing, directory / "gateway.log", port=port, workers=1)
    who = bearer(join(database, org, "admin"), "admin", org)
    with media.running(), gateway.running():
        yield Stack(gateway, media, who, org)


def content(size: int) -> Iterator[bytes]:
    """So many MiB that no two of are equal."""
    for number in range(size):
        BLOCK[:8] = number.to_bytes(8, "big")
        yield bytes(BLOCK)


def digest_of(blocks: Iterator[bytes]) -> str:
    """The SHA-256 of a stream."""
    digest = hashlib.sha256()
    for block in blocks:
        digest.update(block)
    return digest.hexdigest()


def blocks_of(answer: http.client.HTTPResponse) -> Iterator[bytes]:
    """An answer in blocks, as they come."""
    while block := answer.read(MEBIBYTE):
        yield block


@dataclass
class Size:
    """Bytes in memory: of all processes of a program, with and without mapped files, and of the largest one (RSS)."""

    together: int = 0
    own: int = 0
    largest: int = 0

    def look(self, pid: int) -> None:
        """Keep the larger of what was and what is."""
        together = own = 0
        for process in (parent := psutil.Process(pid), *parent.children(recursive=True)):
            try:
                held = Held.by(process)
                together, own = together + held.all, own + held.own
                self.largest = max(self.largest, process.memory_info().rss)
            except (psutil.NoSuchProcess, FileNotFoundError, ProcessLookupError):
                continue
        self.together, self.own = max(self.together, together), max(self.own, own)


def peak_of(pids: dict[str, int], work: Callable[[], Any], every: float = 0.05) -> tuple[Any, dict[str, Size]]:
    """What `work` returns, and the largest size each program had meanwhile, looked at every so many seconds."""
    peaks = {name: Size() for name in pids}
    over = threading.Event()

    def watch() -> None:
        while True:
            for name, pid in pids.items():
                peaks[name].look(pid)
            if over.wait(every):
                return

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        result = work()
    finally:
        over.set()
        watcher.join()
    return result, peaks


def pids_of(stack: Stack) -> dict[str, int]:
    """The masters of both programs."""
    assert stack.gateway.process is not None
    assert stack.media.process is not None
    return {"gateway": stack.gateway.process.pid, "media": stack.media.process.pid}


def target_of(url: str) -> str:
    """A URL without scheme and host."""
    return re.sub(r"^https?://[^/]+", "", url)
