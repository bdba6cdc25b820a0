"""POST /timeseries/query."""

import pytest
from lxml import etree

from tests.service.influx.conftest import beat
from tests.tokens import bearer


def points(answer, series=0):
    assert answer.status_code == 200, answer.get_data(as_text=True)
    return answer.get_json()["series"][series]["points"]


def rejection(answer, code="GEN_422"):
    error = answer.get_json()["error"]
    assert (answer.status_code, error["code"]) == (422, code)
    return error["details"]


def test_means_of_one_minute_in_both_formats(write, query, admin):
    write(*[beat(second, second) for second in range(150)])
    answer = query(aggregate="mean", every="1m")
    assert answer.get_json() == {
        "measurement": "heart_rate",
        "aggregate": "mean",
        "every": "1m",
        "series": [
            {
                "tags": {},
                "points": [
                    {"time": "2024-06-01T10:00:00Z", "fields": {"bpm": 29.5}, "count": 60},
                    {"time": "2024-06-01T10:01:00Z", "fields": {"bpm": 89.5}, "count": 60},
                    {"time": "2024-06-01T10:02:00Z", "fields": {"bpm": 134.5}, "count": 30},
                ],
            }
        ],
        "next_cursor": None,
    }
    assert answer.headers["Cache-Control"] == "no-store"
    root = etree.fromstring(query(aggregate="mean", every="1m", headers=admin | {"Accept": "text/xml"}).data)
    found = [
        (p.findtext("time"), float(p.findtext("fields/entry")), int(p.findtext("count"))) for p in root.iter("point")
    ]
    assert found == [(p["time"], p["fields"]["bpm"], p["count"]) for p in points(answer)]


# By hand, of 60, 61, 62, 75, 90: p95 lies 0.8 of the way from the fourth to the fifth.
BY_HAND = {
    "mean": 69.6, "min": 60, "max": 90, "sum": 348, "count": 5, "first": 62, "last": 61, "median": 62,
    "stddev": 167.3**0.5, "p95": 87.0,
}  # fmt: skip


@pytest.mark.parametrize("aggregate", BY_HAND)
def test_aggregates_by_hand(write, query, aggregate):
    write(*[beat(second, bpm) for second, bpm in enumerate([62, 75, 60, 90, 61])])
    assert points(query(aggregate=aggregate))[0]["fields"]["bpm"] == pytest.approx(BY_HAND[aggregate])


def test_the_range_is_half_open(write, query):
    write(beat(0), beat(1), beat(2))
    short = {"range_start": "2024-06-01T10:00:00Z", "range_stop": "2024-06-01T10:00:02Z"}
    assert points(query(**short, aggregate="count"))[0]["count"] == 2
    answer = query(range_start="2024-06-01T10:00:00Z", range_stop="2024-06-01T10:00:02Z")
    assert [point["time"][17:19] for point in points(answer)] == ["00", "01"]


def test_without_every_there_is_one_window_over_the_range(write, query):
    write(beat(0, 60), beat(1, 80))
    expected = {"time": "2024-06-01T00:00:00Z", "fields": {"bpm": 70.0}, "count": 2}
    assert points(query(aggregate="mean")) == [expected]


def test_empty_windows_are_left_out_or_filled(write, query):
    write(beat(0, 60), beat(120, 80))
    short = {"range_start": "2024-06-01T10:00:00Z", "range_stop": "2024-06-01T10:03:00Z", "every": "1m"}
    assert [point["count"] for point in points(query(**short, aggregate="mean"))] == [1, 1]
    filled = points(query(**short, aggregate="mean", fill="null"))
    assert [(point["fields"]["bpm"], point["count"]) for point in filled] == [(60, 1), (None, 0), (80, 1)]
    counted = points(query(**short, aggregate="count", fill="null"))
    assert [point["fields"]["bpm"] for point in counted] == [1, 0, 1]
    descending = points(query(**short, aggregate="mean", order="desc"))
    assert [point["fields"]["bpm"] for point in descending] == [80, 60]


