"""A client that writes one point after another through the gateway and remembers what was acknowledged."""

import threading
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any, Self

import requests

from tests.servers import until

BEGIN = datetime(2026, 1, 1, tzinfo=UTC)
SECONDS = count()


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

    def stored(self, start: str, stop: str) -> set[str]:
        """The times of all points of a range."""
        body = {"bucket": self.bucket, "measurement": "heart_rate", "range_start": start, "range_stop": stop}
        answer = self._answer("POST", "/timeseries/query", json={**body, "limit": 10_000})
        return {point["time"] for series in answer.json()["series"] for point in series["points"]}

    def audited(self) -> set[str]:
        """The ids of the access events of all writes."""
        found: set[str] = set()
        query: dict[str, str] = {"action": "timeseries.write", "limit": "500"}
        while True:
            page = self._answer("GET", "/audit/events", params=query).json()
            found |= {event["id"] for event in page["items"]}
            if not page.get("next_cursor"):
                return found
            query["cursor"] = page["next_cursor"]

    def _answer(self, method: str, path: str, **how: Any) -> requests.Response:
        """An answer to a read; after 502 and 503 it is asked again, as a client of a service that was killed does.

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


@dataclass
class Writer:
    """Writes until it is told to stop; what got no answer, or another than 200, is not acknowledged."""

    member: Member
    points: set[str] = field(default_factory=set)
    events: set[str] = field(default_factory=set)
    _stop: threading.Event = field(default_factory=threading.Event)

    def __enter__(self) -> Self:
        self._thread = threading.Thread(target=self._run)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def wait_for(self, more: int) -> None:
        """Wait until so many more writes have been acknowledged."""
        wanted = len(self.points) + more
        until(lambda: len(self.points) >= wanted, f"{more} more acknowledged writes")

    def _run(self) -> None:
        while not self._stop.is_set():
            moment = (BEGIN + timedelta(seconds=next(SECONDS))).strftime("%Y-%m-%dT%H:%M:%SZ")
            point = {"measurement": "heart_rate", "fields": {"bpm": 72}, "timestamp": moment}
            try:
                answer = requests.post(
                    f"{self.member.url}/timeseries/write",
                    json={"bucket": self.member.bucket, "points": [point]},
                    headers=self.member.headers,
                    timeout=10,
                )
            except requests.RequestException:
                continue
            if answer.status_code == 200 and answer.json()["inserted"] == 1:
                self.points.add(moment)
                self.events.add(answer.headers["X-Gateway-Request-ID"])
