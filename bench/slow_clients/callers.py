"""The other clients: each caller repeats one kind of request and measures it.

`python -m bench.slow_clients.callers PORT ACCOUNT` as a process of its own, so that no other thread of the bench is
timed with them; ends with standard input and prints each caller's seconds and failures as JSON.
"""

import json
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPException
from itertools import count
from typing import Self

PAUSE = 0.03
TIMEOUT = 35.0  # seconds until a caller gives up: longer than the gateway waits for a service
SECOND = 1_767_225_600  # 2026-01-01T00:00:00Z
JSON = {"Content-Type": "application/json"}
_moments = count(SECOND + int(time.time()) % 10_000_000)


@dataclass(frozen=True)
class Account:
    """A member of an organization that does not attack, and another person who only logs in (`email`, `password`).

    `link` is a signed URL's path of a file of 1 MiB.
    """

    email: str
    password: str
    token: str
    org_id: int
    link: str

    @property
    def bearer(self) -> dict[str, str]:
        """Their token as a header."""
        return {"Authorization": f"Bearer {self.token}"}


@dataclass
class Caller:
    """One repeated request: the seconds of each, and answers with another status than the expected one."""

    name: str
    once: Callable[[], int]
    wanted: int = 200
    pause: float = PAUSE
    seconds: list[float] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)

    def go_on(self, over: threading.Event) -> None:
        """Until it is stopped."""
        while not over.wait(self.pause):
            began = time.perf_counter()
            try:
                status = self.once()
                if status != self.wanted:
                    self.failures.append(str(status))
            except (OSError, HTTPException) as error:
                self.failures.append(type(error).__name__)
            self.seconds.append(time.perf_counter() - began)


class Callers:
    """The callers of one gateway, each with connections of its own."""

    def __init__(self, port: int, account: Account) -> None:
        self._port, self._who = port, account
        self._over = threading.Event()
        self.all = (
            Caller("login", self._login, pause=0.15),
            Caller("health", lambda: self._ask("GET", "/auth/health")),
            Caller("batch", self._batch),
            Caller("read", lambda: self._ask("GET", "/users/me", account.bearer)),
            Caller("upload", self._upload, 201, pause=0.1),
            Caller("download", lambda: self._ask("GET", account.link), pause=0.1),
        )
        self._threads = [threading.Thread(target=one.go_on, args=(self._over,)) for one in self.all]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join()

    def _ask(self, method: str, target: str, headers: dict[str, str] | None = None, body: bytes | None = None) -> int:
        link = HTTPConnection("127.0.0.1", self._port, timeout=TIMEOUT)
        try:
            link.request(method, target, body, headers or {})
            answer = link.getresponse()
            answer.read()
            return answer.status
        finally:
            link.close()

    def _login(self) -> int:
        document = {"email": self._who.email, "password": self._who.password}
        return self._ask("POST", "/auth/login", JSON, json.dumps(document).encode())

    def _batch(self) -> int:
        stamps = [time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(next(_moments))) for _ in range(100)]
        points = [{"measurement": "heart_rate", "fields": {"bpm": 72}, "timestamp": stamp} for stamp in stamps]
        body = json.dumps({"bucket": f"org_{self._who.org_id}", "points": points}).encode()
        return self._ask("POST", "/timeseries/write", {**self._who.bearer, **JSON}, body)

    def _upload(self) -> int:
        headers = {**self._who.bearer, "Content-Type": "application/octet-stream"}
        return self._ask("PUT", "/media/upload?file_name=a.bin", headers, b"\x01" * 100_000)


def main() -> None:
    """Call until standard input ends."""
    callers = Callers(int(sys.argv[1]), Account(**json.loads(sys.argv[2])))
    with callers:
        sys.stdin.read()
    print(json.dumps({one.name: {"seconds": one.seconds, "failures": one.failures} for one in callers.all}))


if __name__ == "__main__":
    main()
