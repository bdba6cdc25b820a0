"""Reading a client's body: whole, streamed, or not at any pace it likes."""

import io
import time
from collections.abc import Iterable

import gevent
import pytest

from heartguard_common.errors import ServiceError
from heartguard_gateway.domain import Request
from heartguard_gateway.intake import COLLECT, Intake, Pace


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


def intake(client: Client, limit: int = 10_000_000, pace: Pace | None = None) -> Intake:
    return Intake(client.request, limit, time.monotonic, pace)


def code(client: Client, limit: int = 10_000_000, pace: Pace | None = None) -> str:
    with pytest.raises(ServiceError) as caught:
        joined(intake(client, limit, pace).body()[0])
    assert client.closed
    return caught.value.row.code


def joined(body: bytes | Iterable[bytes]) -> bytes:
    return body if isinstance(body, bytes) else b"".join(body)


@pytest.mark.parametrize("size", [1, COLLECT - 1, COLLECT])
@pytest.mark.parametrize("chunked", [False, True])
def test_a_small_body_is_whole(size: int, chunked: bool) -> None:
    data = b"x" * size
    client = Client(io.BytesIO(data), chunked=chunked, declared=0 if chunked else size)
    assert intake(client).body() == (data, size)
    assert client.request.consumed
    assert not client.closed


@pytest.mark.parametrize("chunked", [False, True])
def test_a_large_body_is_a_stream_with_the_length_it_declared(chunked: bool) -> None:
    data = bytes(range(256)) * 4096
    client = Client(io.BytesIO(data), chunked=chunked, declared=0 if chunked else len(data))
    body, length = intake(client).body()
    assert not isinstance(body, bytes)
    assert length == (None if chunked else len(data))
    assert not client.request.consumed
    assert joined(body) == data
    assert client.request.consumed


def test_no_body_is_an_empty_one() -> None:
    assert intake(Client(io.BytesIO())).body() == (b"", 0)


def test_what_follows_the_declared_length_is_not_read() -> None:
    body = io.BytesIO(b"body" + b"GET /next HTTP/1.1")
    assert intake(Client(body, declared=4)).body() == (b"body", 4)
    assert body.read() == b"GET /next HTTP/1.1"


@pytest.mark.parametrize("size", [10, 200_000])
def test_a_body_that_ends_early_is_400(size: int) -> None:
    assert code(Client(io.BytesIO(b"x" * (size - 1)), declared=size)) == "GW_004"


@pytest.mark.parametrize("error", [ConnectionResetError(), ValueError("bad chunk")])
def test_broken_framing_and_a_client_that_left_are_400_and_never_an_oserror(error: Exception) -> None:
    assert code(Client(Failing(error), chunked=True)) == "GW_004"


@pytest.mark.parametrize("size", [1001, 200_000])
def test_more_than_the_limit_is_413(size: int) -> None:
    assert code(Client(io.BytesIO(b"x" * size), chunked=True), limit=1000) == "GEN_413"


@pytest.mark.parametrize("size", [1000, 200_000])
@pytest.mark.parametrize("chunked", [False, True])
def test_a_body_may_be_as_large_as_the_limit(size: int, chunked: bool) -> None:
    data = b"x" * size
    client = Client(io.BytesIO(data), chunked=chunked, declared=0 if chunked else size)
    assert joined(intake(client, limit=size).body()[0]) == data
    assert not client.closed


def test_a_trickle_is_408() -> None:
    assert code(Client(Trickle(), declared=1000), pace=Pace(grace=0.1, minimum_rate=100_000)) == "GW_005"


def test_a_client_at_the_minimum_rate_may_go_on() -> None:
    client = Client(Trickle(), declared=30)
    assert intake(client, pace=Pace(grace=0.2, minimum_rate=20)).body() == (b"x" * 30, 30)
