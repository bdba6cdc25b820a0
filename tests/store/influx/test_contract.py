"""What both stores must do alike: points as they were written, nobody else's, and nothing but points."""

import math
from collections import defaultdict

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from heartguard_common.core.clock import parse_rfc3339, rfc3339
from heartguard_common.core.errors import ServiceError
from heartguard_common.identity.authentication import Principal
from heartguard_influx.domain.query import Selection
from heartguard_influx.store import PostgresFieldTypes

SECOND = 1_000_000_000
BEGIN = parse_rfc3339("2024-06-01T10:00:00Z")
RANGE = {"range_start": "2024-06-01T00:00:00Z", "range_stop": "2024-06-02T00:00:00Z"}
HOSTILE = [
    'a"b', "a'b", "a,b", "a b", "a=b", "a\\b", "a\\,b", "a\\ b", "a\\=b", "a\\\\", "\\", "a\nb", "a\r\nb", "a\tb",
    "x bpm=1 1\nheart_rate,user_id=9 bpm=2 2", '") |> drop(columns: ["_value"]) //', "'; DROP TABLE points; --",
    "${r._value}", "#comment", "_field", "time", "_measurement", "result", "table", "_value", "ünï 😀", "\u2028",
    "%s", "{}", "NULL", '\\"', '"', "org_1", "a\x01b", " lead", "trail ", "=", ",", ",=",
]  # fmt: skip
text = st.one_of(st.sampled_from(HOSTILE), st.text('ab ,="\\\n\r\t#_é😀', min_size=1, max_size=6))
value = st.one_of(st.floats(-1e15, 1e15), st.booleans(), text, st.just(""))


def point(second, fields, tags=None, measurement="heart_rate"):
    time = rfc3339(BEGIN + int(second * SECOND))
    return {"measurement": measurement, "tags": tags or {}, "fields": fields, "timestamp": time}


def read(services, bucket, **members):
    """Everything a query finds: tags, time and fields of each row, with its count where it is a window."""
    found = services.query(bucket, **{**RANGE, **members})
    return [
        (dict(found.groups[row.group].tags), (row.time_ns - BEGIN) / SECOND, dict(row.values), row.points)
        for row in found.rows
    ]


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(measurement=text, tags=st.dictionaries(text, text, max_size=3), field=text, value=value)
@example(measurement="m", tags={"a": "x\\ y", "b": '"'}, field='f"', value="end\\")
@example(measurement="m", tags={}, field="f", value='two\n"lines"')
@example(measurement="m\\ n", tags={"t=": "\\,"}, field="f", value='"\n')
@example(measurement="m", tags={"result": "r", "table": "t", "error": "e"}, field="f", value=1.0)
def test_any_text_of_a_point_is_stored_as_data_or_refused(services, measurement, tags, field, value):
    bucket = services.bucket()
    beside = point(1, {"bpm": 61.0}, {"device": "beside"})
    strange = {**point(0, {field: value}, tags), "measurement": measurement}
    verdicts = services.verdicts(bucket, [strange, beside])
    assert verdicts[1].status == services.created
    kept = read(services, bucket, measurement=measurement)
    others = [({"device": "beside"}, 1, {"bpm": 61.0}, None)] if measurement == "heart_rate" else []
    if verdicts[0].status == "rejected":
        assert verdicts[0].reason
        assert services.created == "stored"
        assert kept == others
    else:
        assert kept == [(tags, 0, {field: value}, None), *others]
        assert type(kept[0][2][field]) is type(value)
        picked = read(services, bucket, measurement=measurement, tags=tags, fields=[field])
        assert picked == [(tags, 0, {field: value}, None)]
    assert read(services, bucket) == [({"device": "beside"}, 1, {"bpm": 61.0}, None)] or measurement == "heart_rate"


@pytest.mark.parametrize("word", HOSTILE)
def test_a_hostile_question_finds_nothing(services, word):
    bucket = services.bucket()
    services.write(bucket, [point(0, {"bpm": 60.0}, {"device": "a"})])
    assert read(services, bucket, measurement=word) == []
    assert read(services, bucket, tags={"device": word}) == []
    assert read(services, bucket, tags={word: "a"}) == []
    assert read(services, bucket, fields=[word]) == []
    assert read(services, bucket, tags={word: word}, aggregate="mean", every="1m") == []
    assert [row[0] for row in read(services, bucket, aggregate="count", group_by=[word])] == [{}]


