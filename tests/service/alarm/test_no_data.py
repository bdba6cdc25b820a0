"""Rules about missing data: the influx and the alarm service over real HTTP, by the clock of the machine.

Points are 57 seconds old when they are sent, so that data are missing for a minute three seconds later.
"""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from lxml import etree

from tests.people import join
from tests.servers import Database, until
from tests.service.alarm.test_evaluation import Ward, read, stack, ward
from tests.tokens import operator_auth, service_auth

__all__ = ["stack", "ward"]

RULE = {"name": "Silent", "measurement": "heart_rate", "field": "bpm", "condition": "no_data", "enabled": True}
OLD = 57


def make(ward: Ward, **more: Any) -> dict[str, Any]:
    document = {**RULE, "no_data_after_seconds": 60, **more}
    made = ward.stack.client("alarm").post("/alarms/rules", json=document, headers=ward.admin)
    assert made.status_code == 201, made.data
    return dict(made.get_json())


def write(ward: Ward, *ages: float) -> None:
    """Points that are so many seconds old."""
    ward.begin = datetime.now(UTC).replace(microsecond=0)
    ward.write(*[(-age, 70) for age in ages])


def states(ward: Ward) -> list[str]:
    """By the time of the episodes, whether each is open."""
    ends = ward.rows("SELECT end_ns FROM $alarm_episodes WHERE withdrawn_at IS NULL ORDER BY start_ns")
    return ["open" if end is None else "over" for (end,) in ends]


def due_seconds(ward: Ward) -> float:
    """In how many seconds the only person is looked at again."""
    ward.settle()
    ((due_ns,),) = ward.rows("SELECT due_ns FROM $alarm_due_times")
    return float(due_ns / 1e9 - datetime.now(UTC).timestamp())


def wait_for(ward: Ward, wanted: list[str]) -> None:
    until(lambda: states(ward) == wanted, f"episodes {wanted}", 30)


def test_one_alarm_from_the_due_time_until_the_next_point(ward: Ward) -> None:
    rule = make(ward)
    write(ward, 80, 300)  # too late to say that data come
    ward.settle()
    assert ward.rows("SELECT count(*) FROM $alarm_due_times") == [(0,)]
    write(ward, OLD)
    last = ward.begin - timedelta(seconds=OLD)
    write(ward, OLD)
    ward.settle()
    assert states(ward) == []
    wait_for(ward, ["open"])
    (alarm,) = read(ward).get_json()["items"]
    assert datetime.fromisoformat(alarm["raised_at"]) >= last + timedelta(seconds=60)
    assert datetime.fromisoformat(alarm["found_at"]) < last + timedelta(seconds=75)
    assert (alarm["rule_id"], alarm["silent"], alarm["retrospective"]) == (rule["id"], "phone", False)
    assert abs(datetime.fromisoformat(alarm["last_sample"]) - last) <= timedelta(seconds=3)
    write(ward, 61, 90)  # again, and from the time before
    ward.settle()
    assert states(ward) == ["open"]
    write(ward, -240)  # the watch is four minutes ahead: the time of the receipt counts
    wait_for(ward, ["over"])
    assert ward.transitions() == ["raised", "cleared"]
    assert 55 < due_seconds(ward) <= 60
    found = read(ward, f"/{alarm['id']}", ward.theirs)
    assert [it["kind"] for it in found.get_json()["history"]] == ["raised", "cleared"]
    in_xml = etree.fromstring(read(ward, f"/{alarm['id']}", ward.theirs | {"Accept": "application/xml"}).data)
    assert in_xml.findtext("silent") == "phone"


def test_nothing_is_raised_while_changes_wait(ward: Ward) -> None:
    make(ward)
    write(ward, OLD)
    ward.settle()
    row = "INSERT INTO $changed_ranges (org_id, user_id, measurement, first_ns, last_ns, ready_at) "
    row += f"VALUES ({ward.org}, {ward.member}, 'heart_rate', 0, 0, clock_timestamp() + interval '1 hour') RETURNING id"
    ((waiting,),) = ward.rows(row)
    ward.stack.stop("alarm")
    until(lambda: datetime.now(UTC) > ward.begin + timedelta(seconds=63 - OLD), "the due time", 30)
    ward.stack.start("alarm")
    due_ns = (ward.begin.timestamp() + 63 - OLD) * 1e9
    until(lambda: ward.rows("SELECT due_ns FROM $alarm_due_times")[0][0] > due_ns, "a look after the due time")
    assert states(ward) == []
    ward.rows(f"DELETE FROM $changed_ranges WHERE id = {waiting} RETURNING id")
    wait_for(ward, ["open"])


def test_a_point_that_was_received_while_nothing_was_evaluated_counts_from_its_receipt(ward: Ward) -> None:
    make(ward)
    write(ward, OLD)
    ward.settle()
    ward.stack.stop("alarm")
    write(ward, 1)
    until(lambda: datetime.now(UTC) > ward.begin + timedelta(seconds=63 - OLD), "the due time", 30)
    ward.stack.start("alarm")
    assert 45 < due_seconds(ward) < 60
    assert ward.transitions() == []


