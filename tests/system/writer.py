"""A client that writes one point after another through the gateway and remembers what was acknowledged."""

import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any, Self

import requests

from tests.clone import Clone
from tests.servers import until

FOUNDER = {"email": "founder@heartguard.example", "password": "Correct-horse-9"}
BEGIN = datetime(2026, 1, 1, tzinfo=UTC)
SECONDS = count()
PAUSE = 0.1


@dataclass
class Member:
    """An admin of an organization of its own, and the gateway's address."""

    url: str
    token: str
    org_id: int

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token}"}

    @property
    def bucket(self) -> str:
        return f"org_{self.org_id}"

    def write(self, points: Sequence[Mapping[str, Any]], **headers: str) -> requests.Response:
        """One write, sent once."""
        return requests.post(
            f"{self.url}/timeseries/write",
            json={"bucket": self.bucket, "points": points},
            headers={**self.headers, **headers},
            timeout=10,
        )

    def write_again(self, points: Sequence[Mapping[str, Any]]) -> requests.Response:
        """One write, sent until it is answered with a verdict for each point."""
        return self.answer("POST", "/timeseries/write", json={"bucket": self.bucket, "points": points})

    def points(self, start: str, stop: str, **selection: Any) -> list[dict[str, Any]]:
        """All points of a range, page by page."""
        body = {"bucket": self.bucket, "measurement": "heart_rate", "range_start": start, "range_stop": stop}
        body |= {"limit": 10_000, **selection}
        found: list[dict[str, Any]] = []
        while True:
            page = self.answer("POST", "/timeseries/query", json=body).json()
            found += [point for series in page["series"] for point in series["points"]]
            if not page.get("next_cursor"):
                return found
            body["cursor"] = page["next_cursor"]

    def stored(self, start: str, stop: str) -> set[str]:
        """The times of all points of a range."""
        return {point["time"] for point in self.points(start, stop)}

    def audited(self) -> set[str]:
        """The ids of the access events of all writes."""
        found: set[str] = set()
        query: dict[str, str] = {"action": "timeseries.write", "limit": "500"}
        while True:
            page = self.answer("GET", "/audit/events", params=query).json()
            found |= {event["id"] for event in page["items"]}
            if not page.get("next_cursor"):
                return found
            query["cursor"] = page["next_cursor"]

    def answer(self, method: str, path: str, **how: Any) -> requests.Response:
        """An answer of 200; after 502 and 503 it is asked again, as a client of a service that was killed does.

        The worker that a killed gunicorn leaves behind answers for up to a second, `/ready` too, and then goes in
        the middle of whatever it was answering (502). And each worker of the gateway finds out for itself that the
        service is back: the breaker of one may be open while the other's writes go through (503).
        """
        deadline = time.monotonic() + 20
        while True:
            answer = requests.request(method, self.url + path, headers=self.headers, timeout=10, **how)
            if answer.status_code not in (502, 503) or time.monotonic() > deadline:
                assert answer.status_code == 200, answer.text
                return answer
            time.sleep(float(answer.headers.get("Retry-After", "0.5")))


def founder(clone: Clone) -> Member:
    """An admin of a new organization."""
    status, document = clone.call("gateway", "POST", "/auth/register", FOUNDER)
    assert status == 201, document
    _, tokens = clone.call("gateway", "POST", "/auth/login", FOUNDER)
    return Member(f"http://127.0.0.1:{clone.ports['gateway']}", str(tokens["access_token"]), int(document["org_id"]))


def heart_rate(moment: str) -> dict[str, Any]:
    """One point."""
    return {"measurement": "heart_rate", "fields": {"bpm": 72}, "timestamp": moment}


@dataclass
class Writer:
    """Writes until it is stopped, `size` points at a time; what got no answer, or no 200, is not acknowledged."""

    member: Member
    size: int = 1
    points: set[str] = field(default_factory=set)
    events: set[str] = field(default_factory=set)
    unacknowledged: list[list[str]] = field(default_factory=list)
    _stop: threading.Event = field(default_factory=threading.Event)

    def __enter__(self) -> Self:
        self._thread = threading.Thread(target=self._run)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def wait_for(self, more: int) -> None:
        """Wait until so many more points have been acknowledged."""
        wanted = len(self.points) + more
        until(lambda: len(self.points) >= wanted, f"{more} more acknowledged writes")

    def _run(self) -> None:
        while not self._stop.is_set():
            moments = [
                (BEGIN + timedelta(seconds=next(SECONDS))).strftime("%Y-%m-%dT%H:%M:%SZ") for _ in range(self.size)
            ]
            try:
                answer = self.member.write([heart_rate(moment) for moment in moments])
            except requests.RequestException:
                self._failed(moments)
                continue
            if answer.status_code == 200 and answer.json()["inserted"] == self.size:
                self.points.update(moments)
                self.events.add(answer.headers["X-Gateway-Request-ID"])
            else:
                self._failed(moments)

    def _failed(self, moments: list[str]) -> None:
        self.unacknowledged.append(moments)
        self._stop.wait(PAUSE)


class KeyedWriter:
    """Counts up, one point without timestamp at a time, each sent under its own key until it is acknowledged."""

    def __init__(self, member: Member) -> None:
        self._member, self._stop = member, threading.Event()
        self._thread = threading.Thread(target=self._run)
        self.acknowledged: list[float] = []
        self.sent_again = 0

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        for number in count():
            if self._stop.is_set():
                return
            point = {"measurement": "steps", "fields": {"count": number}}
            while not self._acknowledged(point, f"kept-{number}"):
                self.sent_again += 1
                self._stop.wait(PAUSE)
            self.acknowledged.append(float(number))

    def _acknowledged(self, point: dict[str, Any], key: str) -> bool:
        try:
            answer = self._member.write([point], **{"Idempotency-Key": key})
        except requests.RequestException:
            return False
        return answer.status_code == 200 and bool(answer.json()["success"])
