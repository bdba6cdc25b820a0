"""Slow, large and refused bodies against gateway, auth and media as they run in production: others are answered."""

import gzip
import json
import os
import select
import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest

from tests.people import found, join
from tests.servers import Database, Valkey, until
from tests.service.gateway.stack import Answer, GunicornProcess, environ, read_answer
from tests.tokens import bearer, settings_environ

JSON = {"Content-Type": "application/json"}
LOGIN = json.dumps({"email": "slow@example.com", "password": "Secret123!x"}).encode()
KIB = 1024
MIB = 1024 * KIB


@dataclass(frozen=True)
class Stack:
    """The gateway (one process), auth and media (eight threads), and two organizations with an admin each."""

    gateway: GunicornProcess
    auth: GunicornProcess
    media: GunicornProcess
    spool: Path
    first: dict[str, str]
    second: dict[str, str]

    def begin(self, head: str, sent: bytes, length: int) -> socket.socket:
        """A request whose head and first bytes have been sent, of a body of `length` bytes."""
        link = socket.create_connection(("127.0.0.1", self.gateway.port), timeout=20)
        link.sendall(f"{head}\r\nHost: x\r\nContent-Length: {length}\r\n\r\n".encode() + sent)
        return link

    def login(self) -> Answer:
        return self.gateway.ask("POST", "/auth/login", JSON, LOGIN)

    def metric(self, name: str) -> float:
        """The sum over all labels that have the text of `name`."""
        lines = self.gateway.ask("GET", "/gateway/metrics").body.decode().splitlines()
        return sum(float(line.rpartition(" ")[2]) for line in lines if line.startswith(name))

    def files(self) -> int:
        """How many files without a name the gateway holds."""
        assert self.gateway.process is not None
        worker = psutil.Process(self.gateway.process.pid).children()[0]
        opened = [target_of(place) for place in Path(f"/proc/{worker.pid}/fd").iterdir()]
        return sum(name.startswith(str(self.spool)) and name.endswith(" (deleted)") for name in opened)


def target_of(place: Path) -> str:
    """What a file descriptor stands for; nothing when it was closed meanwhile."""
    try:
        return os.readlink(place)  # noqa: PTH115  it is no path
    except FileNotFoundError:
        return ""