def test_calendar_windows_take_the_organizations_time_zone(write, query, database):
    from tests.people import owner

    write(beat(0, 60))
    assert points(query(aggregate="mean", every="1d"))[0]["time"] == "2024-06-01T00:00:00Z"
    with owner(database) as cursor:
        cursor.execute("UPDATE heartguard_core.organizations SET time_zone = 'Europe/Madrid'")
    assert points(query(aggregate="mean", every="1d"))[0]["time"] == "2024-05-31T22:00:00Z"
    assert points(query(aggregate="mean", every="1mo", time_zone="UTC"))[0]["time"] == "2024-06-01T00:00:00Z"


def test_groups_filters_and_fields(write, query):
    write(beat(0, 60, user_id="1", device="a"), beat(1, 70, user_id="1", device="b"), beat(2, 80, user_id="2"))
    assert points(query(aggregate="mean"))[0] | {"time": ""} == {"time": "", "fields": {"bpm": 70.0}, "count": 3}
    by_user = query(aggregate="mean", group_by=["user_id"]).get_json()["series"]
    assert [(item["tags"], item["points"][0]["fields"]["bpm"]) for item in by_user] == [
        ({"user_id": "1"}, 65),
        ({"user_id": "2"}, 80),
    ]
    by_device = query(aggregate="mean", group_by=["device"]).get_json()["series"]
    assert [item["tags"] for item in by_device] == [{}, {"device": "a"}, {"device": "b"}]
    assert len(query(tags={"user_id": "1"}).get_json()["series"]) == 2
    assert query(tags={"user_id": "1", "device": "c"}).get_json()["series"] == []
    assert query(fields=["nothing"]).get_json()["series"] == []
    together = query(group_by=[]).get_json()["series"]
    assert [(item["tags"], len(item["points"])) for item in together] == [({}, 3)]


def test_each_window_counts_points_whichever_fields_they_carry(write, query):
    both, one = beat(0), beat(1)
    both["fields"] = {"bpm": 60, "confidence": 1}
    one["fields"] = {"confidence": 0}
    write(both, one)
    expected = {"time": "2024-06-01T00:00:00Z", "fields": {"bpm": 60.0, "confidence": 0.5}, "count": 2}
    assert points(query(aggregate="mean")) == [expected]


def test_text_and_booleans_have_count_first_and_last_and_nothing_else(write, query):
    for second, (mood, resting) in enumerate([("calm", True), ("tense", False)]):
        write(beat(second) | {"fields": {"mood": mood, "resting": resting}})
    found = {name: points(query(aggregate=name))[0]["fields"] for name in ("count", "first", "last")}
    assert found == {
        "count": {"mood": 2, "resting": 2},
        "first": {"mood": "calm", "resting": True},
        "last": {"mood": "tense", "resting": False},
    }
    for name in ("mean", "min", "max", "sum", "median", "stddev", "p95"):
        details = rejection(query(aggregate=name), "TS_007")
        assert [("mood" in item["message"], "resting" in item["message"]) for item in details] == [
            (True, False),
            (False, True),
        ]


def test_raw_points_are_returned_in_pages(write, query):
    write(*[beat(second, second) for second in range(7)])
    answer, seen = query(limit=3).get_json(), []
    while True:
        page = [point["fields"]["bpm"] for item in answer["series"] for point in item["points"]]
        seen.append(page)
        if answer["next_cursor"] is None:
            break
        write(beat(0.5, 99), beat(6.5, 6.5))  # before and behind
        answer = query(limit=3, cursor=answer["next_cursor"]).get_json()
    assert seen == [[0, 1, 2], [3, 4, 5], [6, 6.5]]


@pytest.mark.parametrize("cursor", ["x", "W10", "WzEsMiwzXQ", "WyJhIiwxXQ"])
def test_an_invalid_cursor_is_refused(query, cursor):
    assert rejection(query(cursor=cursor))[0]["path"] == "/cursor"


