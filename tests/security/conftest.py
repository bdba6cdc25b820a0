"""What attacks share: two organizations in the running system, and a listener that nobody may ever call."""

import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest

from tests.protection.conftest import world

__all__ = ["world"]


@dataclass
class Listener:
    """A port that counts who connects: whatever an attacker's document points to, nobody may fetch."""

    port: int
    callers: list[str] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"


@pytest.fixture
def listener() -> Iterator[Listener]:
    """Fails the test at its end when somebody has called."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        found = Listener(server.getsockname()[1])

        def listen() -> None:
            while True:
                try:
                    connection, address = server.accept()
                except OSError:
                    return
                with connection:
                    found.callers.append(str(address))

        thread = threading.Thread(target=listen)
        thread.start()
        try:
            yield found
            assert found.callers == []
        finally:
            server.shutdown(socket.SHUT_RDWR)
            thread.join()
