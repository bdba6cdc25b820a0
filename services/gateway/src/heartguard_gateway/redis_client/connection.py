"""Redis by group commit: whatever the worker's greenlets ask at one moment travels in one write.

Three outcomes stay apart: answered, not sent, and sent without an answer. An error reply (LOADING, READONLY, OOM)
is no answer: taken for one, an event would count as stored that is not.
"""

import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from ssl import PROTOCOL_TLS_CLIENT
from typing import Any

import gevent
import hiredis
from gevent import socket, ssl
from gevent.event import Event

from heartguard_common.core.redis_urls import RedisUrl, parse
from heartguard_gateway.sockets import send_all

Command = tuple[Any, ...]
_NOTHING = object()
_RECEIVE = 64 * 1024
_PATIENCE = 4  # time-outs that a caller waits at most, while others are answered
_LAST_LOOK = 0.001  # seconds; a sleep of 0 would not ask the kernel for news


class RedisUnavailable(Exception):  # noqa: N818  it names a state, as callers read it
    """Redis gave no usable answer; `sent` says whether the commands may have taken effect."""

    def __init__(self, why: str, *, sent: bool) -> None:
        super().__init__(why)
        self.sent = sent


@dataclass(eq=False)
class _Job:
    data: bytes
    expected: int
    sent: bool = False
    given_up: bool = False
    failed: str | None = None
    replies: list[object] = field(default_factory=list)
    done: Event = field(default_factory=Event)


@dataclass(frozen=True)
class _Address:
    """Where Redis is, what it is greeted with, and how its certificate is verified, if it has to have one."""

    url: RedisUrl
    greeting: tuple[Command, ...]
    tls: Any

    @classmethod
    def parse(cls, text: str) -> "_Address":
        url = parse(text)
        greeting: list[Command] = []
        if url.password:
            names = (url.username,) if url.username else ()
            greeting.append(("AUTH", *names, url.password))
        if url.database:
            greeting.append(("SELECT", str(url.database)))
        return cls(url, tuple(greeting), _context(url) if url.tls else None)

    def connect(self, timeout: float) -> Any:
        if self.url.path is not None:
            link = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            link.settimeout(timeout)
            link.connect(self.url.path)
            return link
        link = socket.create_connection((self.url.host, self.url.port), timeout)
        try:
            link.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            return self.tls.wrap_socket(link, server_hostname=self.url.host) if self.tls else link
        except BaseException:
            link.close()
            raise


def _context(url: RedisUrl) -> Any:
    """How a server's certificate is verified: the host name too, by the authorities named or else the system's.

    gevent's own class: a wait in a TLS handshake or read must not stop the other greenlets. Raises
    OSError for a file that can't be read.
    """
    context = ssl.SSLContext(PROTOCOL_TLS_CLIENT)
    if url.ca_file:
        context.load_verify_locations(cafile=url.ca_file)
    else:
        context.load_default_certs()
    if url.certificate_file:
        context.load_cert_chain(url.certificate_file, url.key_file)
    return context


class _Connection:
    """A greeted socket, the jobs that fly over it in order, and the greenlet that reads."""

    def __init__(self, link: Any, monotonic: Callable[[], float]) -> None:
        self._link = link
        self._monotonic = monotonic
        self.heard = monotonic()
        self._flying: deque[_Job] = deque()
        self._reader = hiredis.Reader(notEnoughData=_NOTHING)
        self.open = True
        link.settimeout(None)  # an idle link is a good link; it is the callers who lose patience
        gevent.spawn(self._read)

    def send(self, jobs: list[_Job]) -> None:
        for job in jobs:
            job.sent = True
        self._flying.extend(jobs)
        try:
            send_all(self._link, b"".join([job.data for job in jobs]))
        except OSError:
            self.close("the connection broke while sending")

    def close(self, why: str) -> None:
        if not self.open:
            return
        self.open = False
        self._link.close()
        for job in self._flying:
            job.failed = why
            job.done.set()
        self._flying.clear()

    def _read(self) -> None:
        try:
            while self.open and (data := self._link.recv(_RECEIVE)):
                self.heard = self._monotonic()
                self._reader.feed(data)
                while (reply := self._reader.gets()) is not _NOTHING:
                    job = self._flying[0]
                    job.replies.append(reply)
                    if len(job.replies) == job.expected:
                        self._flying.popleft()
                        job.done.set()
        except (OSError, hiredis.HiredisError, IndexError):
            pass
        self.close("the connection broke")


