"""Client connections at rest and at work, over real sockets and a clock that the test sets."""

import socket as system
from collections.abc import Iterator
from typing import Any

import gevent
import pytest
from gevent import socket

from heartguard_gateway.clients import Client, Clients


class Stack:
    """Answers each line with itself in capitals; `close` ends the connection, `hold` waits for `released`."""

    def __init__(self) -> None:
        self.now = 100.0
        self.clients = Clients(self.serve, lambda: self.now)
        self.ends: list[Any] = []
        self.served_by: list[int] = []
        self.late: list[bool] = []
        self.released = gevent.event.Event()

    def connect(self, address: str = "127.0.0.1") -> Any:
        with socket.socket() as entry_point:
            entry_point.bind(("127.0.0.1", 0))
            entry_point.listen()
            theirs = socket.create_connection(entry_point.getsockname(), timeout=60)
            ours, _ = entry_point.accept()
        ours.settimeout(60)
        self.ends.append(theirs)
        self.clients.take(Client(ours, (address, 1), ("127.0.0.1", 2)))
        return theirs

    def serve(self, client: Client) -> bool:
        self.served_by.append(id(gevent.getcurrent()))
        data = b""
        while not data.endswith(b"\n"):
            try:
                block = client.socket.recv(100)
            except OSError:
                block = b""
            if not block:
                self.late.append(client.late)
                return False
            data += block
        client.reading = False
        if data == b"hold\n":
            self.released.wait(60)
        client.socket.sendall(data.upper())
        return data != b"close\n"


@pytest.fixture
def stack() -> Iterator[Stack]:
    made = Stack()
    yield made
    made.clients.kill(timeout=1)
    for end in made.ends:
        end.close()


def ask(link: Any, line: bytes) -> bytes:
    link.sendall(line)
    answer: bytes = link.recv(100)
    return answer


def test_many_idle_connections_share_a_greenlet(stack: Stack) -> None:
    links = [stack.connect() for _ in range(50)]
    for _ in range(2):
        for link in links:
            assert ask(link, b"hello\n") == b"HELLO\n"
    assert len(set(stack.served_by)) == 1
    assert len(stack.clients) == 50


def test_those_at_work_hold_up_nobody(stack: Stack) -> None:
    holding, other = stack.connect(), stack.connect()
    holding.sendall(b"hold\n")
    gevent.sleep(0.01)
    assert ask(other, b"hello\n") == b"HELLO\n"
    stack.released.set()
    assert holding.recv(100) == b"HOLD\n"


def test_an_end_is_an_end_on_both_sides(stack: Stack) -> None:
    asked, gone = stack.connect(), stack.connect()
    assert ask(asked, b"close\n") == b"CLOSE\n"
    assert asked.recv(100) == b""
    gone.close()
    gevent.sleep(0.01)
    assert len(stack.clients) == 0


def test_who_rests_too_long_is_ended_and_who_came_later_is_not(stack: Stack) -> None:
    early = stack.connect()
    stack.now += 50
    later = stack.connect()
    stack.now += 26
    stack.clients.sweep(rest_seconds=75, head_seconds=20)
    assert early.recv(100) == b""
    assert ask(later, b"hello\n") == b"HELLO\n"


def test_a_head_that_trickles_is_cut_short_and_a_slow_answer_is_not(stack: Stack) -> None:
    trickling, holding = stack.connect(), stack.connect()
    trickling.sendall(b"hel")
    holding.sendall(b"hold\n")
    gevent.sleep(0.01)
    stack.now += 21
    stack.clients.sweep(rest_seconds=75, head_seconds=20)
    assert trickling.recv(100) == b""
    assert stack.late == [True]
    stack.released.set()
    assert holding.recv(100) == b"HOLD\n"


def test_at_the_end_the_silent_go_and_the_others_are_answered(stack: Stack) -> None:
    silent, half, holding = stack.connect(), stack.connect(), stack.connect()
    half.sendall(b"hel")
    holding.sendall(b"hold\n")
    gevent.sleep(0.01)
    stack.now += 1
    fresh = stack.connect()
    stack.clients.dismiss(rested=0.3)
    assert silent.recv(100) == b""
    assert half.recv(100) == b""
    assert stack.late == [False]
    assert ask(fresh, b"hello\n") == b"HELLO\n"
    stack.released.set()
    assert holding.recv(100) == b"HOLD\n"


def test_room_is_made_by_whom_has_most_connections_and_is_not_being_answered(stack: Stack) -> None:
    few = [stack.connect("10.0.0.1") for _ in range(2)]
    holding, half, waiting, last = (stack.connect("10.0.0.2") for _ in range(4))
    holding.sendall(b"hold\n")
    half.sendall(b"hel")
    gevent.sleep(0.01)
    stack.clients.make_room()
    assert half.recv(100) == b""
    assert stack.late == [True]
    stack.clients.make_room()
    assert waiting.recv(100) == b""
    for link in (*few, last):
        assert ask(link, b"hello\n") == b"HELLO\n"
    stack.released.set()
    assert holding.recv(100) == b"HOLD\n"


def test_what_has_come_is_not_silence(stack: Stack) -> None:
    ours, theirs = system.socketpair()
    client = Client(ours, None, None)
    assert client.silent()
    theirs.sendall(b"x")
    assert not client.silent()
    client.close()
    theirs.close()


def test_killing_spares_nobody(stack: Stack) -> None:
    resting, holding = stack.connect(), stack.connect()
    holding.sendall(b"hold\n")
    gevent.sleep(0.01)
    stack.clients.kill(timeout=1)
    assert (resting.recv(100), holding.recv(100)) == (b"", b"")
    assert len(stack.clients) == 0
