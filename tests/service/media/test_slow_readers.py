"""Who reads a file slowly holds no thread of the media service, and no space when they are gone."""

import hashlib
import json
import socket
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from bench.slow_clients.held import open_files
from tests.media_house import MEBIBYTE, House, content, digest_of, pids_of, running, target_of
from tests.people import found, join
from tests.servers import Database, children, until
from tests.tokens import bearer

SIZE = 3  # MiB: more than sockets and the memory for one answer hold
READERS = 12  # three times as many as the service has threads


@pytest.fixture
def house(database: Database, redis_url: str, tmp_path: Path) -> Iterator[House]:
    with running(database, redis_url, tmp_path, 50) as house:
        yield house


def link(house: House) -> str:
    """The path of a signed URL of a large file."""
    headers = {**house.who, "Content-Type": "application/octet-stream", "Content-Length": str(SIZE * MEBIBYTE)}
    item = json.loads(house.request("PUT", "/media/upload?file_name=a.bin", content(SIZE), **headers).read())["id"]
    return target_of(json.loads(house.request("GET", f"/media/items/{item}/download", **house.who).read())["url"])


def slow_reader(house: House, target: str) -> socket.socket:
    """Asks, reads the head, and then nothing for a long time."""
    reader = socket.socket()
    reader.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    reader.settimeout(20)
    reader.connect(("127.0.0.1", house.gateway.port))
    reader.sendall(f"GET {target} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
    assert reader.recv(12) == b"HTTP/1.1 200"
    return reader


def gateway_files(house: House) -> tuple[int, int]:
    """Open files of the gateway's worker, and bytes of those without a name."""
    [worker] = children(pids_of(house)["gateway"])
    return open_files(worker)


def test_slow_readers_of_a_file_stop_nobody_and_give_back_what_they_held(house: House, database: Database) -> None:
    target = link(house)
    other = found(database, "Other")
    stranger = {**bearer(join(database, other, "admin"), "admin", other), "Content-Type": "application/octet-stream"}
    files, _ = gateway_files(house)
    with ExitStack() as stack:
        readers = [stack.enter_context(slow_reader(house, target)) for _ in range(READERS)]
        for _ in range(4):
            assert house.request("PUT", "/media/upload?file_name=b.bin", b"x" * 100_000, **stranger).status == 201
            assert house.request("GET", "/media/items", **stranger).status == 200
        assert gateway_files(house)[1] > 0
        # Slow is not lost: who reads on gets every byte.
        body = bytearray()
        while block := readers[0].recv(MEBIBYTE):
            body += block
        assert hashlib.sha256(body.partition(b"\r\n\r\n")[2]).hexdigest() == digest_of(content(SIZE))
    until(lambda: gateway_files(house)[1] == 0 and gateway_files(house)[0] <= files + 10, "release of what was kept")
