"""What InfluxDB loses, moves or answers without end under a good status (docs/influxdb.md), asked of every store."""

import statistics
from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from heartguard_common.core.clock import parse_rfc3339, rfc3339
from heartguard_influx.series.domain import Selection

SECOND = 1_000_000_000
BEGIN = parse_rfc3339("2024-06-01T10:00:00Z")
DAY = {"range_start": "2024-06-01T00:00:00Z", "range_stop": "2024-06-02T00:00:00Z"}
WHOLE = {"range_start": "1677-09-21T00:12:44Z", "range_stop": "2262-04-11T23:47:16.854775807Z"}
AGGREGATES = {
    "count": len,
    "mean": statistics.fmean,
    "sum": sum,
    "min": min,
    "max": max,
    "first": lambda values: values[0],
    "last": lambda values: values[-1],
    "median": statistics.median,
    "p95": lambda values: statistics.quantiles(values, n=20, method="inclusive")[-1] if len(values) > 1 else values[0],
    "stddev": lambda values: statistics.stdev(values) if len(values) > 1 else None,
}


def point(time, fields, **more):
    time_ns = time if isinstance(time, int) else parse_rfc3339(time)
    return {"measurement": "heart_rate", "fields": fields, "timestamp": rfc3339(time_ns), **more}


def rows(services, bucket, **members):
    """Tags, time and fields of what a query finds."""
    found = services.query(bucket, **members)
    return [(dict(found.groups[row.group].tags), row.time_ns, dict(row.values)) for row in found.rows]


def everything(services, bucket, stop="2262-04-11T23:47:16.854775807Z"):
    return Selection(
        services.bucket_id(bucket), "heart_rate", parse_rfc3339("1677-09-21T00:12:44Z"), parse_rfc3339(stop), {}
    )


# 1 Texts that moved to other instants

