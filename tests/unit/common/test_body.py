"""Reading bodies: types, sizes before and after decompression, streams that end early."""

import gzip
import io
import zlib

import pytest

from heartguard_common.core.errors import ServiceError
from heartguard_common.http import body

TYPES = ("application/json", "application/xml")
LIMIT = 1000


class Dribble:
    """A stream that returns three bytes at a time, and counts them."""

    def __init__(self, data: bytes) -> None:
        self._inner = io.BytesIO(data)
        self.given = 0

    def read(self, size: int = -1, /) -> bytes:
        block = self._inner.read(min(size, 3) if size >= 0 else 3)
        self.given += len(block)
        return block


def status(data: bytes, headers: dict[str, str]) -> int:
    with pytest.raises(ServiceError) as caught:
        body.read(io.BytesIO(data), headers, LIMIT)
    return caught.value.error_code.status


@pytest.mark.parametrize(
    "text",
    [
        "application/json",
        "Application/JSON",
        " application/json ; charset=UTF-8",
        'application/json;charset="utf-8"',
        "application/json; charset=us-ascii; x=y",
        "application/json;",
    ],
)
def test_a_media_type_is_recognized_in_any_spelling(text: str) -> None:
    assert body.media_type({"Content-Type": text}, TYPES) == "application/json"


@pytest.mark.parametrize(
    "text",
    [
        None,
        "",
        "json",
        "text/plain",
        "application/jsonx",
        "application/json, text/xml",
        "application/xml; charset=utf-16",
    ],
)
def test_other_media_types_are_415(text: str | None) -> None:
    with pytest.raises(ServiceError) as caught:
        body.media_type({} if text is None else {"Content-Type": text}, TYPES)
    assert caught.value.error_code.status == 415


def test_a_body_is_read_completely_from_a_slow_stream() -> None:
    data = bytes(range(100))
    assert body.read(Dribble(data), {"Content-Length": "100"}, LIMIT) == data
    assert body.read(Dribble(data), {}, LIMIT) == data
    assert body.read(Dribble(gzip.compress(data)), {"Content-Encoding": "gzip"}, LIMIT) == data


def test_the_limit_is_the_largest_accepted_size() -> None:
    assert len(body.read(io.BytesIO(b"x" * LIMIT), {"Content-Length": str(LIMIT)}, LIMIT)) == LIMIT
    assert len(body.read(io.BytesIO(b"x" * LIMIT), {}, LIMIT)) == LIMIT
    packed = gzip.compress(b"x" * LIMIT)
    assert len(body.read(io.BytesIO(packed), {"Content-Encoding": " GZIP "}, LIMIT)) == LIMIT
    assert status(b"", {"Content-Length": str(LIMIT + 1)}) == 413
    assert status(b"x" * (LIMIT + 1), {}) == 413
    assert status(gzip.compress(b"x" * (LIMIT + 1)), {"Content-Encoding": "gzip"}) == 413


def test_a_compression_bomb_is_not_unpacked() -> None:
    bomb = Dribble(gzip.compress(b"\0" * 100_000_000))
    with pytest.raises(ServiceError) as caught:
        body.read(bomb, {"Content-Encoding": "gzip"}, LIMIT)
    assert caught.value.error_code.status == 413
    assert bomb.given < 200


def test_anything_but_one_complete_gzip_member_is_400() -> None:
    packed = gzip.compress(b"hello")
    for data in (b"", b"hello", packed[:-1], packed[:5], packed + b"x", packed + packed, zlib.compress(b"hello")):
        assert status(data, {"Content-Encoding": "gzip"}) == 400
    broken = bytearray(packed)
    broken[-6] ^= 1
    assert status(bytes(broken), {"Content-Encoding": "gzip"}) == 400


def test_a_body_that_ends_early_is_400() -> None:
    assert status(b"abc", {"Content-Length": "4"}) == 400


def test_bytes_after_the_declared_length_are_not_read() -> None:
    assert body.read(io.BytesIO(b"abcdef"), {"Content-Length": "3"}, LIMIT) == b"abc"


@pytest.mark.parametrize("encoding", ["br", "deflate", "gzip, gzip", "x"])
def test_other_encodings_are_415(encoding: str) -> None:
    assert status(b"x", {"Content-Encoding": encoding}) == 415
