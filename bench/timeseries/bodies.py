"""Typical batches of wearables: a thousand seconds of one person's heart rate, each sent once."""

import sys
from collections.abc import Callable
from typing import Any

from bench.timeseries.load import POINTS
from heartguard_common.contract.contracts import Contracts
from heartguard_common.core.clock import rfc3339

BEGIN = 1_500_000_000
PEOPLE = 8
TYPES = {"JSON": "application/json", "XML": "application/xml", "line protocol": "text/plain"}
CREATED = {"JSON": b'"created"', "XML": b">created<", "line protocol": b'"created"'}


def samples(batch: int) -> tuple[int, list[tuple[int, float]]]:
    """The person and the (second, bpm) of a batch."""
    begin = BEGIN + batch * POINTS
    return 1 + batch % PEOPLE, [(begin + place, 60.0 + (place * 7 + batch) % 400 / 10) for place in range(POINTS)]


def points(batch: int) -> list[dict[str, Any]]:
    """The batch as dictionaries; influxdb-client takes the same with `time` for `timestamp`."""
    person, beats = samples(batch)
    tags = {"device": "watch", "user_id": str(person)}
    return [
        {"measurement": "heart_rate", "tags": tags, "fields": {"bpm": bpm}, "timestamp": rfc3339(second * 10**9)}
        for second, bpm in beats
    ]


def lines(batch: int) -> bytes:
    """The batch as line protocol in nanoseconds."""
    person, beats = samples(batch)
    head = f"heart_rate,device=watch,user_id={person}"
    return "\n".join(f"{head} bpm={bpm} {second}000000000" for second, bpm in beats).encode()


def writer(form: str, bucket: str) -> Callable[[int], bytes]:
    """The function that builds the body of a batch in a format."""
    if form == "line protocol":
        return lines
    contract = Contracts.load()["WriteRequest"]
    return lambda batch: contract.encode({"bucket": bucket, "points": points(batch)}, TYPES[form])


def prebuilt(form: str, bucket: str, first: int, number: int) -> Callable[[int], bytes]:
    """Bodies that were built before the measurement; a missing one is built on demand, which is printed."""
    make = writer(form, bucket)
    made = {batch: make(batch) for batch in range(first, first + number)}

    def body(batch: int) -> bytes:
        if batch not in made:
            print(f"batch {batch} was built during the measurement", file=sys.stderr)
        return made.pop(batch, None) or make(batch)

    return body
