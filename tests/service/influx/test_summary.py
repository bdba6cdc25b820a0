"""POST /timeseries/summary."""

from datetime import date, datetime
from zoneinfo import ZoneInfo

import pytest
from lxml import etree

from tests.service.influx.conftest import beat


@pytest.fixture
def summary(client, org, member):
    def ask(headers=None, **members):
        body = {"bucket": f"org_{org}", "day": "2024-06-01", **members}
        return client.post("/timeseries/summary", json=body, headers=headers or member)

    return ask


def test_a_summary_of_own_data_in_both_formats(write, summary, member):
    write(*[beat(second, 60, user_id="7") for second in range(600)], beat(0, 200, user_id="8"))
    answer = summary()
    assert answer.status_code == 200, answer.data
    document = answer.get_json()
    assert (document["user_id"], document["time_zone"], document["samples"]) == (7, "UTC", 600)
    assert (document["mean"], document["resting_heart_rate"], document["interval_seconds"]) == (60, 60, 1)
    assert document["coverage"] == pytest.approx(600 / 86_400)
    assert [zone["seconds"] for zone in document["zones"]] == [600, 0, 0, 0, 0, 0]
    assert document["gaps"] == [
        {"start": "2024-06-01T00:00:00Z", "stop": "2024-06-01T10:00:00Z"},
        {"start": "2024-06-01T10:09:59Z", "stop": "2024-06-02T00:00:00Z"},
    ]
    root = etree.fromstring(summary(member | {"Accept": "application/xml"}).data)
    assert (root.tag, root.findtext("samples"), len(root.findall("zones/zone"))) == ("HeartRateSummary", "600", 6)


def test_a_day_is_a_day_of_the_time_zone(write, summary):
    write(beat(0, 60, user_id="7"))  # 10 o'clock in UTC is already the next day in Kiritimati (UTC+14)
    assert summary(time_zone="Pacific/Kiritimati").get_json()["samples"] == 0
    assert summary(time_zone="Pacific/Kiritimati", day="2024-06-02").get_json()["samples"] == 1


def test_a_summary_without_a_day_is_of_today_in_the_time_zone(client, org, member):
    west, east = "Pacific/Pago_Pago", "Pacific/Kiritimati"  # UTC-11 and UTC+14: never the same day
    for zone in (west, east):
        before = datetime.now(ZoneInfo(zone)).date()
        answer = client.post("/timeseries/summary", json={"bucket": f"org_{org}", "time_zone": zone}, headers=member)
        assert answer.status_code == 200, answer.data
        assert before <= date.fromisoformat(answer.get_json()["day"]) <= datetime.now(ZoneInfo(zone)).date()
    ahead = {"bucket": f"org_{org}", "time_zone": west, "day": answer.get_json()["day"]}
    assert client.post("/timeseries/summary", json=ahead, headers=member).status_code == 422


# Madrid changes its clocks on these days of 2024.
@pytest.mark.parametrize(("day", "hours"), [("2024-03-31", 23), ("2024-10-27", 25), ("2024-06-01", 24)])
def test_days_of_23_and_25_hours(summary, day, hours):
    (gap,) = summary(day=day, time_zone="Europe/Madrid").get_json()["gaps"]
    pause = datetime.fromisoformat(gap["stop"]) - datetime.fromisoformat(gap["start"])
    assert pause.total_seconds() == hours * 3600


@pytest.mark.parametrize(
    ("members", "path"),
    [
        ({"day": "2024-02-30"}, "/day"),
        ({"day": "2999-01-01"}, "/day"),
        ({"day": "1600-01-01"}, "/day"),
        ({"day": "1677-09-21"}, "/day"),  # -2**63 ns is 1677-09-21T00:12:43Z
        ({"time_zone": "Mars/Base"}, "/time_zone"),
    ],
)
def test_an_invalid_day_is_refused(summary, members, path):
    answer = summary(**members)
    assert (answer.status_code, answer.get_json()["error"]["details"][0]["path"]) == (422, path)


def test_the_first_day_that_nanoseconds_count_whole(summary):
    assert summary(day="1677-09-22").get_json()["samples"] == 0


def test_only_admins_and_managers_can_summarize_others(write, summary, admin, member):
    write(beat(0, 60, user_id="8"))
    assert summary(member, user_id=8).status_code == 403
    assert summary(admin, user_id=8).get_json()["samples"] == 1