@pytest.fixture(scope="module")
def stack(module_database: Database, valkey: Valkey, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    directory = tmp_path_factory.mktemp("slow")
    limits = {"RATE_LIMIT": "100000/min", "MAX_UPLOAD_MB": "50"}
    services = {
        name: GunicornProcess(
            settings_environ(name, module_database, valkey.url, MEDIA_DIR=str(directory / "files"), **limits),
            directory / f"{name}.log",
            workers=1,
            service=name,
            threads=8,
        )
        for name in ("auth", "media")
    }
    auth, media = services["auth"], services["media"]
    urls = {"AUTH_URL": f"http://127.0.0.1:{auth.port}", "MEDIA_URL": f"http://127.0.0.1:{media.port}"}
    passing = environ(valkey.url, urls["AUTH_URL"], directory / "spool", **urls, **limits)
    gateway = GunicornProcess(passing, directory / "gateway.log", workers=1)
    orgs = [found(module_database, name) for name in ("First", "Second")]
    first, second = (bearer(join(module_database, org, "admin"), "admin", org) for org in orgs)
    with auth.running(), media.running(), gateway.running():
        made = Stack(gateway, auth, media, directory / "spool", first, second)
        assert gateway.ask("POST", "/auth/register", JSON, LOGIN).status == 201
        yield made


@contextmanager
def held(count: int, begin: Callable[[], socket.socket]) -> Iterator[list[socket.socket]]:
    with ExitStack() as links:
        yield [links.enter_context(begin()) for _ in range(count)]


def answered(links: list[socket.socket]) -> list[socket.socket]:
    """The connections on which something has come."""
    return select.select(links, [], [], 0)[0]


def test_slow_anonymous_bodies_take_no_thread_of_auth(stack: Stack) -> None:
    """The attack: 8 MiB declared, 140 KB at once. Now 413 at once; and within the limit a greenlet each."""
    with held(8, lambda: stack.begin("POST /auth/refresh HTTP/1.1", bytes(140_000), 8 * MIB)) as links:
        for link in links:
            head, body = read_answer(link)
            assert head.startswith("http/1.1 413")
            assert b"16384 bytes" in body
    with held(40, lambda: stack.begin("POST /auth/refresh HTTP/1.1", bytes(15 * KIB), 16 * KIB)):
        assert [stack.login().status for _ in range(3)] == [200, 200, 200]
        assert stack.gateway.ask("GET", "/auth/health").status == 200


def test_slow_documents_over_256_kib_lie_in_files_and_are_given_back(stack: Stack) -> None:
    size = 8 * MIB
    token = stack.first["Authorization"]
    head = f"POST /media/upload HTTP/1.1\r\nContent-Type: application/json\r\nAuthorization: {token}"
    with held(12, lambda: stack.begin(head, bytes(300 * KIB), size)):
        until(lambda: stack.files() == 12, "twelve files")
        until(lambda: stack.metric('heartguard_gateway_spooled_bytes{place="disk"}') > 2 * MIB, "bytes on the disk")
        assert stack.gateway.ask("GET", "/media/usage", stack.first).status == 200
    until(lambda: stack.files() == 0, "no file")
    until(lambda: stack.metric("heartguard_gateway_spooled_bytes") == 0, "no byte held")


def test_slow_uploads_of_one_member_leave_another_organization_its_lanes(stack: Stack) -> None:
    """Eight uploads that stop after 140 KB; before, they held all threads of media."""
    token = stack.first["Authorization"]
    head = f"PUT /media/upload?file_name=a.png HTTP/1.1\r\nContent-Type: image/png\r\nAuthorization: {token}"
    image = b"\x89PNG\r\n\x1a\n" + bytes(200 * KIB)
    with held(8, lambda: stack.begin(head, image[: 140 * KIB], len(image))) as links:
        until(lambda: stack.metric('heartguard_gateway_streams{upstream="media"}') == 3, "three lanes")
        for _ in range(2):
            kind = {"Content-Type": "image/png"}
            answer = stack.gateway.ask("PUT", "/media/upload?file_name=b.png", {**stack.second, **kind}, image)
            assert answer.status == 201
            assert stack.gateway.ask("GET", "/media/usage", stack.second).status == 200
        until(lambda: len(answered(links)) == 5, "the refusal of five")
        was = answered(links)
        refused = [read_answer(link) for link in was]
        assert {head.splitlines()[0] for head, _ in refused} == {"http/1.1 503 service unavailable"}
        assert all("retry-after: 5" in head and b"GW_016" in body for head, body in refused)
        for link in links:
            if link not in was:
                link.sendall(image[140 * KIB :])
                assert read_answer(link)[0].startswith("http/1.1 201")
    until(lambda: stack.metric('heartguard_gateway_streams{upstream="media"}') == 0, "no lane taken")


def test_large_bodies_that_are_refused_unread_fail_no_request_that_follows(stack: Stack) -> None:
    """Auth announced keep-alive, and closed one after the other; the gateway sent logins on those connections."""
    head = "POST /auth/login HTTP/1.1\r\nContent-Type: text/plain"
    token = stack.first["Authorization"]
    streams = f"PUT /media/upload?no=name HTTP/1.1\r\nAuthorization: {token}"
    documents = f"POST /media/upload HTTP/1.1\r\nContent-Type: text/plain\r\nAuthorization: {token}"
    for _ in range(3):
        with (
            held(12, lambda: stack.begin(head, bytes(16 * KIB), 16 * KIB)) as small,
            held(6, lambda: stack.begin(documents, bytes(140_000), 140_000)) as large,
            held(3, lambda: stack.begin(streams, bytes(70_000), 70_000)) as media,
        ):
            assert {read_answer(link)[0].split()[1] for link in [*small, *large]} == {"415"}
            assert {read_answer(link)[0].split()[1] for link in media} == {"422"}
            image = {**stack.second, "Content-Type": "image/png"}
            for number in range(3):
                assert stack.login().status == 200
                name = f"/media/upload?file_name={number}.png"
                assert stack.gateway.ask("PUT", name, image, b"\x89PNG\r\n\x1a\n").status == 201
                assert stack.gateway.ask("GET", "/auth/health").status == 200
    troubles = "heartguard_gateway_upstream_events_total{"
    assert stack.metric(troubles) == stack.metric(troubles + 'event="streams_exhausted"')
    assert stack.metric("heartguard_gateway_breaker_open") == 0


def test_a_service_says_that_the_connection_ends_and_waits_in_no_thread_that_accepts(stack: Stack) -> None:
    """Sixteen peers that go on after 401 and do not close: gunicorn waited 2 s for each, one after the other."""
    head = "POST /auth/password HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\n"
    links = []
    with ExitStack() as opened:
        for _ in range(16):
            link = opened.enter_context(socket.create_connection(("127.0.0.1", stack.auth.port), timeout=20))
            link.sendall(head.encode() + bytes(100_000))
            links.append(link)
        for link in links:
            text, _ = read_answer(link)
            assert text.startswith("http/1.1 401")
            assert "connection: close" in text
        assert stack.auth.ask("GET", "/auth/health").status == 200  # within the 20 s of `ask`


def test_a_small_unread_body_keeps_the_connection(stack: Stack) -> None:
    with socket.create_connection(("127.0.0.1", stack.auth.port), timeout=20) as link:
        for _ in range(2):
            link.sendall(b"POST /auth/password HTTP/1.1\r\nHost: x\r\nContent-Length: 20000\r\n\r\n" + bytes(20_000))
            text, _ = read_answer(link)
            assert text.startswith("http/1.1 401")
            assert "connection: keep-alive" in text


def test_a_bomb_of_gzip_is_refused_by_its_size(stack: Stack) -> None:
    """8 KB that become 8 MiB of `[],` in a token: 3 to 6 s and 2 GB before."""
    bomb = gzip.compress(b'{"refresh_token": [' + b"[]," * (2_796_000) + b"[]]}")
    assert len(bomb) < 16 * KIB
    assert stack.auth.process is not None
    worker = psutil.Process(stack.auth.process.pid).children()[0]
    before = worker.memory_info().rss
    for _ in range(8):
        answer = stack.gateway.ask("POST", "/auth/refresh", {**JSON, "Content-Encoding": "gzip"}, bomb)
        assert (answer.status, answer.code) == (413, "GEN_413")
        assert "16384 bytes" in answer.json["error"]["message"]
    assert worker.memory_info().rss - before < 16 * MIB
