"""A client that reads a live stream, and comes back by itself, in a thread of its own."""

import threading
from collections.abc import Callable
from typing import Any, Self

from heartguard_client import Client, StreamEvent
from tests.servers import until


class Reader:
    """A thread that reads `client.stream()`; `query` is called where events are missing, as a program has to do."""

    def __init__(self, client: Client, *topics: str, query: Callable[[], object] = lambda: None, **more: Any) -> None:
        self._stream = client.stream(topics, **more)
        self._query = query
        self.events: list[StreamEvent] = []
        self.error: Exception | None = None
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Self:
        """Itself, once the stream is there: what is stored from now on will be shown."""
        self._thread.start()
        self.wait(lambda: bool(self.events), "a stream")
        assert self.events[0].name == "open"
        return self

    def __exit__(self, *_: object) -> None:
        """Its thread ends with the process, or when its stream is refused."""

    def _run(self) -> None:
        try:
            for event in self._stream:
                if event.name == "reset":
                    self._query()
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
