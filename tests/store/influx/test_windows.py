"""Windows against a reference in plain Python: a dictionary, zoneinfo and statistics."""

import hashlib
import json
import math
import statistics
from collections import defaultdict
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from heartguard_common.core.clock import parse_rfc3339, rfc3339

SECOND = 1_000_000_000
HOUR = 3600 * SECOND
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
REFERENCE = {
    "mean": statistics.fmean,
    "min": min,
    "max": max,
    "sum": math.fsum,
    "count": len,
    "first": lambda values: values[0],
    "last": lambda values: values[-1],
    "median": statistics.median,
    "stddev": lambda values: statistics.stdev(values) if len(values) > 1 else None,
    "p95": lambda values: statistics.quantiles(values, n=20, method="inclusive")[-1] if len(values) > 1 else values[0],
}
WIDTHS = {"30s": 30, "1m": 60, "5m": 300, "1h": 3600, "7m": 420}
# Each begins three days before its zone changes its clocks, the last before 1970, where division rounds upwards.
SITES = [
    ("Europe/Madrid", "2024-03-28T21:15:00Z"),
    ("Europe/Madrid", "2024-10-24T21:15:00Z"),
    ("America/New_York", "2024-11-01T03:59:59.5Z"),
    ("Asia/Kathmandu", "2024-02-27T12:00:00Z"),
    ("UTC", "1969-12-29T00:00:30Z"),
]


