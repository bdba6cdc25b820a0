"""Reading a client's body: whole, in pieces, and not at any pace the client likes."""

import io
import time
from pathlib import Path

import gevent
import pytest

from heartguard_common.core.errors import ServiceError
from heartguard_gateway.bodies import IN_MEMORY, BodySpool
from heartguard_gateway.body_reader import PIECE, BodyReader, Pace
from heartguard_gateway.domain import Request


class Client:
    """A request whose body is `data`, and whether its connection was closed."""

    def __init__(self, body: object, *, chunked: bool = False, declared: int = 0) -> None:
        self.closed = False
        self.request = Request("PUT", "/x", {}, "127.0.0.1", body, chunked, declared, close=self.close)  # type: ignore[arg-type]

    def close(self) -> None:
        self.closed = True


class Failing:
    def __init__(self, error: Exception) -> None:
        self._error = error

    def read(self, _: int = -1) -> bytes:
        raise self._error


class Trickle:
    """A byte each 10 ms."""

    def read(self, _: int = -1) -> bytes:
        gevent.sleep(0.01)
        return b"x"


@pytest.fixture
def spool(tmp_path: Path) -> BodySpool:
    return BodySpool(tmp_path)


def read(spool: BodySpool, client: Client, limit: int = 10_000_000, pace: Pace | None = None) -> bytes:
    with spool.open("a") as body:
        BodyReader(client.request, limit, time.monotonic, pace).read_into(body)
        assert (body.whole() is None) is (len(body) > IN_MEMORY)
        return b"".join(body)


def code(spool: BodySpool, client: Client, limit: int = 10_000_000, pace: Pace | None = None) -> str:
    with pytest.raises(ServiceError) as caught:
        read(spool, client, limit, pace)
    assert client.closed
    assert (spool.memory.used, spool.disk.used) == (0, 0)
    return caught.value.row.code


@pytest.mark.parametrize("size", [1, PIECE, IN_MEMORY, IN_MEMORY + 1, 1_000_000])
@pytest.mark.parametrize("chunked", [False, True])
def test_a_body_is_read_to_its_end(spool: BodySpool, size: int, chunked: bool) -> None:
    data = (bytes(range(251)) * (size // 251 + 1))[:size]
    client = Client(io.BytesIO(data), chunked=chunked, declared=0 if chunked else size)
    assert read(spool, client, limit=size) == data
    assert client.request.consumed
    assert not client.closed


def test_bytes_after_the_declared_length_are_left(spool: BodySpool) -> None:
    body = io.BytesIO(b"body" + b"GET /next HTTP/1.1")
    assert read(spool, Client(body, declared=4)) == b"body"
    assert body.read() == b"GET /next HTTP/1.1"


@pytest.mark.parametrize("size", [10, 200_000])
def test_a_body_that_ends_early_is_400(spool: BodySpool, size: int) -> None:
    assert code(spool, Client(io.BytesIO(b"x" * (size - 1)), declared=size)) == "GW_004"


@pytest.mark.parametrize("error", [ConnectionResetError(), ValueError("bad chunk")])
def test_broken_framing_and_a_client_that_left_are_400_and_never_an_oserror(spool: BodySpool, error: Exception) -> None:
    assert code(spool, Client(Failing(error), chunked=True)) == "GW_004"


@pytest.mark.parametrize("size", [1001, 200_000])
def test_more_than_the_limit_is_413(spool: BodySpool, size: int) -> None:
    assert code(spool, Client(io.BytesIO(b"x" * size), chunked=True), limit=1000) == "GEN_413"


def test_a_declared_length_above_the_limit_is_413_before_a_byte_is_read(spool: BodySpool) -> None:
    assert code(spool, Client(Failing(AssertionError()), declared=1001), limit=1000) == "GEN_413"


def test_a_trickle_is_408(spool: BodySpool) -> None:
    assert code(spool, Client(Trickle(), declared=1000), pace=Pace(grace=0.1, minimum_rate=100_000)) == "GW_005"


def test_a_client_at_the_minimum_rate_may_go_on(spool: BodySpool) -> None:
    assert read(spool, Client(Trickle(), declared=30), pace=Pace(grace=0.2, minimum_rate=1)) == b"x" * 30
