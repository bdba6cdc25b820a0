"""Verdicts for single points out of answers about batches; the server is a function that remembers what it stored."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from heartguard_influx.points.domain.point import Point, Verdict
from heartguard_influx.store.influxdb.sending import Outcome, send
from tests.fakes.influxdb.model_lines import read_lines

STORED = Verdict("stored")
CONFLICT = Verdict("rejected", "the field bpm is of type float in InfluxDB")
OLD = Verdict("rejected", "the timestamp is older than the bucket keeps points")


class Server:
    """Keeps `bpm` as a float and nothing before time 0; its messages are those of the recorded exchanges."""

    def __init__(self):
        self.requests = 0
        self.kept = {}

    def __call__(self, lines):
        self.requests += 1
        reasons = []
        for _, tags, fields, time_ns in read_lines("\n".join(lines), 1, 0):
            if time_ns < 0:
                reasons.append("dropped 1 points outside retention policy of duration 1h0m0s - oldest point")
            elif isinstance(fields.get("bpm"), str):
                reasons.append(
                    'field type conflict: input field "bpm" on measurement "heart_rate" is type string, '
                    "already exists as type float"
                )
            else:
                self.kept.setdefault((tags, time_ns), {}).update(fields)
        if not reasons:
            return None
        # Of lines in conflict and lines that are too old, a 2.7.12 tells and counts the conflicts alone.
        reasons = [reason for reason in reasons if "conflict" in reason] or reasons
        return Outcome(f"failure writing points to database: partial write: {reasons[0]} dropped={len(reasons)}")


def beat(time_ns, fields):
    return Point("heart_rate", (("user_id", "1"),), fields, time_ns)


def test_a_good_batch_is_one_request():
    server = Server()
    assert send([beat(time, {"bpm": 60.0}) for time in range(1000)], server) == [STORED] * 1000
    assert server.requests == 1


def test_conflicts_all_over_a_batch_take_three_requests():
    server = Server()
    batch = [beat(time, {"bpm": "fast" if time % 100 == 7 else 60.0}) for time in range(1000)]
    assert send(batch, server) == [CONFLICT if time % 100 == 7 else STORED for time in range(1000)]
    assert server.requests == 3


def test_the_end_of_the_retention_in_a_batch_is_found_by_halves():
    server = Server()
    batch = [beat((time * 37) % 1000 - 300, {"bpm": 60.0}) for time in range(1000)]
    assert send(batch, server) == [OLD if point.time_ns < 0 else STORED for point in batch]
    assert server.requests <= 2 * 10 + 1


def test_conflicts_hide_no_point_that_is_too_old():
    server = Server()
    batch = [beat(time, {"bpm": "fast" if time % 3 == 0 else 60.0}) for time in range(-30, 60)]
    verdicts = send(batch, server)
    assert [it.status == "rejected" for it in verdicts] == [time < 0 or time % 3 == 0 for time in range(-30, 60)]
    assert {time for (_, time) in server.kept} == {time for time in range(60) if time % 3}


def test_a_batch_refused_as_a_whole_is_one_request():
    server = Server()
    assert send([beat(time, {"bpm": "fast"}) for time in range(100)], server) == [CONFLICT] * 100
    assert server.requests == 1


def test_of_points_that_became_one_line_only_the_invalid_one_is_rejected():
    server = Server()
    batch = [beat(0, {"confidence": 0.5}), beat(0, {"bpm": "fast"}), beat(0, {"confidence": 0.75})]
    assert send(batch, server) == [STORED, CONFLICT, STORED]
    assert server.kept == {((("user_id", "1"),), 0): {"confidence": 0.75}}


@pytest.mark.parametrize("message", ["unable to parse 'heart_rate x'", ""])
def test_a_server_that_says_nothing_useful_of_a_single_line(message):
    verdicts = send([beat(0, {"bpm": 60.0})], lambda _: Outcome(message))
    assert verdicts == [Verdict("rejected", "InfluxDB refused the point")]


fields = st.dictionaries(
    st.sampled_from(["bpm", "confidence"]), st.sampled_from([60.0, 61.0, "fast"]), min_size=1
).filter(lambda it: it.get("confidence") != "fast")


@given(st.lists(st.tuples(st.integers(-3, 6), fields), min_size=1, max_size=12))
def test_each_verdict_is_that_of_its_point_alone_and_the_last_value_stays(submitted):
    server, alone = Server(), Server()
    verdicts = send([beat(time, values) for time, values in submitted], server)
    expected = {}
    for (time, values), verdict in zip(submitted, verdicts, strict=True):
        refused = alone([f"heart_rate,user_id=1 {','.join(say(values))} {time}"])
        if refused is None:
            expected.setdefault(((("user_id", "1"),), time), {}).update(values)
        assert (verdict.status == "rejected") == (refused is not None)
    assert server.kept == expected


def say(values):
    return [f'{name}="{it}"' if isinstance(it, str) else f"{name}={it}" for name, it in values.items()]
