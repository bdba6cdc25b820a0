"""A wire to a server that is cut, with whoever speaks on it, at any piece of what goes over it."""

import os
import selectors
import signal
import socket
import threading
from types import TracebackType
from typing import Literal, Self

Last = Literal["lost", "delivered"]


class KillingWire:
    """Carries TCP to a loopback port, and kills a process at the n-th piece that goes over it, either way.

    The piece itself is lost, or is delivered by the network although its sender is dead.
    """

    def __init__(self, port: int) -> None:
        self._target = ("127.0.0.1", port)
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listening.getsockname()[1])
        self._victim: int | None = None
        self._left, self._last = -1, "lost"
        self._lock = threading.Lock()
        self.sent: list[bool] = []
        """Of each piece since `arm`, whether it went to the server."""
        self._ready = threading.Event()

    def __enter__(self) -> Self:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._listening.close()

    def arm(self, piece: int, last: Last) -> None:
        """Let `piece` pieces pass of the next connection, which waits until `aim` says whose it is."""
        self._ready.clear()
        self.sent = []
        self._left, self._last = piece, last

    def aim(self, pid: int) -> None:
        """Say who is to be killed."""
        self._victim = pid
        self._ready.set()

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self._listening.accept()
            except OSError:
                return
            self._ready.wait()
            far = socket.create_connection(self._target)
            threading.Thread(target=self._carry, args=(near, far), daemon=True).start()

    def _carry(self, near: socket.socket, far: socket.socket) -> None:
        """One connection, to its end."""
        other = {near: far, far: near}
        with near, far, selectors.DefaultSelector() as ends:
            for end in other:
                end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                ends.register(end, selectors.EVENT_READ)
            while True:
                for key, _ in ends.select():
                    source = key.fileobj
                    assert isinstance(source, socket.socket)
                    try:
                        piece = source.recv(65536)
                        if not piece:
                            return
                        fatal = self._counted(to_server=source is near)
                        if not fatal or (self._last == "delivered" and source is near):
                            other[source].sendall(piece)
                    except ConnectionError:
                        return
                    if fatal:
                        return

    def _counted(self, *, to_server: bool) -> bool:
        """Whether this piece was the last; then whoever was aimed at is dead."""
        with self._lock:
            self.sent.append(to_server)
            self._left -= 1
            if self._left != -1:
                return False
            assert self._victim is not None
            os.kill(self._victim, signal.SIGKILL)
            return True