def test_sending_again_changes_nothing(services):
    bucket = services.bucket()
    points = [point(second, {"bpm": 60.0 + second}, {"device": "a"}) for second in range(10)]
    assert set(services.write(bucket, points)) == {services.created}
    before = read(services, bucket)
    assert services.write(bucket, points) == (["duplicate"] * 10 if services.created == "created" else ["stored"] * 10)
    assert read(services, bucket) == before
    assert len(before) == 10


def test_fields_of_one_instant_are_merged_and_the_later_value_wins(services):
    bucket = services.bucket()
    batch = [point(0, {"bpm": 60.0, "confidence": 0.5}), point(0, {"bpm": 61.0}), point(0, {"note": "n"})]
    services.write(bucket, batch)
    assert read(services, bucket) == [({}, 0, {"bpm": 61.0, "confidence": 0.5, "note": "n"}, None)]
    services.write(bucket, [point(0, {"confidence": 0.75})])
    assert read(services, bucket) == [({}, 0, {"bpm": 61.0, "confidence": 0.75, "note": "n"}, None)]


def test_nanoseconds_are_kept_and_ranges_are_half_open(services):
    bucket = services.bucket()
    times = [BEGIN, BEGIN + 1, BEGIN + SECOND - 1, BEGIN + SECOND]
    points = [{**point(0, {"bpm": float(place)}), "timestamp": rfc3339(time)} for place, time in enumerate(times)]
    services.write(bucket, points)
    found = services.query(bucket, range_start=rfc3339(BEGIN), range_stop=rfc3339(BEGIN + SECOND))
    assert [row.time_ns for row in found.rows] == times[:3]
    found = services.query(bucket, range_start=rfc3339(BEGIN + 1), range_stop=rfc3339(BEGIN + SECOND + 1))
    assert [row.time_ns for row in found.rows] == times[1:]


def test_first_and_last_of_one_instant_follow_the_order_of_their_series(services):
    bucket = services.bucket()
    for device, bpm in (("b", 1.0), ("a", 2.0), ("c", 3.0)):
        services.write(bucket, [point(0, {"bpm": bpm}, {"device": device})])
    assert read(services, bucket, aggregate="first")[0][2] == {"bpm": 1.0}
    assert read(services, bucket, aggregate="last")[0][2] == {"bpm": 3.0}


def test_texts_and_booleans_have_count_first_and_last_only(services):
    bucket = services.bucket()
    batch = [point(0, {"note": "one", "worn": True}), point(30, {"note": "two"}), point(60, {"note": "three"})]
    services.write(bucket, batch)
    by_minute = {"every": "1m", "fields": ["note"]}
    counted, last = (read(services, bucket, aggregate=aggregate, **by_minute) for aggregate in ("count", "last"))
    assert [row[2:] for row in counted] == [({"note": 2}, 2), ({"note": 1}, 1)]
    assert [row[2] for row in last] == [{"note": "two"}, {"note": "three"}]
    assert read(services, bucket, aggregate="first", fields=["worn"])[0][2:] == ({"worn": True}, 1)
    for aggregate in ("mean", "min", "max", "sum", "median", "stddev", "p95"):
        with pytest.raises(ServiceError) as raised:
            read(services, bucket, aggregate=aggregate)
        assert raised.value.row.code == "TS_007"


