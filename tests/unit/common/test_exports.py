"""An incomplete part of an export is refused."""

import json

import pytest

from heartguard_common.core.errors import ServiceCallError
from heartguard_common.http.exports import VerifiedStream, lines, read

RECORDS = [("point", {"n": number, "text": "línea\n" * 9}) for number in range(2_000)]
BYTES = b"".join(lines(RECORDS))


def cut(content: bytes, size: int) -> list[bytes]:
    return [content[place : place + size] for place in range(0, len(content), size)]


@pytest.mark.parametrize("size", [1, 7, 64, 4096, 10**9])
def test_records_are_read_however_the_bytes_are_cut(size: int) -> None:
    some = RECORDS[:40] if size == 1 else RECORDS
    content = b"".join(lines(some))
    assert list(read(cut(content, size))) == some
    whole = VerifiedStream(cut(content, size))
    assert b"".join(whole) == content[: content.rindex(b"\n", 0, -1) + 1]
    assert whole.records == len(some)


def test_each_line_is_a_record_and_the_last_counts_them() -> None:
    found = [json.loads(line) for line in BYTES.splitlines()]
    assert found[0] == {"kind": "point", "data": RECORDS[0][1]}
    assert found[-1] == {"kind": "end", "records": len(RECORDS)}
    assert len(found) == len(RECORDS) + 1


def test_an_empty_stream_is_complete() -> None:
    assert b"".join(lines([])) == b'{"kind":"end","records":0}\n'
    assert list(read(lines([]))) == []


@pytest.mark.parametrize("length", [0, 1, 100, len(BYTES) // 2, len(BYTES) - 2])
def test_a_truncated_stream_is_refused(length: int) -> None:
    with pytest.raises(ServiceCallError):
        list(VerifiedStream([BYTES[:length]]))


def test_a_stream_that_lost_a_line_is_refused() -> None:
    first, _, rest = BYTES.partition(b"\n")
    assert first
    with pytest.raises(ServiceCallError):
        list(VerifiedStream([rest]))
    with pytest.raises(ServiceCallError):
        list(VerifiedStream([BYTES, BYTES]))


def test_streams_are_forwarded_in_blocks() -> None:
    sizes = [len(block) for block in lines(RECORDS)]
    assert len(sizes) > 3
    assert max(sizes) < 70_000
