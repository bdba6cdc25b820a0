"""Three queries about one person's day, each compared with the same query in SQL."""

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from http.client import HTTPConnection
from statistics import median
from typing import Any

DAY = 86_400
DAY_BEGIN = 1_600_041_600  # 2020-09-14T00:00:00Z, before every batch that is written
ROUNDS = 5
MEANS = """
SELECT time_ns / 60000000000, avg(number), count(*) FROM heartguard_core.points
WHERE series_id = %(series)s AND field_id = %(field)s AND time_ns >= %(start)s AND time_ns < %(stop)s
GROUP BY 1
"""
RAW = """
SELECT time_ns, number FROM heartguard_core.points
WHERE series_id = %(series)s AND field_id = %(field)s AND time_ns >= %(start)s AND time_ns < %(stop)s ORDER BY 1
"""
LATEST = """
SELECT time_ns, number FROM heartguard_core.points
WHERE series_id = %(series)s AND field_id = %(field)s ORDER BY 1 DESC LIMIT 1
"""


@dataclass(frozen=True)
class Answered:
    """The result of a query at one size: median milliseconds of the service and of the store alone, and rows."""

    name: str
    size: int
    service: float
    store: float
    rows: int


class Questions:
    """Runs queries as admin at the service, and directly in the store."""

    def __init__(self, port: int, headers: dict[str, str], bucket: str, connection: Any, keys: dict[str, int]) -> None:
        self._link = HTTPConnection("127.0.0.1", port, timeout=60)
        self._headers = {**headers, "Content-Type": "application/json"}
        self._base = {"bucket": bucket, "measurement": "heart_rate", "tags": {"user_id": "1"}}
        day = {"start": DAY_BEGIN * 10**9, "stop": (DAY_BEGIN + DAY) * 10**9}
        self._connection, self._keys = connection, {**keys, **day}

    def all(self, size: int) -> list[Answered]:
        """Run all three queries, in turns."""
        self._link.close()  # the service has, while the table was filled; the next request opens it again
        day = {"range_start": _text(DAY_BEGIN), "range_stop": _text(DAY_BEGIN + DAY)}
        means = {**self._base, **day, "aggregate": "mean", "every": "1m"}
        return [
            self._ask("1-minute means of a day", size, lambda: self._rows(means), MEANS, DAY // 60),
            self._ask("raw day", size, lambda: self._rows({**self._base, **day}), RAW, DAY),
            self._ask("latest", size, lambda: len(self._post("latest", self._base)["items"]), LATEST, 1),
        ]

    def _ask(self, name: str, size: int, service: Callable[[], int], sql: str, rows: int) -> Answered:
        times: list[tuple[float, float]] = []
        for _ in range(ROUNDS):
            began = time.perf_counter()
            found = service()
            middle = time.perf_counter()
            stored = self._select(sql)
            times.append((middle - began, time.perf_counter() - middle))
            if not found == stored == rows:
                raise RuntimeError(f"{name}: {found} rows from the service, {stored} from the store, {rows} expected")
        ours, theirs = (median(column) * 1000 for column in zip(*times, strict=True))
        return Answered(name, size, ours, theirs, rows)

    def _rows(self, document: dict[str, Any]) -> int:
        """How many points the answer to a query has; raw points are streamed."""
        answer = self._post("query", document)
        if answer["next_cursor"] is not None:
            raise RuntimeError("the answer is a page")
        return sum(len(series["points"]) for series in answer["series"])

    def _post(self, path: str, document: dict[str, Any]) -> dict[str, Any]:
        self._link.request("POST", f"/timeseries/{path}", json.dumps(document), self._headers)
        answer = self._link.getresponse()
        content = answer.read()
        if answer.status != 200:
            raise RuntimeError(f"{answer.status}: {content[:300]!r}")
        found: dict[str, Any] = json.loads(content)
        return found

    def _select(self, sql: str) -> int:
        with self._connection, self._connection.cursor() as cursor:
            cursor.execute(sql, self._keys)
            return len(cursor.fetchall())


def _text(second: int) -> str:
    return datetime.fromtimestamp(second, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