def test_a_window_of_several_fields_counts_its_points_once(services):
    bucket = services.bucket()
    batch = [point(0, {"bpm": 60.0, "confidence": 0.5}), point(1, {"bpm": 70.0}), point(2, {"confidence": 1.0})]
    services.write(bucket, batch)
    assert [row[2:] for row in read(services, bucket, aggregate="mean", every="1h")] == [
        ({"bpm": 65.0, "confidence": 0.75}, 3)
    ]
    assert [row[2:] for row in read(services, bucket, aggregate="count", every="1h")] == [
        ({"bpm": 2, "confidence": 2}, 3)
    ]


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    points=st.lists(
        st.tuples(
            st.sampled_from("ab"),
            st.integers(0, 300),
            st.dictionaries(st.sampled_from(["bpm", "confidence"]), st.floats(-1e6, 1e6), min_size=1),
        ),
        min_size=1,
        max_size=30,
    ),
    aggregate=st.sampled_from(["mean", "sum", "min", "max", "count", "median", "p95", "stddev", "first", "last"]),
    grouped=st.booleans(),
)
def test_aggregates_of_several_fields_equal_those_of_each(services, points, aggregate, grouped):
    bucket = services.bucket()
    services.write(bucket, [point(second, fields, {"device": device}) for device, second, fields in points])
    stored = defaultdict(dict)
    for device, second, fields in points:
        stored[device, second].update(fields)
    more = {"every": "1m", **({"group_by": ["device"]} if grouped else {})}
    together = read(services, bucket, aggregate=aggregate, **more)
    alone = {
        (tags.get("device"), second, name): value
        for name in ("bpm", "confidence")
        for tags, second, values, _ in read(services, bucket, aggregate=aggregate, fields=[name], **more)
        for value in values.values()
    }
    empty = 0 if aggregate == "count" else None
    for tags, second, values, count in together:
        for name, value in values.items():
            expected = alone.get((tags.get("device"), second, name), empty)
            assert value == (expected if expected is None else pytest.approx(expected, rel=1e-9, abs=1e-9))
        inside = [key for key in stored if second <= key[1] < second + 60 and (not grouped or key[0] == tags["device"])]
        assert count == len(inside)
    assert math.isclose(sum(row[3] for row in together), len(stored))


def test_a_conflict_of_types_is_known_before_anything_is_sent(services):
    bucket = services.bucket()
    services.write(bucket, [point(0, {"bpm": 60.0})])
    verdicts = services.verdicts(bucket, [point(1, {"bpm": "fast"}), point(2, {"bpm": 61.0})])
    assert [(verdict.status, verdict.reason) for verdict in verdicts] == [
        ("rejected", "the field bpm is of type float"),
        (services.created, None),
    ]
    with pytest.raises(ServiceError) as raised:
        services.verdicts(bucket, [point(3, {"bpm": 62.0}), point(4, {"bpm": "fast"})], atomic=True)
    assert raised.value.row.code == "TS_004"
    assert [row[2]["bpm"] for row in read(services, bucket)] == [60.0, 61.0]


def test_an_erasure_removes_one_person_only(services):
    bucket = services.bucket()
    batch = [point(0, {"bpm": 60.0, "note": "x"}, {"user_id": person}) for person in ("7", "70", "8")]
    services.write(bucket, [*batch, point(0, {"bpm": 1.0}), point(0, {"bpm": 2.0}, {"patient": "7"})])
    assert services.store.erase([services.bucket_id(bucket)], 7) == 2
    assert sorted(row[0].get("user_id", "") for row in read(services, bucket)) == ["", "", "70", "8"]
    assert services.store.erase([services.bucket_id(bucket)], 7) == 0
    assert services.store.erase([services.bucket_id(bucket)], None) == 6
    assert read(services, bucket) == []


def test_a_deletion_for_one_person_leaves_points_of_others(services):
    bucket = services.bucket()
    services.write(
        bucket, [point(0, {"bpm": 60.0}, {"user_id": person}) for person in ("7", "70")] + [point(0, {"bpm": 1.0})]
    )
    selection = chosen(services, bucket, person=7)
    assert services.store.delete(selection, services.store.groups(selection, None)) == 1
    assert sorted(row[0].get("user_id", "") for row in read(services, bucket)) == ["", "70"]


def test_a_removed_bucket_takes_its_points_with_it(services):
    bucket, other = services.bucket(), services.bucket()
    for name in (bucket, other):
        services.write(name, [point(0, {"bpm": 60.0})])
    bucket_id = services.bucket_id(bucket)
    services.store.erase([bucket_id], None)
    assert services.buckets.remove(bucket_id) == 1
    with pytest.raises(ServiceError) as raised:
        services.write(bucket, [point(1, {"bpm": 61.0})])
    assert raised.value.row.code == "TS_001"
    assert services.buckets.create(services.org_id, bucket, None)
    assert read(services, bucket) == []
    assert len(read(services, other)) == 1