def label(time_ns, every, zone):
    """The start of the window around an instant."""
    if every in WIDTHS:
        width = WIDTHS[every] * SECOND
        return math.floor(time_ns // width) * width
    local = (EPOCH + timedelta(seconds=time_ns // SECOND)).astimezone(ZoneInfo(zone))
    day = local.replace(hour=0, minute=0, second=0, microsecond=0, fold=0)
    if every == "1w":
        day -= timedelta(days=day.weekday())
    if every == "1mo":
        day = day.replace(day=1)
    return int(day.timestamp()) * SECOND


def near(value):
    return None if value is None else pytest.approx(value, rel=1e-9, abs=1e-9)


def digest(device):
    return hashlib.sha256(json.dumps(["heart_rate", [["device", device]]], separators=(",", ":")).encode()).digest()


@st.composite
def questions(draw):
    zone, start = draw(st.sampled_from(SITES))
    begin = parse_rfc3339(start)
    every = draw(st.sampled_from([*WIDTHS, "1d", "1w", "1mo"]))
    # Short widths ask for short ranges, and a coarse raster makes points of one time likely.
    hours = draw(st.integers(1, 4 if every in WIDTHS else 170))
    offset = st.integers(-60, hours * 60 + 60).map(lambda minute: minute * 60 * SECOND)
    odd = st.sampled_from([0, 0, 1, SECOND // 2, SECOND - 1])
    number = st.one_of(st.integers(30, 220).map(float), st.floats(-1e6, 1e6))
    point = st.tuples(st.sampled_from("ab"), offset, odd, number)
    points = [(device, begin + at + rest, value) for device, at, rest, value in draw(st.lists(point, max_size=40))]
    return zone, every, begin, begin + hours * HOUR, points


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(question=questions(), aggregate=st.sampled_from(list(REFERENCE)), filled=st.booleans(), grouped=st.booleans())
@example(
    question=("Europe/Madrid", "1d", 0, 48 * HOUR, [("a", 0, 1.0), ("b", 0, 2.0)]),
    aggregate="last",
    filled=True,
    grouped=False,
)
@example(
    question=("UTC", "30s", 0, HOUR, [("b", 0, 30.0), ("a", 0, 31.0)]),
    aggregate="first",
    filled=False,
    grouped=False,
)
def test_windows_equal_the_reference(services, question, aggregate, filled, grouped):
    zone, every, start, stop, points = question
    bucket = services.bucket()
    stored = {(time_ns, device): value for device, time_ns, value in points}
    if points:
        services.write(
            bucket,
            [
                {
                    "measurement": "heart_rate",
                    "tags": {"device": device},
                    "fields": {"bpm": value},
                    "timestamp": rfc3339(time_ns),
                }
                for device, time_ns, value in points
            ],
        )
    found = services.query(
        bucket,
        range_start=rfc3339(start),
        range_stop=rfc3339(stop),
        aggregate=aggregate,
        every=every,
        time_zone=zone,
        fill="null" if filled else "none",
        **({"group_by": ["device"]} if grouped else {}),
    )
    windows = defaultdict(list)
    # Series that came with one batch count by their digest where they have points at one instant.
    for (time_ns, device), value in sorted(stored.items(), key=lambda item: (item[0][0], digest(item[0][1]))):
        if start <= time_ns < stop:
            windows[device if grouped else "", label(time_ns, every, zone)].append(value)
    expected = {key: (near(REFERENCE[aggregate](values)), len(values)) for key, values in windows.items()}
    names = [dict(group.tags).get("device", "") for group in found.groups]
    got = {(names[row.group], row.time_ns): (row.values["bpm"], row.points) for row in found.rows}
    assert {key: value for key, value in got.items() if value[1]} == expected
    empty = 0 if aggregate == "count" else None
    assert {value for value in got.values() if not value[1]} <= ({(empty, 0)} if filled else set())
    assert [(row.group, row.time_ns) for row in found.rows] == sorted((row.group, row.time_ns) for row in found.rows)


def test_days_of_23_and_25_hours(services):
    bucket = services.bucket()
    times = [rfc3339(parse_rfc3339("2024-03-29T00:30:00Z") + hour * HOUR) for hour in range(24 * 4)]
    times += [rfc3339(parse_rfc3339("2024-10-25T00:30:00Z") + hour * HOUR) for hour in range(24 * 4)]
    points = [{"measurement": "heart_rate", "fields": {"bpm": 60}, "timestamp": time} for time in times]
    assert set(services.write(bucket, points)) == {services.created}

    def days(start, stop):
        found = services.query(
            bucket, range_start=start, range_stop=stop, aggregate="count", every="1d", time_zone="Europe/Madrid"
        )
        return {rfc3339(row.time_ns): row.points for row in found.rows}

    assert days("2024-03-29T23:00:00Z", "2024-03-31T22:00:00Z") == {
        "2024-03-29T23:00:00Z": 24,
        "2024-03-30T23:00:00Z": 23,
    }
    assert days("2024-10-25T22:00:00Z", "2024-10-27T23:00:00Z") == {
        "2024-10-25T22:00:00Z": 24,
        "2024-10-26T22:00:00Z": 25,
    }


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    points=st.lists(
        st.tuples(
            st.sampled_from(["a", "b", "c"]),
            st.integers(-20, 20),
            st.dictionaries(st.sampled_from(["bpm", "confidence"]), st.integers(0, 3).map(float), min_size=1),
        ),
        max_size=40,
    ),
    limit=st.integers(1, 9),
    descending=st.booleans(),
)
def test_pages_of_raw_points_hold_each_point_once_and_in_order(services, points, limit, descending):
    bucket = services.bucket()
    stored = defaultdict(dict)
    for device, time_ns, fields in points:
        stored[time_ns, device].update(fields)
    documents = [
        {"measurement": "heart_rate", "tags": {"device": device}, "fields": fields, "timestamp": rfc3339(time_ns)}
        for device, time_ns, fields in points
    ]
    if documents:
        services.write(bucket, documents)
    seen, after = [], None
    while True:
        found = services.query(
            bucket,
            range_start="1969-12-31T23:59:59Z",
            range_stop=rfc3339(15),
            order="desc" if descending else "asc",
            limit=limit,
            after=after,
        )
        assert len(found.rows) <= limit
        seen += [(row.time_ns, dict(found.groups[row.group].tags)["device"], dict(row.values)) for row in found.rows]
        after = found.next_position
        if after is None:
            break
        assert len(found.rows) == limit
    assert [item[0] for item in seen] == sorted((item[0] for item in seen), reverse=descending)
    assert len({item[:2] for item in seen}) == len(seen)
    assert {item[:2]: item[2] for item in seen} == {key: fields for key, fields in stored.items() if key[0] < 15}