class RedisConnection:
    """One connection of one worker.

    After a failure there is no new attempt for `pause` seconds, so that an outage costs requests nothing but the
    fallback.
    """

    def __init__(
        self,
        url: str,
        *,
        timeout: float = 0.25,
        pause: float = 0.5,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._address = _Address.parse(url)
        self._timeout = timeout
        self._pause = pause
        self._monotonic = monotonic
        self._pending: list[_Job] = []
        self._wake = Event()
        self._connection: _Connection | None = None
        self._writer: gevent.Greenlet | None = None
        self._unavailable_until = 0.0

    def call(self, commands: Sequence[Command]) -> list[Any]:
        """The replies, one per command. Raises `RedisUnavailable`; an error reply raises it too, with its text."""
        if self._monotonic() < self._unavailable_until:
            raise RedisUnavailable("Redis was unavailable a moment ago", sent=False)
        if self._writer is None:
            self._writer = gevent.spawn(self._write)
        job = _Job(b"".join([hiredis.pack_command(command) for command in commands]), len(commands))
        self._pending.append(job)
        self._wake.set()
        self._wait(job)
        if job.failed is not None:
            raise RedisUnavailable(job.failed, sent=job.sent)
        for reply in job.replies:
            if isinstance(reply, hiredis.ReplyError):
                raise RedisUnavailable(str(reply), sent=True)
        return job.replies

    def _wait(self, job: _Job) -> None:
        """Wait for a job; raises `RedisUnavailable` when Redis has been silent for the time-out.

        As long as replies keep coming the link is busy, not broken: giving it up would turn load into an outage.
        """
        started = self._monotonic()
        while not job.done.wait(self._timeout):
            gevent.sleep(_LAST_LOOK)  # it may be this process that was late: read what has arrived
            now = self._monotonic()
            heard = self._connection.heard if self._connection else 0.0
            silent = now - max(started, heard) >= self._timeout
            if not job.done.is_set() and (silent or now - started >= _PATIENCE * self._timeout):
                job.given_up = True
                if silent:
                    self._lose("no answer in time")
                raise RedisUnavailable("no answer in time", sent=job.sent)

    def ping(self) -> None:
        """Ask whether Redis works. Raises `RedisUnavailable`."""
        self.call([("PING",)])

    def close(self) -> None:
        """Close the connection and end the greenlet."""
        if self._writer is not None:
            self._writer.kill()
            self._writer = None
        if self._connection is not None:
            self._connection.close("closed")
            self._connection = None

    def _lose(self, why: str) -> None:
        self._unavailable_until = self._monotonic() + self._pause
        if self._connection is not None:
            self._connection.close(why)
            self._connection = None

    def _write(self) -> None:
        while True:
            self._wake.wait()
            self._wake.clear()
            gevent.sleep(0)  # other greenlets that are ready join this write
            jobs = [job for job in self._pending if not job.given_up]
            self._pending = []
            if jobs:
                try:
                    self._open().send(jobs)
                except (OSError, RedisUnavailable, hiredis.HiredisError) as error:
                    self._lose(str(error))
                    for job in jobs:
                        job.failed = f"Redis can't be reached: {error}"
                        job.done.set()

    def _open(self) -> _Connection:
        if self._connection is None or not self._connection.open:
            link = self._address.connect(self._timeout)
            try:
                self._greet(link)
            except BaseException:
                link.close()
                raise
            self._connection = _Connection(link, self._monotonic)
        return self._connection

    def _greet(self, link: Any) -> None:
        reader = hiredis.Reader(notEnoughData=_NOTHING)
        for command in self._address.greeting:
            link.sendall(hiredis.pack_command(command))
            while (reply := reader.gets()) is _NOTHING:
                data = link.recv(_RECEIVE)
                if not data:
                    raise RedisUnavailable("closed while greeting", sent=False)
                reader.feed(data)
            if isinstance(reply, hiredis.ReplyError):
                raise RedisUnavailable(str(reply), sent=False)
