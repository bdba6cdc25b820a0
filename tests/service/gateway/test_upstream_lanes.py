"""The client that speaks to the services: lanes and long answers."""

import socket
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from heartguard_gateway.ports import Outbound
from heartguard_gateway.upstream.answer_limits import AnswerLimits
from heartguard_gateway.upstream.answer_stream import AnswerStream
from heartguard_gateway.upstream.kept_answers import Answers
from heartguard_gateway.upstream.limits import UpstreamLimits
from tests.service.gateway.scripted import client, close_all, code
from tests.service.gateway.stack import Backend, Handler

LARGE = Outbound("GET", "/large", [], holder="a")


@pytest.fixture(autouse=True)
def closed_in_the_end() -> Iterator[None]:
    yield
    close_all()


def large(handler: Handler) -> None:
    handler.read_body()
    handler.reply(200, b"x" * (8_000_000 if handler.path == "/large" else 2))


def test_unread_long_answers_hold_no_connection(backend: Backend, tmp_path: Path) -> None:
    answers = Answers(tmp_path, AnswerLimits(spare=0))
    upstream = client(backend.url, UpstreamLimits(connections=1, wait=5), answers=answers)
    with backend.behaving(large):
        streams = [upstream.send(LARGE).reply.stream for _ in range(5)]
        assert code(upstream) == "200"
        for stream in streams:
            assert stream is not None
            assert sum(map(len, stream)) == 8_000_000
            stream.close()
    assert (answers.memory.used, answers.disk.used) == (0, 0)


def test_slow_readers_without_room_leave_connections_for_others(backend: Backend, tmp_path: Path) -> None:
    limits = UpstreamLimits(connections=3, waiting=2, waiting_share=2, wait=0.1)
    upstream = client(backend.url, limits, answers=Answers(tmp_path, AnswerLimits(disk=0)))
    with backend.behaving(large):
        streams = [upstream.send(LARGE).reply.stream for _ in range(2)]
        assert code(upstream, LARGE) == "GW_016"
        assert code(upstream) == "200"
        for stream in streams:
            assert stream is not None
            stream.close()
        assert code(upstream, LARGE) == "200"


def test_a_request_that_waits_for_a_download_slot_has_not_reached_the_service(backend: Backend, tmp_path: Path) -> None:
    limits = UpstreamLimits(downloads=1, download_turn=0.1, waiting=1)
    upstream = client(backend.url, limits, answers=Answers(tmp_path, AnswerLimits(disk=0)))
    download, small = replace(LARGE, long=True), Outbound("GET", "/small", [], holder="b", long=True)
    with backend.behaving(large):
        stream = upstream.send(download).reply.stream
        seen = len(backend.seen)
        assert [code(upstream, it) for it in (download, small)] == ["GW_016", "GW_016"]
        assert len(backend.seen) == seen
        assert code(upstream) == "200"
        assert stream is not None
        stream.close()
        # A lane is left by a short answer, by one without a body, and by one that was read.
        head = replace(download, method="HEAD")
        assert [code(upstream, it) for it in (small, head, small)] == ["200"] * 3
        stream = upstream.send(download).reply.stream
        assert stream is not None
        assert sum(map(len, stream)) == 8_000_000
        assert code(upstream, small) == "200"
        stream.close()
    assert upstream.state["streams"] == 0


def test_events_pass_as_they_come_and_hold_a_slot(backend: Backend) -> None:
    def events(handler: Handler) -> None:
        handler.reply(200, b"data: x\n\n" * 10_000, {"Content-Type": "text/event-stream"})

    upstream = client(backend.url)
    with backend.behaving(events):
        stream = upstream.send(Outbound("GET", "/stream", [])).reply.stream
        assert isinstance(stream, AnswerStream)
        assert upstream.state["streams"] == 1
        stream.close()
    assert upstream.state["streams"] == 0


def test_an_exhausted_pool_waits_and_then_says_503() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        upstream = client(url, UpstreamLimits(connections=1, wait=0.1, answer=0.5))
        import gevent

        first = gevent.spawn(code, upstream)
        gevent.sleep(0.05)
        assert code(upstream) == "GW_011"
        assert first.get() == "GW_012"
