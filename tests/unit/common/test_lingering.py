"""Connections that end: the answer can be read, and nobody holds them for long."""

import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from heartguard_common.runtime.lingering import Lingering


@contextmanager
def ending(seconds: float, size: int) -> Iterator[tuple[Lingering, socket.socket]]:
    """A connection that was answered and is being closed, and its peer."""
    lingering = Lingering(seconds, size)
    own, peer = socket.socketpair()
    with peer:
        own.sendall(b"answer")
        lingering.take(own)
        yield lingering, peer
    lingering.end()
    assert own.fileno() == -1


def test_a_client_that_keeps_sending_can_read_its_answer() -> None:
    with ending(5, 1_000_000) as (_, peer):
        for _ in range(10):
            peer.sendall(bytes(50_000))
        assert peer.recv(100) == b"answer"
        assert peer.recv(100) == b""


@pytest.mark.parametrize(("seconds", "size"), [(0.05, 10**9), (60, 100_000)])
def test_a_client_that_does_not_close_is_cut_after_a_time_and_a_number_of_bytes(seconds: float, size: int) -> None:
    def send_for_ever(peer: socket.socket) -> None:
        while True:
            peer.sendall(bytes(1000))
            time.sleep(0.0001)

    with ending(seconds, size) as (_, peer), pytest.raises(OSError, match=r"reset|pipe"):
        send_for_ever(peer)


def test_an_already_closed_connection_is_ignored() -> None:
    with ending(5, 1000) as (lingering, peer):
        gone, other = socket.socketpair()
        other.close()
        gone.close()
        lingering.take(gone)
        assert peer.recv(100) == b"answer"
        peer.close()
