"""What streams show: every kind of caller with every filter, ids of other views, forged and old ones."""

import base64
import itertools
import json

import pytest

from heartguard_common.identity.api_key import INTEGRATION, ApiKey
from heartguard_common.identity.authentication import Principal
from heartguard_common.streams.events import ALARMS, JOBS, POINTS, LiveEvent, PointsEvent, Run, decode
from heartguard_gateway.streams import frames
from heartguard_gateway.streams.cursors import Cursors, Position
from heartguard_gateway.streams.view import View, persons_of, view_of

SECRET = "a secret of the tests, long enough"
PEOPLE = (7, 8)
MEASUREMENTS = ("heart_rate", "steps")
BUCKETS = ("org_1", "org_1_ward")


def caller(role: str, user_id: int, org_id: int = 1, buckets: frozenset[str] | None = None) -> Principal:
    key = None if buckets is None else ApiKey("k", INTEGRATION, "v", "admin", frozenset({"points_read"}), buckets)
    return Principal(kind="person", role=role, user_id=user_id, org_id=org_id, api_key=key)  # type: ignore[arg-type]


CALLERS = {
    "admin": caller("admin", 1),
    "manager": caller("manager", 2),
    "seven": caller("user", 7),
    "eight": caller("user", 8),
    "key": caller("admin", 1, buckets=frozenset()),
    "ward key": caller("admin", 1, buckets=frozenset({"org_1_ward"})),
    "other admin": caller("admin", 7, org_id=2),
    "other seven": caller("user", 7, org_id=2),
}
FILTERS = [
    (frozenset(topics), measurement, asked)
    for topics in ((POINTS,), (JOBS,), (ALARMS,), (POINTS, JOBS), (POINTS, JOBS, ALARMS))
    for measurement in (None, *MEASUREMENTS)
    for asked in (None, *PEOPLE, 9)
]
VIEWS = [(name, view_of(who, *them, "application/json")) for name, who in CALLERS.items() for them in FILTERS]


def run(person: int | None, measurement: str) -> Run:
    tags = {} if person is None else {"user_id": str(person)}
    return Run(measurement, tags, ["bpm"], None, [1_780_128_000 * 10**9], [60.0])


EVENTS = [
    PointsEvent(bucket, [run(who, name) for who in (None, *PEOPLE) for name in MEASUREMENTS]) for bucket in BUCKETS
] + [
    LiveEvent(topic, message, {"id": "j"}, person)
    for topic, message in ((JOBS, "StreamJob"), (ALARMS, "StreamAlarm"))
    for person in (None, *PEOPLE)
]


@pytest.mark.parametrize(("name", "view"), VIEWS)
def test_a_view_shows_what_its_caller_asks_for_and_may_see(name: str, view: View) -> None:
    who = CALLERS[name]
    for event in EVENTS:
        shown = view.select(decode(event.topic, event.encode()))
        if event.topic != POINTS:
            own = who.role != "user" or event.person == who.user_id
            wanted = event.topic in view.topics and view.asked in (None, event.person)
            assert (shown is not None) == (own and wanted and who.api_key is None), event
            continue
        expected = [
            it
            for it in event.document["points"]
            if POINTS in view.topics
            and view.measurement in (None, it["measurement"])
            and (view.asked is None or it["tags"].get("user_id") == str(view.asked))
            and (who.role != "user" or it["tags"].get("user_id") == str(who.user_id))
            and (who.api_key is None or who.api_key.permits_bucket(event.document["bucket"]))
        ]
        assert ([] if shown is None else shown.document["points"]) == expected


def test_an_id_is_of_use_for_the_views_that_are_equal_only() -> None:
    cursors = Cursors(SECRET)
    position = Position("1764490000000-3", 1764490000000123)
    for (_, one), (_, other) in itertools.product(VIEWS, VIEWS):
        same = cursors.open(cursors.seal(position, one.binding), other.binding)
        assert same == (position if one.binding == other.binding else None)
        assert one.org_id == other.org_id or one.binding != other.binding


def test_forged_ids_and_those_of_another_secret_are_none() -> None:
    cursors, binding = Cursors(SECRET), VIEWS[0][1].binding
    text = cursors.seal(Position("1-0", 5), binding)
    raw = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    forged = [raw[:place] + bytes([raw[place] ^ 1]) + raw[place + 1 :] for place in range(len(raw))]
    for data in (*forged, raw[:-1], raw + b"\0", b"", b"\0" * len(raw)):
        assert cursors.open(base64.urlsafe_b64encode(data).decode().rstrip("="), binding) is None
    for other in ("", "0-0", "1764490000000-3", "é", "=" * 64, text[:-1], text + "A", "A" * 4000):
        assert cursors.open(other, binding) is None
    assert Cursors(SECRET + "!").open(text, binding) is None
    assert cursors.open(text, binding) == Position("1-0", 5)


def test_each_line_of_the_data_is_a_line_of_the_event() -> None:
    data = b"<a>\n<b/>\n\n</a>"
    lines = frames.event("points", data, "x").decode().split("\n")
    assert lines[:2] == ["event: points", "id: x"]
    assert "\n".join(line.removeprefix("data: ") for line in lines[2:-2]).encode() == data
    assert lines[-2:] == ["", ""]


def test_whose_data_an_event_has() -> None:
    assert persons_of(EVENTS[0]) == {7: 2, 8: 2}
    assert persons_of(EVENTS[-1]) == {8: 1}
    assert persons_of(EVENTS[2]) == {}


def test_points_are_shown_as_they_were_published() -> None:
    odd = {'a%s "q"': "line\nbreak, %d", "é\u2028": "\\"}
    runs = [
        Run("100 %", odd, ["bpm", "%(x)s", "on"], 'above "220" %', [0, 1], [60.0, "a,b\n", True, 1e-7, "%s", False]),
        Run("steps", {}, ["n"], None, [-1], [-0.0]),
    ]
    event = decode(POINTS, PointsEvent("org_1", runs).encode())
    shared = {"measurement": "100 %", "tags": odd, "out_of_range": 'above "220" %'}
    assert event.document == {
        "bucket": "org_1",
        "points": [
            {**shared, "fields": {"bpm": 60.0, "%(x)s": "a,b\n", "on": True}, "time": "1970-01-01T00:00:00Z"},
            {**shared, "fields": {"bpm": 1e-7, "%(x)s": "%s", "on": False}, "time": "1970-01-01T00:00:00.000000001Z"},
            {"measurement": "steps", "tags": {}, "fields": {"n": 0.0}, "time": "1969-12-31T23:59:59.999999999Z"},
        ],
    }
    assert json.loads(event.json) == event.document
    for broken in (b"", b"[]", PointsEvent("org_1", runs).encode()[:-1], LiveEvent(JOBS, "StreamJob", {}).encode()):
        with pytest.raises(ValueError, match="not an event"):
            decode(POINTS, broken)
