"""Live streams: server-sent events, read line by line and resumed after a lost connection."""

import json
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import requests

from heartguard_client.transport import Transport

EVENT_STREAM = "text/event-stream"
RETRY_SECONDS = 3.0
_LOST = (requests.ConnectionError, requests.Timeout, requests.exceptions.ChunkedEncodingError)


@dataclass(frozen=True)
class StreamEvent:
    """What a live stream has shown.

    `name` is `points`, `jobs` or `alarms`, and `document` their message. The first event is `open`, without a document:
    what is stored from now on will be shown. `reset` means that events are missing before this one. At both, query what
    you show. `id` is for `last_event_id`, to go on from here in another process.
    """

    name: str
    document: Any
    id: str


class EventReader:
    """Opens a stream again and again, and remembers from where to go on."""

    def __init__(
        self,
        transport: Transport,
        params: dict[str, str],
        last_event_id: str = "",
        sleep: Callable[[float], object] = time.sleep,
    ) -> None:
        self._transport = transport
        self._params = params
        self._last_id = last_event_id
        self._retry = RETRY_SECONDS
        self._opened = False
        self._sleep = sleep

    def events(self) -> Iterator[StreamEvent]:
        """The events, without end. Raises what `Transport.send` raises where no stream can be opened."""
        while True:
            headers = {"Last-Event-ID": self._last_id} if self._last_id else {}
            answer = self._transport.send(
                "GET", "stream", params=self._params, headers=headers, accept=EVENT_STREAM, stream=True
            )
            with answer, suppress(*_LOST):  # the next stream begins where this one has ended
                yield from self._read(answer.iter_lines())
            self._sleep(self._retry)

    def _read(self, lines: Iterable[bytes]) -> Iterator[StreamEvent]:
        name, data = "", []
        for line in lines:
            field, _, value = line.decode().partition(":")
            value = value.removeprefix(" ")
            if field == "id":
                self._last_id = value
            elif field == "retry" and value.isdecimal():
                self._retry = int(value) / 1000
            elif field == "event":
                name = value
            elif field == "data":
                data.append(value)
            elif not line:
                if not self._opened and self._last_id:
                    self._opened = True
                    yield StreamEvent("open", None, self._last_id)
                if data and name != "bye":
                    yield StreamEvent(name, json.loads("\n".join(data)), self._last_id)
                name, data = "", []
