"""Who reads a file slowly holds no thread of the media service, and no space when they are gone."""

import hashlib
import json
import socket
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from bench.slow_clients.usage import open_files
from tests.media_stack import MEBIBYTE, Stack, content, digest_of, pids_of, running, target_of
from tests.people import found, join
from tests.servers import Database, children, until
from tests.tokens import bearer

SIZE = 3  # MiB: more than sockets and the memory for one answer hold
READERS = 12  # three times as many as the service has threads


@pytest.fixture
def stack(database: Database, redis_url: str, tmp_path: Path) -> Iterator[Stack]:
    with running(database, redis_url, tmp_path, 50) as stack:
        yield stack


def link(stack: Stack) -> str:
    """The path of a signed URL of a large file."""
    headers = {**stack.who, "Content-Type": "application/octet-stream", "Content-Length": str(SIZE * MEBIBYTE)}
    item = json.loads(stack.request("PUT", "/media/upload?file_name=a.bin", content(SIZE), **headers).read())["id"]
    return target_of(json.loads(stack.request("GET", f"/media/items/{item}/download", **stack.who).read())["url"])


def slow_reader(stack: Stack, target: str) -> socket.socket:
    """Asks, reads the head, and then nothing for a long time."""
    reader = socket.socket()
    reader.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    reader.settimeout(20)
    reader.connect(("127.0.0.1", stack.gateway.port))
    reader.sendall(f"GET {target} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
    assert reader.recv(12) == b"HTTP/1.1 200"
    return reader


def gateway_files(stack: Stack) -> tuple[int, int]:
    """Open files of the gateway's worker, and bytes of those without a name."""
    [worker] = children(pids_of(stack)["gateway"])
    return open_files(worker)


def test_slow_readers_of_a_file_block_no_other(stack: Stack, database: Database) -> None:
    target = link(stack)
    other = found(database, "Other")
    stranger = {**bearer(join(database, other, "admin"), "admin", other), "Content-Type": "application/octet-stream"}
    files, _ = gateway_files(stack)
    with ExitStack() as exit_stack:
        readers = [exit_stack.enter_context(slow_reader(stack, target)) for _ in range(READERS)]
        for _ in range(4):
            assert stack.request("PUT", "/media/upload?file_name=b.bin", b"x" * 100_000, **stranger).status == 201
            assert stack.request("GET", "/media/items", **stranger).status == 200
        assert gateway_files(stack)[1] > 0
        # Slow is not lost: who reads on gets every byte.
        body = bytearray()
        while block := readers[0].recv(MEBIBYTE):
            body += block
        assert hashlib.sha256(body.partition(b"\r\n\r\n")[2]).hexdigest() == digest_of(content(SIZE))
    until(lambda: gateway_files(stack)[1] == 0 and gateway_files(stack)[0] <= files + 10, "release of what was kept")
