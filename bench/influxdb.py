"""HeartGuard with InfluxDB compared with HeartGuard with PostgreSQL, both running, loaded in turns.

Run from the root: .venv/bin/python -m bench.influxdb --influxd PROGRAM [--seconds 2] [--turns 5] [--out DIRECTORY]
PROGRAM is an InfluxDB 1.13, built by tests/influxdb1/build.sh; a server in front of it adds what it lacks of
InfluxDB 2 (tests/influxdb1/server.py), on the same machine and included in the times. Ends with an error when an answer
does not have the expected points.
"""

import argparse
import json
import os
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from http.client import HTTPConnection
from itertools import count
from pathlib import Path
from typing import Any

from bench.gateway.gateways import STORE, child
from bench.timeseries import bodies
from bench.timeseries.load import http_senders, measure
from tests.clone import Clone
from tests.fakes.influxdb.recorded import ORG, TOKEN
from tests.system.writer import Member, founder

ROOT = Path(__file__).resolve().parents[1]

SERIES, POINTS = 40, 5_000
DAY_BEGIN, DAY = 1_600_041_600, 86_400  # 2020-09-14, as in bench.timeseries
FIRST = DAY_BEGIN + 2 * DAY
BATCHES_A_SECOND = 120
# A real server in a process of its own, until its input ends; prints its URL.
_SERVER = """
import sys
from pathlib import Path
from tests.influxdb1.server import InfluxDB1
with InfluxDB1(Path(sys.argv[1]), Path(sys.argv[2])) as server:
    print(server.url, flush=True)
    sys.stdin.read()
"""


@dataclass
class Product:
    """One running product with a member who is its admin; `sent` batches of the writing bench are stored in it."""

    name: str
    clone: Clone
    member: Member
    created: bytes
    sent: int = 0

    def post(self, path: str, body: bytes, kind: str = "application/json", accept: str = "application/json") -> bytes:
        """The answer of the influx service. Raises RuntimeError where it is not 200."""
        link = HTTPConnection("127.0.0.1", self.clone.ports["influx"], timeout=120)
        try:
            link.request("POST", path, body, {**self.member.headers, "Content-Type": kind, "Accept": accept})
            answer = link.getresponse()
            content = answer.read()
        finally:
            link.close()
        if answer.status != 200:
            raise RuntimeError(f"{self.name}, {path}: {answer.status} {content[:300]!r}")
        return content

    def fill(self) -> None:
        """Store 40 series of 5,000 seconds, and one whole day of a series of its own."""
        target = f"/timeseries/write?bucket={self.member.bucket}&precision=s"
        lines = [
            f"heart_rate,device=watch_{number},user_id=1 bpm={60 + (second * 7 + number) % 400 / 10} {FIRST + second}"
            for second in range(POINTS)
            for number in range(SERIES)
        ]
        lines += [
            f"heart_rate,device=strap,user_id=1 bpm={60 + second * 7 % 400 / 10} {DAY_BEGIN + second}"
            for second in range(DAY)
        ]
        for first in range(0, len(lines), 5_000):
            self.post(target, "\n".join(lines[first : first + 5_000]).encode(), "text/plain")

    def write(self, seconds: float) -> float:
        """Points per second, as JSON batches of 1,000 from eight clients."""
        body = bodies.prebuilt("JSON", self.member.bucket, self.sent, int(BATCHES_A_SECOND * seconds))
        headers = {**self.member.headers, "Content-Type": "application/json", "Accept": "application/json"}
        numbers = count(self.sent)
        with http_senders(self.clone.ports["influx"], "/timeseries/write", headers, body, self.created) as senders:
            row = measure(self.name, senders, numbers, seconds, {})
        self.sent = next(numbers)
        return row.rate

    def query(self, begin: int, seconds: int, accept: str = "application/json", **more: Any) -> bytes:
        """The answer of a query of heart rates."""
        asked = {"range_start": _text(begin), "range_stop": _text(begin + seconds), **more}
        document = {"bucket": self.member.bucket, "measurement": "heart_rate", **asked}
        return self.post("/timeseries/query", json.dumps(document).encode(), accept=accept)

    def raw_json(self) -> int:
        """How many points one JSON document of the 40 series has."""
        answer = json.loads(self.query(FIRST, POINTS))
        if answer["next_cursor"] is not None:
            raise RuntimeError("the answer is a page")
        return sum(len(series["points"]) for series in answer["series"])

    def raw_lines(self) -> int:
        """How many lines of NDJSON the 40 series are."""
        return self.query(FIRST, POINTS, "application/x-ndjson").count(b"\n")

    def means(self) -> int:
        """How many minutes a day has."""
        answer = json.loads(self.query(DAY_BEGIN, DAY, aggregate="mean", every="1m"))
        return sum(len(series["points"]) for series in answer["series"])

    def summary(self) -> int:
        """How many samples a day's summary counts."""
        document = {"bucket": self.member.bucket, "user_id": 1, "day": "2020-09-14", "time_zone": "UTC"}
        return int(json.loads(self.post("/timeseries/summary", json.dumps(document).encode()))["samples"])