def test_a_query_over_budget_says_what_fits(write, query):
    write(beat(0))
    year = {"range_start": "2024-01-01T00:00:00Z", "range_stop": "2025-01-01T00:00:00Z", "aggregate": "mean"}
    (detail,) = rejection(query(**year, every="1s"), "TS_006")
    assert detail["path"] == "/every"
    assert "limit 50000" in detail["message"]
    assert "31622400" in detail["message"]
    fitting = detail["message"].rsplit(" ", 1)[1]
    assert fitting == "633s"
    assert query(**year, every=fitting).status_code == 200
    assert query(**year, every="632s").status_code == 422


def test_the_largest_numbers_of_the_contract_are_aggregated(write, query):
    write(*[beat(second, 9e18) for second in range(10)])
    found = {name: points(query(aggregate=name))[0]["fields"]["bpm"] for name in ("sum", "mean", "stddev", "p95")}
    assert found == pytest.approx({"sum": 9e19, "mean": 9e18, "stddev": 0, "p95": 9e18})


MEMBERS = [
    ({"range_stop": "2024-06-01T00:00:00Z"}, "/range_stop"),
    ({"range_stop": "2023-06-01T00:00:00Z"}, "/range_stop"),
    ({"every": "1m"}, "/every"),
    ({"fill": "null"}, "/fill"),
    ({"aggregate": "mean", "time_zone": "UTC"}, "/time_zone"),
    ({"aggregate": "mean", "every": "1d", "time_zone": "Europe/Atlantis"}, "/time_zone"),
    ({"aggregate": "mean", "limit": 5}, "/limit"),
    ({"aggregate": "mean", "cursor": "WzEsMV0"}, "/cursor"),
    ({"aggregate": "mode"}, "/aggregate"),
    ({"unknown": 1}, "/unknown"),
]


def test_no_member_is_ignored(subtests, query):
    for members, path in MEMBERS:
        with subtests.test(str(members)):
            assert rejection(query(**members))[0]["path"] == path


def test_ranges_beyond_nanoseconds_are_refused(write, query):
    write(beat(0))
    whole = {"range_start": "0001-01-01T00:00:00Z", "range_stop": "9999-12-31T23:59:59.999999999Z"}
    assert len(points(query(**whole))) == 1
    assert points(query(**whole, aggregate="count", every="99999h"))[0]["count"] == 1
    assert (
        points(query(**whole, aggregate="count", every="1mo", time_zone="Asia/Tokyo"))[0]["time"]
        == "2024-05-31T15:00:00Z"
    )
    for start, stop in (
        ("0001-01-01T00:00:00Z", "0002-01-01T00:00:00Z"),
        ("9000-01-01T00:00:00Z", "9001-01-01T00:00:00Z"),
    ):
        for more in (
            {},
            {"aggregate": "mean"},
            {"aggregate": "mean", "every": "1d"},
            {"aggregate": "mean", "every": "1h"},
        ):
            assert query(range_start=start, range_stop=stop, **more).get_json()["series"] == []


def test_members_read_their_own_points_only(write, query, member):
    write(beat(0, 60, user_id="7"), beat(1, 61, user_id="8"), beat(2, 62))
    assert [item["tags"] for item in query(headers=member).get_json()["series"]] == [{"user_id": "7"}]
    assert points(query(headers=member, aggregate="mean"))[0]["fields"] == {"bpm": 60}
    assert len(query(headers=member, group_by=[]).get_json()["series"][0]["points"]) == 1
    for other in ("8", "07", "x"):
        answer = query(headers=member, tags={"user_id": other})
        assert (answer.status_code, answer.get_json()["error"]["code"]) == (403, "TS_005")
    assert query(headers=member, tags={"user_id": "7"}).status_code == 200


def test_manager_reads_the_organizations_points(write, query, org):
    write(beat(0, 60, user_id="7"), beat(1, 61))
    assert len(query(headers=bearer(3, "manager", org)).get_json()["series"]) == 2
