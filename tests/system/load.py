"""Clients that send requests through the gateway until they are told to stop, and count how each ended."""

import http.client
import json
import threading
from collections import Counter
from itertools import cycle, islice
from typing import Self

MOST = 4000
PAUSE = 0.02  # so that the machine has time for what is tested
SECONDS = 60.0
POINT = {"measurement": "heart_rate", "fields": {"bpm": 71}}


class Load:
    """Four clients, two of which keep their connection; each sends at most `MOST` requests, one after the other.

    `ended` counts answers with 200, and by their text other answers and the exceptions of requests without one.
    """

    def __init__(self, port: int, token: str, organization: int) -> None:
        self._port = port
        self._headers = {"Authorization": f"Bearer {token}", "Accept": "application/json"}
        self._stop = threading.Event()
        self.ended: Counter[str] = Counter()
        write = json.dumps({"bucket": f"org_{organization}", "points": [POINT]})
        reads = ("/auth/profile", "/users/me", "/organization", "/media/items", "/audit/health")
        self._requests = [("POST", "/timeseries/write", write), *(("GET", path, None) for path in reads)]
        self._threads = [threading.Thread(target=self._client, args=(number % 2 == 0,)) for number in range(4)]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def _client(self, keep: bool) -> None:
        connection = self._connection()
        for method, path, body in islice(cycle(self._requests), MOST):
            if self._stop.wait(PAUSE):
                break
            headers = self._headers | ({} if keep else {"Connection": "close"})
            headers |= {"Content-Type": "application/json"} if body else {}
            try:
                connection.request(method, path, body, headers)
                answer = connection.getresponse()
                content = answer.read()
                self.ended["200" if answer.status == 200 else f"{method} {path} {content.decode()}"] += 1
            except (OSError, http.client.HTTPException) as error:
                self.ended[f"{method} {path} {error!r}"] += 1
                connection.close()
        connection.close()

    def _connection(self) -> http.client.HTTPConnection:
        return http.client.HTTPConnection("127.0.0.1", self._port, timeout=SECONDS)


class SlowWrite:
    """A write whose body arrives in two parts: the head and the first at once, the rest when `finish` is called."""

    def __init__(self, port: int, token: str, organization: int) -> None:
        body = json.dumps({"bucket": f"org_{organization}", "points": [POINT]}).encode()
        self._rest = body[5:]
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=SECONDS)
        self._connection.putrequest("POST", "/timeseries/write")
        headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
        for name, value in (headers | {"Content-Length": str(len(body))}).items():
            self._connection.putheader(name, value)
        self._connection.endheaders(body[:5])

    def finish(self) -> int:
        """Send the rest; the status of the answer."""
        self._connection.send(self._rest)
        answer = self._connection.getresponse()
        answer.read()
        self._connection.close()
        return answer.status
