"""Raw points in one stream through the gateway: the same bytes in flat memory, and cut off when its source dies.

HEARTGUARD_TEST_STREAM_POINTS=1000000 is the long form.
"""

import hashlib
import json
import os
import signal
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
import requests

from tests.clone import Clone
from tests.media_stack import MEBIBYTE, peak_of
from tests.servers import until
from tests.system.killing import clone, member
from tests.system.writer import Member

__all__ = ["clone", "member"]

POINTS = int(os.environ.get("HEARTGUARD_TEST_STREAM_POINTS", "60000"))
BATCH = 10_000  # the most points of one request
BEGIN = int(datetime(2026, 3, 1, tzinfo=UTC).timestamp())
ASK = {"measurement": "heart_rate", "range_start": "2026-03-01T00:00:00Z", "range_stop": "2027-01-01T00:00:00Z"}
# One is counted as often as a point stands in the answer.
MARKS = {
    "application/json": b'"time":',
    "application/xml": b"<time>",
    "text/csv": b"\r\n",
    "application/x-ndjson": b"\n",
}
MOST_GROWTH = 24 * MEBIBYTE  # of all processes of a program together
pytestmark = pytest.mark.timeout(1800)


@pytest.fixture
def filled(member: Member) -> Member:
    """A bucket with so many points, one each second."""
    target = f"{member.url}/timeseries/write?bucket={member.bucket}&precision=s"
    headers = {**member.headers, "Content-Type": "text/plain; charset=utf-8"}
    for first in range(0, POINTS, BATCH):
        lines = (f"heart_rate bpm={60 + n % 100} {BEGIN + n}" for n in range(first, min(first + BATCH, POINTS)))
        answer = requests.post(target, "\n".join(lines), headers=headers, timeout=300)
        assert answer.status_code == 200, answer.text
    return member


def stream(member: Member, media_type: str) -> requests.Response:
    """The answer to a query for all points, of which nothing is read yet."""
    body = {"bucket": member.bucket, **ASK}
    headers = {**member.headers, "Accept": media_type}
    answer = requests.post(f"{member.url}/timeseries/query", json=body, headers=headers, stream=True, timeout=300)
    assert answer.status_code == 200, answer.text
    assert answer.headers["Transfer-Encoding"] == "chunked"
    return answer


def blocks(answer: requests.Response) -> Iterator[bytes]:
    return answer.iter_content(64 * 1024)


def test_every_point_passes_in_flat_memory_and_a_dead_source_cuts_the_stream(clone: Clone, filled: Member) -> None:
    pids = {name: clone.pid(name) for name in ("gateway", "influx")}
    # The first stream of all loads what every later one uses.
    assert b"".join(blocks(stream(filled, "application/json"))).count(MARKS["application/json"]) == POINTS
    for media_type, mark in MARKS.items():
        _, before = peak_of(pids, lambda: None)

        def read(media_type: str = media_type, mark: bytes = mark) -> tuple[int, bytes, str]:
            """How often the mark stands there, the end of the answer, and the digest of all of it."""
            count, tail, digest = 0, b"", hashlib.sha256()
            for block in blocks(stream(filled, media_type)):
                # What is counted may lie across two blocks.
                count += (tail[-8:] + block).count(mark) - tail[-8:].count(mark)
                tail = (tail + block)[-64:]
                digest.update(block)
            return count, tail, digest.hexdigest()

        (count, tail, digest), peaks = peak_of(pids, read)
        assert count == POINTS + (media_type == "text/csv"), tail  # and the line of names
        assert read()[2] == digest
        for name, peak in peaks.items():
            assert peak.own - before[name].own < MOST_GROWTH, (media_type, name, before[name], peak)
    _cut(clone, filled)


def _cut(clone: Clone, member: Member) -> None:
    """The source of a stream dies while its client has not read it: that is no answer that only is shorter."""
    answer = stream(member, "application/x-ndjson")
    source = blocks(answer)
    begun = next(source)
    before = clone.pid("influx")
    clone.send("influx", signal.SIGKILL)
    with pytest.raises((requests.exceptions.ChunkedEncodingError, requests.exceptions.ConnectionError)):
        begun += b"".join(source)
    assert json.loads(begun.splitlines()[0])["time"] == "2026-03-01T00:00:00Z"
    until(lambda: clone.replaced("influx", before) and clone.all_ready(), "the return of influx")