@contextmanager
def started(name: str, directory: Path, created: bytes, **variables: str) -> Iterator[Product]:
    """HeartGuard started by its scripts, with an organization and its data."""
    clone = Clone.make(directory)
    try:
        up = clone.start(**variables)
        if up.returncode:
            raise RuntimeError(up.stdout + up.stderr)
        product = Product(name, clone, founder(clone), created)
        product.fill()
        yield product
    finally:
        clone.stop()


def timed(ask: Callable[[], int], wanted: int) -> float:
    """Milliseconds. Raises RuntimeError for another number than wanted."""
    began = time.perf_counter()
    found = ask()
    took = (time.perf_counter() - began) * 1000
    if found != wanted:
        raise RuntimeError(f"{found} instead of {wanted}")
    return took


def _text(second: int) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(second))


def table(products: tuple[Product, Product], turns: int, seconds: float) -> str:
    """All figures as Markdown: medians, and medians of the ratios of neighbouring turns."""
    first, second = products
    lines = [f"| | {first.name} | {second.name} | ratio |", "|---|---|---|---|"]

    def row(title: str, figures: list[tuple[float, float]], digits: int = 0) -> None:
        left, right = (statistics.median(column) for column in zip(*figures, strict=True))
        ratio = statistics.median(b / a for a, b in figures)
        lines.append(f"| {title} | {left:,.{digits}f} | {right:,.{digits}f} | {ratio:.2f} |")
        print(lines[-1], flush=True)

    row("JSON batches, points/s", [(first.write(seconds), second.write(seconds)) for _ in range(turns)])
    questions: dict[str, tuple[Callable[[Product], int], int]] = {
        "200,000 points of 40 series, JSON, ms": (Product.raw_json, SERIES * POINTS),
        "200,000 points of 40 series, NDJSON, ms": (Product.raw_lines, SERIES * POINTS),
        "1-minute means of a day, ms": (Product.means, DAY // 60),
        "summary of a day, ms": (Product.summary, DAY),
    }
    for title, (ask, wanted) in questions.items():
        figures = [tuple(timed(partial(ask, it), wanted) for it in products) for _ in range(turns)]
        row(title, figures)  # type: ignore[arg-type]  of two products
    return "\n".join(lines) + "\n"


def main() -> int:
    """Start both, measure them in turns, print and write the table."""
    parser = argparse.ArgumentParser(prog="python -m bench.influxdb", description=__doc__)
    program = os.environ.get("HEARTGUARD_TEST_INFLUXD")
    parser.add_argument("--influxd", type=Path, default=program, required=program is None)
    parser.add_argument("--seconds", type=float, default=2, help="of writing, for each turn")
    parser.add_argument("--turns", type=int, default=5)
    parser.add_argument("--out", type=Path, default=STORE)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as directory, ExitStack() as stack:
        places = [Path(directory) / name for name in ("influxd", "postgres", "influx")]
        for place in places:
            place.mkdir()
        url = stack.enter_context(child(ROOT, _SERVER, str(args.influxd.resolve()), str(places[0])))
        ours = stack.enter_context(started("PostgreSQL", places[1], b'"created"'))
        variables = {"INFLUX_URL": url, "INFLUX_TOKEN": TOKEN, "INFLUX_ORG": ORG}
        theirs = stack.enter_context(started("InfluxDB 1.13", places[2], b'"stored"', **variables))
        text = table((ours, theirs), args.turns, args.seconds)
    args.out.mkdir(parents=True, exist_ok=True)
    (args.out / "influxdb.md").write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