def test_a_member_sees_their_own_points_only(services):
    bucket = services.bucket()
    services.write(bucket, [point(0, {"bpm": 60.0}, {"user_id": "7"}), point(0, {"bpm": 90.0}, {"user_id": "8"})])
    member = Principal("person", "user", user_id=7, org_id=services.org_id)
    question = {"bucket": bucket, "measurement": "heart_rate", **RANGE}
    found = services.querying.query(member, question, None)
    assert [(dict(found.groups[row.group].tags), row.values["bpm"]) for row in found.rows] == [({"user_id": "7"}, 60.0)]
    found = services.querying.query(member, {**question, "aggregate": "max"}, None)
    assert [(row.values["bpm"], row.points) for row in found.rows] == [(60.0, 1)]


def test_a_named_buckets_retention_holds(services):
    bucket = services.bucket(retention_days=1)
    verdicts = services.verdicts(bucket, [point(0, {"bpm": 60.0})])
    assert [(verdict.status, verdict.reason) for verdict in verdicts] == [
        ("rejected", "the timestamp is older than the bucket keeps points")
    ]


def chosen(services, bucket, tags=None, person=None, start=RANGE["range_start"], stop=RANGE["range_stop"]):
    edges = parse_rfc3339(start), parse_rfc3339(stop)
    return Selection(services.bucket_id(bucket), "heart_rate", *edges, tags or {}, person)


def test_the_latest_point_of_each_series(services):
    bucket = services.bucket()
    batch = [
        *(point(second, {"bpm": 60.0 + second, "confidence": 0.5}, {"device": "a"}) for second in range(5)),
        point(5, {"bpm": 70.0}, {"device": "a"}),
        point(3, {"bpm": 80.0}, {"device": "b"}),
        point(9, {"steps": 1.0}, {"device": "c"}, measurement="walk"),
    ]
    services.write(bucket, batch)
    number = services.bucket_id(bucket)

    def latest(measurement=None, after=0, limit=10, **tags):
        series = services.store.series(number, measurement, tags, None, after=after, limit=limit)
        fields = PostgresFieldTypes(services.pool).of_each(number, {one.measurement for one in series})
        rows = services.store.latest(number, series, fields, tags=tags, person=None)
        return series, {dict(series[it.group].tags)["device"]: (it.time_ns - BEGIN, dict(it.values)) for it in rows}

    last = {"a": (5 * SECOND, {"bpm": 70.0}), "b": (3 * SECOND, {"bpm": 80.0}), "c": (9 * SECOND, {"steps": 1.0})}
    series, found = latest()
    assert found == last
    assert latest("walk")[1] == {"c": last["c"]}
    assert latest(device="b")[1] == {"b": last["b"]}
    first, rest = latest(limit=2), latest(after=series[1].id)
    assert {**first[1], **rest[1]} == last
    assert (len(first[0]), len(rest[0])) == (2, 1)


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    seconds=st.lists(st.integers(0, 20), min_size=1, max_size=12, unique=True),
    begin=st.integers(0, 20),
    length=st.integers(1, 20),
    word=st.sampled_from(["a", "b c", 'x"y', "back\\slash", "é"]),
)
@example(seconds=[0, 4, 5], begin=0, length=5, word="a")
def test_a_deletion_is_half_open_and_of_its_tags_only(services, seconds, begin, length, word):
    bucket = services.bucket()
    batch = [point(second, {"bpm": 60.0, "note": "n"}, {"t g": tag}) for second in seconds for tag in (word, "other")]
    assert set(services.write(bucket, batch)) == {services.created}
    edges = {"start": rfc3339(BEGIN + begin * SECOND), "stop": rfc3339(BEGIN + (begin + length) * SECOND)}
    selection = chosen(services, bucket, tags={"t g": word}, **edges)
    gone = {second for second in seconds if begin <= second < begin + length}
    assert services.store.delete(selection, services.store.groups(selection, None)) == 2 * len(gone)
    left = {(row[0]["t g"], row[1]) for row in read(services, bucket)}
    assert left == {(word, second) for second in seconds if second not in gone} | {
        ("other", second) for second in seconds
    }