word = st.sampled_from(["a", "a", "b", "error", "", ""])


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    texts=st.lists(st.tuples(st.sampled_from("xy"), word), min_size=1, max_size=24),
    limit=st.integers(1, 7),
    descending=st.booleans(),
)
@example(texts=[("x", "a"), ("x", ""), ("x", "b")], limit=5, descending=False)
@example(texts=[("x", "error"), ("x", "")], limit=2, descending=False)
@example(texts=[("x", ""), ("x", "a"), ("x", "")], limit=1, descending=True)
def test_texts_stay_at_their_instants(services, texts, limit, descending):
    bucket = services.bucket()
    stored = {(BEGIN + place * 20 * SECOND, device): text for place, (device, text) in enumerate(texts)}
    batch = [
        point(time, {"note": text, "bpm": 60.0}, tags={"device": device}) for (time, device), text in stored.items()
    ]
    assert set(services.write(bucket, batch)) == {services.created}
    seen, after = [], None
    while True:
        page = services.query(bucket, **DAY, order="desc" if descending else "asc", limit=limit, after=after)
        seen += [((row.time_ns, dict(page.groups[row.group].tags)["device"]), row.values["note"]) for row in page.rows]
        after = page.next_position
        if after is None:
            break
    assert seen == sorted(stored.items(), reverse=descending)
    minutes = defaultdict(list)
    for (time, device), text in sorted(stored.items()):
        minutes[device, time // (60 * SECOND) * 60 * SECOND].append(text)
    for aggregate in ("first", "last", "count"):
        question = {**DAY, "aggregate": aggregate, "fields": ["note"], "group_by": ["device"]}
        found = rows(services, bucket, every="1m", **question)
        expected = {key: AGGREGATES[aggregate](values) for key, values in minutes.items()}
        assert {(tags["device"], time): values["note"] for tags, time, values in found} == expected
        whole = {tags["device"]: values["note"] for tags, _, values in rows(services, bucket, **question)}
        of_device = {name: [text for (_, device), text in sorted(stored.items()) if device == name] for name in whole}
        assert whole == {name: AGGREGATES[aggregate](values) for name, values in of_device.items()}


# 2 and 5 Names that nothing shows, or that become one


def test_two_fields_that_differ_by_a_backslash_before_a_quote_stay_two(services):
    bucket = services.bucket()
    fields = {'a"b': 1.0, 'a\\"b': 2.0, '"': 3.0}
    assert services.write(bucket, [point(BEGIN, fields)]) == [services.created]
    assert rows(services, bucket, **DAY) == [({}, BEGIN, fields)]
    for name, value in fields.items():
        assert rows(services, bucket, **DAY, fields=[name]) == [({}, BEGIN, {name: value})]
        assert rows(services, bucket, **DAY, fields=[name], aggregate="sum")[0][2] == {name: value}


@pytest.mark.parametrize("measurement", ['q\\"m', "q\\=m", 'q"m', 'q\\\\"m'])
def test_a_measurement_is_shown_or_rejected(services, measurement):
    bucket = services.bucket()
    (verdict,) = services.verdicts(bucket, [point(BEGIN, {"bpm": 60.0}, measurement=measurement)])
    found = rows(services, bucket, **DAY, measurement=measurement)
    if verdict.status == "rejected":
        assert (found, verdict.reason) == ([], "InfluxDB can't keep a measurement of this name")
        assert services.created == "stored"
        assert "\\" in measurement
    else:
        assert found == [({}, BEGIN, {"bpm": 60.0})]


# 3, 4 and 5 Instants at which the server forgets, goes on without end, or hangs

FIRST, LAST = "1678-01-01T00:00:00Z", "2261-12-31T23:59:59.999999999Z"
OUTSIDE = ("1677-09-22T00:00:00Z", "1677-12-31T23:59:59.999999999Z", "2262-01-01T00:00:00Z", "2262-04-11T23:47:16.8Z")


@pytest.fixture
def in_2262(services):
    """The clock stands where no point is in the future."""
    seconds = parse_rfc3339("2262-04-11T23:47:00Z") // SECOND - services.stores.clock.now_ns() // SECOND
    services.stores.clock.forward(seconds)
    yield
    services.stores.clock.forward(-seconds)


@pytest.mark.usefixtures("in_2262")
def test_instants_that_the_server_loses_are_rejected_and_those_beside_them_kept(services):
    bucket = services.bucket()
    times = [FIRST, *OUTSIDE, LAST]
    verdicts = services.verdicts(bucket, [point(time, {"bpm": 60.0 + place}) for place, time in enumerate(times)])
    rejected = [time for time, verdict in zip(times, verdicts, strict=True) if verdict.status == "rejected"]
    assert rejected == (list(OUTSIDE) if services.created == "stored" else [])
    assert {verdict.reason for verdict in verdicts if verdict.status == "rejected"} <= {
        "InfluxDB keeps points of the years 1678 to 2261"
    }
    kept = {parse_rfc3339(time): 60.0 + place for place, time in enumerate(times) if time not in rejected}
    assert {time: values["bpm"] for _, time, values in rows(services, bucket, **WHOLE)} == kept
    for aggregate, function in AGGREGATES.items():
        found = rows(services, bucket, **WHOLE, aggregate=aggregate)
        assert [values["bpm"] for _, _, values in found] == [pytest.approx(function([kept[at] for at in sorted(kept)]))]
        for every in ("1mo", "2500h", "24000h", "99999h"):
            found = services.query(bucket, **WHOLE, aggregate=aggregate, every=every)
            assert sum(row.points for row in found.rows) == len(kept)
        for at, every in ((at, every) for at in (FIRST, LAST) for every in ("1m", "1h", "1d")):
            hours = 1 if every == "1m" else 30
            edges = [parse_rfc3339(at) + sign * hours * 3600 * SECOND for sign in (-1, 1)]
            question = {"range_start": rfc3339(edges[0]), "range_stop": rfc3339(edges[1])}
            found = services.query(bucket, **question, aggregate=aggregate, every=every)
            assert sum(row.points for row in found.rows) == sum(edges[0] <= time < edges[1] for time in kept)
    assert services.store.delete(
        everything(services, bucket), services.store.groups(everything(services, bucket), None)
    ) == len(kept)
    assert rows(services, bucket, **WHOLE) == []


@pytest.mark.parametrize("stop", ["1969-06-01T12:00:00Z", "1970-01-01T00:00:00Z", "1970-01-01T00:00:00.000000001Z"])
def test_ranges_that_end_before_1970_are_answered(services, stop):
    bucket = services.bucket()
    times = ["1677-12-31T00:00:00Z", "1678-01-01T00:00:00Z", "1968-02-29T00:00:00Z", "1969-06-01T00:00:00Z"]
    batch = [point(time, {"bpm": 60.0 + place, "note": "n"}, tags={"user_id": "7"}) for place, time in enumerate(times)]
    statuses = services.write(bucket, batch)
    values = [60.0 + place for place, status in enumerate(statuses) if status != "rejected"]
    assert len(values) == (3 if services.created == "stored" else 4)
    question = {"range_start": WHOLE["range_start"], "range_stop": stop, "fields": ["bpm"]}
    assert [found["bpm"] for _, _, found in rows(services, bucket, **question)] == values
    for aggregate, function in AGGREGATES.items():
        ((_, _, found),) = rows(services, bucket, **question, aggregate=aggregate)
        assert found == {"bpm": pytest.approx(function(values))}
        of_day = {**question, "range_start": "1969-06-01T00:00:00Z"}
        ((_, _, found),) = rows(services, bucket, **of_day, aggregate=aggregate, every="1h")
        assert found == {"bpm": None if aggregate == "stddev" else function(values[-1:])}
    assert len(list(services.usecases.exporting.export(services.org_id, 7))) >= len(values)
    chosen = everything(services, bucket, stop)
    assert services.store.delete(chosen, services.store.groups(chosen, None)) == 2 * len(values)
    assert services.store.erase([services.bucket_id(bucket)], 7) == 0


# Items 7 and 10 Many fields, and keys that are too long


def test_more_fields_than_a_chain_of_tests_may_have(services):
    bucket = services.bucket()
    fields = {f"f{place:03}": float(place) for place in range(200)}
    services.write(bucket, [point(BEGIN + second * SECOND, fields) for second in range(2)])
    assert rows(services, bucket, **DAY) == [({}, BEGIN + second * SECOND, fields) for second in range(2)]
    assert rows(services, bucket, **DAY, fields=sorted(fields)[:180], aggregate="max")[0][2] == {
        name: fields[name] for name in sorted(fields)[:180]
    }


def test_a_key_that_is_too_long_is_rejected_with_the_reason_and_its_batch_is_not(services):
    bucket = services.bucket()
    tags = {f"t{place:02}": "v" * 1024 for place in range(64)}
    verdicts = services.verdicts(bucket, [point(BEGIN, {"bpm": 60.0}, tags=tags), point(BEGIN, {"bpm": 61.0})])
    assert verdicts[1].status == services.created
    if services.created == "stored":
        assert verdicts[0].status == "rejected"
        assert "longer than the 65535 bytes that InfluxDB keeps" in verdicts[0].reason
    kept = [{}] if services.created == "stored" else [{}, tags]
    assert sorted((found for found, _, _ in rows(services, bucket, **DAY)), key=len) == kept


# Item 9 First writes of several at once


def test_first_writes_at_once_are_all_stored(services):
    bucket = services.bucket()
    batches = [[point(BEGIN + place * SECOND, {"bpm": 60.0}, tags={"device": str(place)})] for place in range(8)]
    with ThreadPoolExecutor(8) as threads:
        verdicts = list(threads.map(lambda batch: services.write(bucket, batch), batches))
    assert verdicts == [[services.created]] * 8
    assert len(rows(services, bucket, **DAY)) == 8
