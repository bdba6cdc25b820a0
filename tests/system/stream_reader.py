"""A client that reads a live stream, and comes back by itself, in a thread of its own."""

import threading
from collections.abc import Callable
from typing import Any, Self

from heartguard_client import Client, StreamEvent
from tests.servers import until


class Reader:
    """A thread that reads `client.stream()`."""

    def __init__(self, client: Client, *topics: str, **more: Any) -> None:
        self._stream = client.stream(topics, **more)
        self.events: list[StreamEvent] = []
        self.error: Exception | None = None
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Its thread ends with the process, or when its stream is refused."""

    def _run(self) -> None:
        try:
            for event in self._stream:
                self.events.append(event)
        except Exception as error:  # noqa: BLE001  a test looks at it
            self.error = error

    def documents(self, name: str) -> list[Any]:
        return [event.document for event in self.events if event.name == name]

    def times(self) -> list[str]:
        return [point["time"] for document in self.documents("points") for point in document["points"]]

    def wait(self, enough: Callable[[], bool], what: str) -> None:
        until(lambda: self.error is not None or enough(), what, 60)
        assert self.error is None, self.error