def test_an_outage_raises_nothing(ward: Ward) -> None:
    make(ward)
    write(ward, OLD)
    ward.settle()
    ward.stack.stop("alarm")
    ward.rows("UPDATE $alarm_running_times SET since_ns = 1, until_ns = until_ns - 90000000000 RETURNING since_ns")
    until(lambda: datetime.now(UTC) > ward.begin + timedelta(seconds=63 - OLD), "the due time", 30)
    ward.stack.start("alarm")
    until(lambda: ward.rows("SELECT count(*) FROM $alarm_running_times") == [(2,)], "the evaluation")
    until(lambda: due_seconds(ward) > 50, "a minute after the outage", 10)
    assert states(ward) == []


def test_a_version_ends_keeps_and_raises(ward: Ward) -> None:
    rule = make(ward, no_data_after_seconds=3600)
    client, path = ward.stack.client("alarm"), f"/alarms/rules/{rule['id']}"

    def change(**more: Any) -> None:
        assert client.patch(path, json=more, headers=ward.admin).status_code == 200

    write(ward, 300)
    assert 3200 < due_seconds(ward) < 3300
    change(no_data_after_seconds=120)
    wait_for(ward, ["open"])
    change(no_data_after_seconds=60, name="Still silent")
    change(no_data_after_seconds=3600)
    wait_for(ward, ["over"])
    change(overrides=[{"user_id": ward.member, "no_data_after_seconds": 60}])
    wait_for(ward, ["over", "open"])
    change(enabled=False)
    wait_for(ward, ["over", "over"])
    change(enabled=True)  # the person takes part again from the next point on
    ward.settle()
    until(lambda: ward.rows("SELECT due_ns FROM $alarm_due_times") == [(None,)], "the evaluation of the version")
    write(ward, 5)
    assert 50 < due_seconds(ward) < 60
    assert ward.transitions() == ["raised", "cleared", "raised", "cleared"]
    refused = client.patch(path, json={"threshold": 5}, headers=ward.admin).get_json()["error"]
    assert (refused["code"], refused["details"][0]["path"]) == ("ALARM_002", "/threshold")
    assert client.delete(path, headers=ward.admin).status_code == 204
    until(lambda: ward.rows("SELECT count(*) FROM $alarm_due_times") == [(0,)], "nothing is due for a deleted rule")


def test_the_watch_is_silent_where_older_samples_come(ward: Ward) -> None:
    make(ward, no_data_after_seconds=120)
    ward.stack.stop("alarm")
    write(ward, 117)
    ward.rows("UPDATE $changed_ranges SET put_at = put_at - interval '90 seconds' RETURNING id")
    with_versions = "UPDATE $alarm_rule_versions SET from_ns = from_ns - 600000000000 RETURNING version"
    assert len(ward.rows(with_versions)) == 1
    write(ward, 500)
    ward.stack.start("alarm")
    wait_for(ward, ["open"])
    assert ward.rows("SELECT silent FROM $alarm_episodes") == [("watch",)]


def test_a_person_who_can_not_be_evaluated_stops_nobody(ward: Ward, database: Database) -> None:
    make(ward)
    write(ward, OLD)
    first, ward.member = ward.member, join(database, ward.org, "user")
    write(ward, OLD)
    ward.settle()
    ward.rows(f"UPDATE $alarm_due_times SET state = '{{' WHERE user_id = {first} RETURNING user_id")
    wait_for(ward, ["open"])
    assert ward.rows("SELECT user_id FROM $alarm_episodes") == [(ward.member,)]
    later = "SELECT due_ns > (extract(epoch FROM clock_timestamp()) + 30) * 1e9 FROM $alarm_due_times"
    until(lambda: ward.rows(f"{later} WHERE user_id = {first}") == [(True,)], "the next look in a minute")
    work = ward.stack.client("alarm").get("/alarms/background", headers=operator_auth()).get_json()
    assert "JSONDecodeError" in str(work)


def test_a_deleted_person_is_forgotten(ward: Ward) -> None:
    make(ward)
    write(ward, 5)
    ward.settle()
    assert ward.rows("SELECT user_id FROM $alarm_due_times") == [(ward.member,)]
    document = {"org_id": ward.org, "user_id": ward.member}
    answer = ward.stack.client("alarm").post("/alarms/erasures", json=document, headers=service_auth("user"))
    assert answer.status_code == 200
    assert ward.rows("SELECT count(*) FROM $alarm_due_times") == [(0,)]


@pytest.mark.parametrize(("after", "alarms"), [(60, 2), (301, 1), (900, 0)])
def test_a_rehearsal_finds_the_pauses(ward: Ward, after: int, alarms: int) -> None:
    write(ward, 3000, 2990, 2690, 2650, 2000)  # pauses of 300 and 650 seconds, and then until the end
    span = {"range_start": (ward.begin - timedelta(seconds=3600)).isoformat()}
    span["range_stop"] = (ward.begin - timedelta(seconds=1990)).isoformat()
    rule = {**RULE, "no_data_after_seconds": after}
    document = {"rule": rule, "user_id": ward.member, **span}
    tried = ward.stack.client("alarm").post("/alarms/rules/rehearse", json=document, headers=ward.admin).get_json()
    assert (tried["samples"], tried["alarms"]) == (5, alarms), tried
