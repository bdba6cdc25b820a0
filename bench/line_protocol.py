"""Encoding line protocol, compared with influxdb-client, which accepts dictionaries or its own points.

CPU time of this process, best of several rounds; compare the ratios: python -m bench.line_protocol
"""

import random
import time
from collections.abc import Callable
from pathlib import Path

from influxdb_client import Point as ClientPoint

from bench import report
from heartguard_influx.points.domain.point import Point
from heartguard_influx.store.influxdb.lines import encode, rejection

ROOT = Path(__file__).parent.parent

BATCH = 5_000
ROUNDS = 7
PEOPLE = 20


def points() -> list[Point]:
    """A typical batch of a wearable: two fields, two tags, one point a second."""
    chance = random.Random(1)
    begin = 1_717_236_000_000_000_000
    return [
        Point(
            "heart_rate",
            (("device", "watch"), ("user_id", str(place % PEOPLE))),
            {"bpm": round(chance.gauss(70, 8), 1), "confidence": round(chance.random(), 3)},
            begin + place // PEOPLE * 1_000_000_000,
        )
        for place in range(BATCH)
    ]


def best(call: Callable[[], object]) -> float:
    """Points per second of CPU time."""
    times = []
    for _ in range(ROUNDS):
        begun = time.process_time()
        call()
        times.append(time.process_time() - begun)
    return BATCH / min(times)


def main() -> None:
    """Measure, print and write the table."""
    options = report.parser("line_protocol", __doc__).parse_args()
    batch = points()
    documents = [
        {"measurement": it.measurement, "tags": dict(it.tags), "fields": dict(it.fields), "time": it.time_ns}
        for it in batch
    ]

    def client_points() -> list[str]:
        lines = []
        for it in batch:
            point = ClientPoint(it.measurement).time(it.time_ns)
            for name, text in it.tags:
                point.tag(name, text)
            for name, value in it.fields.items():
                point.field(name, value)
            lines.append(point.to_line_protocol())
        return lines

    results = {
        "ours": best(lambda: encode(batch)),
        "ours, each point judged first": best(lambda: [rejection(it) for it in batch] and encode(batch)),
        "influxdb-client, dictionaries": best(
            lambda: [ClientPoint.from_dict(it).to_line_protocol() for it in documents]
        ),
        "influxdb-client, Point": best(client_points),
    }
    slowest = results["influxdb-client, dictionaries"]
    text = f"{BATCH:,} points of two fields and two tags.\n\n" + report.table(
        ("encoder", "points/s of CPU time", "times dictionaries"),
        [(name, f"{rate:,.0f}", f"{rate / slowest:.1f}") for name, rate in results.items()],
    )
    report.write(options.out, "line_protocol", text, {"points/s of CPU time": results})


if __name__ == "__main__":
    main()
