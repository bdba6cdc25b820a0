"""From stored points to episodes: the influx and the alarm service over real HTTP."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.people import found, join, owner
from tests.running_services import RunningServices, running_services
from tests.servers import Database, until
from tests.tokens import bearer, service_auth

Rows = list[tuple[Any, ...]]
RULE = {
    "name": "High",
    "measurement": "heart_rate",
    "field": "bpm",
    "condition": "above",
    "threshold": 120,
    "clear_threshold": 110,
    "for_seconds": 60,
    "clear_after_seconds": 60,
    "max_gap_seconds": 30,
    "enabled": True,
}


@pytest.fixture
def stack(database: Database, redis_url: str) -> Iterator[RunningServices]:
    with running_services(database, redis_url, "influx", "alarm") as running:
        yield running


class Ward:
    """An organization with an admin and a member, whose rule is on since long before the first point."""

    def __init__(self, stack: RunningServices, database: Database) -> None:
        self.stack, self.database = stack, database
        self.org = found(database)
        self.admin = bearer(join(database, self.org, "admin"), "admin", self.org)
        self.member = join(database, self.org, "user")
        self.theirs = bearer(self.member, "user", self.org)
        self.begin = datetime.now(UTC).replace(microsecond=0) - timedelta(minutes=20)

    def make(self, **more: Any) -> dict[str, Any]:
        made = self.stack.client("alarm").post("/alarms/rules", json={**RULE, **more}, headers=self.admin)
        assert made.status_code == 201, made.data
        with owner(self.database) as cursor:  # as if it had been made an hour ago
            cursor.execute("UPDATE heartguard_core.alarm_rule_versions SET from_ns = from_ns - 7200000000000")
        return dict(made.get_json())

    def write(self, *values: tuple[float, float], **tags: str) -> None:
        """Points, each with the seconds since the begin and its value."""
        points = [
            {
                "measurement": "heart_rate",
                "tags": {"user_id": str(self.member), **tags},
                "fields": {"bpm": value},
                "timestamp": (self.begin + timedelta(seconds=second)).isoformat(),
            }
            for second, value in values
        ]
        body = {"bucket": f"org_{self.org}", "points": points}
        answer = self.stack.client("influx").post("/timeseries/write", json=body, headers=self.admin)
        assert answer.status_code == 200, answer.data

    def rows(self, statement: str) -> Rows:
        with owner(self.database) as cursor:
            cursor.execute(statement.replace("$", "heartguard_core."))
            return list(cursor.fetchall())

    def settle(self) -> None:
        until(lambda: self.rows("SELECT count(*) FROM $changed_ranges") == [(0,)], "the evaluation of all changes")

    def episodes(self) -> list[tuple[float, float | None]]:
        """Start and end of the episodes that stand, in seconds since the begin."""
        self.settle()
        begin = int(self.begin.timestamp())
        return [
            (start / 1e9 - begin, None if end is None else end / 1e9 - begin)
            for start, end in self.rows(
                "SELECT start_ns, end_ns FROM $alarm_episodes WHERE withdrawn_at IS NULL ORDER BY start_ns"
            )
        ]

    def transitions(self) -> list[str]:
        return [it[0] for it in self.rows("SELECT kind FROM $alarm_transitions ORDER BY at, number")]


@pytest.fixture
def ward(stack: RunningServices, database: Database) -> Ward:
    return Ward(stack, database)


def read(ward: Ward, path: str = "", headers: dict[str, str] | None = None) -> Any:
    return ward.stack.client("alarm").get(f"/alarms{path}", headers=headers or ward.admin)


def act(ward: Ward, alarm: str, verb: str, document: Any = None, headers: dict[str, str] | None = None) -> Any:
    path = f"/alarms/{alarm}/{verb}"
    return ward.stack.client("alarm").post(path, json=document or {}, headers=headers or ward.admin)


def steady(first: int, last: int, value: float, every: int = 10) -> list[tuple[float, float]]:
    return [(second, value) for second in range(first, last + 1, every)]


def test_an_alarm_is_raised_and_cleared_once(ward: Ward) -> None:
    ward.make()
    ward.write(*steady(0, 50, 130))
    assert ward.episodes() == []
    ward.write(*steady(60, 120, 130))
    assert ward.episodes() == [(0, None)]
    ward.write(*steady(60, 120, 130))  # again
    ward.write(*steady(130, 250, 100))
    # At 180 the value was normal for 50 s of the last 60, which began at 120.
    assert ward.episodes() == [(0, 120)]
    assert ward.transitions() == ["raised", "cleared"]
    assert ward.rows("SELECT retrospective FROM $alarm_episodes") == [(False,)]


def test_late_points_merge_and_withdraw_and_the_first_id_stays(ward: Ward) -> None:
    ward.make()
    ward.write(*steady(0, 60, 130), *steady(70, 140, 100), *steady(150, 240, 130))
    before = ward.episodes()
    assert len(before) == 2
    ids = ward.rows("SELECT id FROM $alarm_episodes ORDER BY start_ns")
    ward.write(*steady(70, 140, 130))  # replaced
    assert ward.episodes() == [(0, None)]
    assert ward.rows("SELECT id FROM $alarm_episodes WHERE withdrawn_at IS NULL") == ids[:1]
    assert ward.rows("SELECT merged_into FROM $alarm_episodes WHERE withdrawn_at IS NOT NULL") == ids[:1]
    stop = (ward.begin + timedelta(hours=1)).isoformat()
    document = {"bucket": f"org_{ward.org}", "measurement": "heart_rate", "range_start": ward.begin.isoformat()}
    deleted = ward.stack.client("influx").post(
        "/timeseries/delete", json={**document, "range_stop": stop}, headers=ward.admin
    )
    assert deleted.status_code == 204, deleted.data
    assert ward.episodes() == []
    assert ward.transitions()[-1] == "withdrawn"


def test_an_old_backlog_is_retrospective(ward: Ward) -> None:
    ward.begin -= timedelta(minutes=60)
    ward.make()
    ward.write(*steady(0, 120, 130), *steady(130, 300, 90))
    assert len(ward.episodes()) == 1
    assert ward.transitions() == ["retrospective"]


def test_late_points_raise_an_alarm_that_is_active_now(ward: Ward) -> None:
    ward.begin -= timedelta(minutes=50)
    ward.make()
    ward.write(*steady(0, 70 * 60, 115))
    assert ward.episodes() == []
    ward.write(*steady(0, 120, 130))  # an hour late, and nothing has cleared it since
    assert ward.episodes() == [(0, None)]
    assert ward.transitions() == ["raised"]


def test_turning_a_rule_off_ends_what_is_open(ward: Ward) -> None:
    rule = ward.make()
    ward.write(*steady(0, 120, 130))
    assert ward.episodes() == [(0, None)]
    client = ward.stack.client("alarm")
    assert client.patch(f"/alarms/rules/{rule['id']}", json={"enabled": False}, headers=ward.admin).status_code == 200
    ((_, end),) = ward.episodes()
    assert (end or 0) > 1000, "it ends now, some twenty minutes after the begin"
    assert ward.transitions() == ["raised", "cleared"]


def test_people_at_rest(ward: Ward) -> None:
    ward.make(activity="resting")
    ward.write(*steady(0, 120, 130), motion_context="active")
    assert ward.episodes() == []
    ward.write(*steady(0, 120, 130))
    assert len(ward.episodes()) == 1
    steps = {"measurement": "steps", "tags": {"user_id": str(ward.member)}, "fields": {"count": 20}}
    points = [{**steps, "timestamp": (ward.begin + timedelta(seconds=it)).isoformat()} for it in range(0, 121, 20)]
    body = {"bucket": f"org_{ward.org}", "points": points}
    assert ward.stack.client("influx").post("/timeseries/write", json=body, headers=ward.admin).status_code == 200
    assert ward.episodes() == []


def test_steps_that_are_known_before_come_with_the_change(ward: Ward) -> None:
    ward.make(activity="resting")
    ward.make(activity="resting", threshold=125)
    steps = {"measurement": "steps", "tags": {"user_id": str(ward.member)}, "fields": {"count": 20}}
    points = [{**steps, "timestamp": (ward.begin + timedelta(seconds=it)).isoformat()} for it in range(0, 121, 20)]
    body = {"bucket": f"org_{ward.org}", "points": points}
    assert ward.stack.client("influx").post("/timeseries/write", json=body, headers=ward.admin).status_code == 200
    ward.write(*steady(0, 120, 130))
    ward.settle()
    ward.stack.asked.clear()
    ward.write(*steady(130, 180, 130))
    assert ward.episodes() == []
    ward.write(*steady(190, 300, 130))  # the minutes after the last step
    assert len(ward.episodes()) == 2
    assert "POST /timeseries/readings" not in ward.stack.asked


def test_changes_that_no_rule_looks_at_are_not_recorded_and_none_is_lost_in_an_outage(ward: Ward) -> None:
    ward.write(*steady(0, 20, 130))
    assert ward.rows("SELECT count(*) FROM $changed_ranges") == [(0,)]
    ward.make()
    ward.stack.stop("alarm")
    ward.write(*steady(0, 120, 130))
    assert ward.rows("SELECT count(*) FROM $changed_ranges") == [(1,)]
    ward.stack.start("alarm")
    assert ward.episodes() == [(0, None)]


def test_people_are_evaluated_together_and_one_who_can_not_be_stops_no_other(ward: Ward, database: Database) -> None:
    ward.make()
    people = [ward.member, join(database, ward.org, "user"), join(database, ward.org, "user")]
    ward.stack.stop("alarm")
    for person in people:
        ward.write(*steady(0, 50, 130), user_id=str(person))
    ward.stack.asked.clear()
    ward.stack.start("alarm")
    assert ward.episodes() == []
    assert list(ward.stack.asked).count("POST /timeseries/readings") == 1
    ward.stack.stop("alarm")
    with owner(database) as cursor:
        cursor.execute("UPDATE heartguard_core.alarm_states SET state = 'damaged' WHERE user_id = %s", (people[1],))
    for person in people:
        ward.write(*steady(60, 120, 130), user_id=str(person))
    ward.stack.start("alarm")
    until(lambda: ward.rows("SELECT user_id FROM $changed_ranges") == [(people[1],)], "the evaluation of the others")
    assert ward.rows("SELECT user_id FROM $alarm_episodes ORDER BY 1") == [(people[0],), (people[2],)]


def test_a_deleted_person_leaves_no_alarm(ward: Ward) -> None:
    ward.make()
    ward.write(*steady(0, 120, 130))
    assert len(ward.episodes()) == 1
    document = {"org_id": ward.org, "user_id": ward.member}
    answer = ward.stack.client("alarm").post("/alarms/erasures", json=document, headers=service_auth("user"))
    assert answer.get_json() == {"removed": 1}
    tables: Callable[[str], Rows] = lambda table: ward.rows(f"SELECT count(*) FROM ${table}")  # noqa: E731
    assert {tables(it)[0][0] for it in ("alarm_states", "alarm_episodes", "alarm_transitions")} == {0}


def test_people_see_acknowledge_note_and_close_alarms(ward: Ward, database: Database) -> None:
    rule = ward.make(severity="critical")
    ward.write(*steady(0, 120, 130))
    ward.settle()
    (alarm,) = read(ward, "?active=true&acknowledged=false").get_json()["items"]
    assert (alarm["rule_id"], alarm["user_id"], alarm["severity"]) == (rule["id"], ward.member, "critical")
    assert "end" not in alarm
    done = act(ward, alarm["id"], "acknowledge", {"note": "on my way"}).get_json()
    assert (done["active"], done["acknowledged"], done["closed"]) == (True, True, False)
    other = bearer(join(database, ward.org, "manager"), "manager", ward.org)
    assert act(ward, alarm["id"], "acknowledge", headers=other).get_json() == done, "the first one stays"
    assert act(ward, alarm["id"], "notes", {"note": "called"}, other).status_code == 200
    assert act(ward, alarm["id"], "close", {"reason": "a loose strap"}).get_json()["closed"]
    mine = read(ward, f"/{alarm['id']}", ward.theirs).get_json()
    assert [it["kind"] for it in mine["history"]] == ["raised", "acknowledged", "noted", "closed"]
    assert mine["history"][1]["note"] == "on my way"
    assert mine["acknowledged_by"] == mine["history"][1]["actor"] == done["acknowledged_by"]
    assert [it["value"] for it in mine["values"]] == [130] * 13
    assert act(ward, alarm["id"], "close", {"reason": "mine"}, ward.theirs).status_code == 403
    assert [it["id"] for it in read(ward, headers=ward.theirs).get_json()["items"]] == [alarm["id"]]
    assert read(ward, "?acknowledged=false").get_json()["items"] == []


def test_nobody_else_sees_an_alarm_and_a_withdrawn_one_can_not_be_acknowledged(
    ward: Ward, database: Database, stack: RunningServices
) -> None:
    ward.make()
    ward.write(*steady(0, 120, 130))
    ward.settle()
    (alarm,) = read(ward).get_json()["items"]
    peer = bearer(join(database, ward.org, "user"), "user", ward.org)
    stranger = Ward(stack, database)
    for headers in (peer, stranger.admin):
        assert read(ward, headers=headers).get_json()["items"] == []
        assert read(ward, f"?user_id={ward.member}", headers).get_json()["items"] == []
        assert read(ward, f"/{alarm['id']}", headers).get_json()["error"]["code"] == "ALARM_003"
    assert act(ward, alarm["id"], "acknowledge", headers=stranger.admin).status_code == 404
    ward.write(*steady(0, 120, 100))
    assert ward.episodes() == []
    refused = act(ward, alarm["id"], "acknowledge")
    assert (refused.status_code, refused.get_json()["error"]["code"]) == (409, "ALARM_004")
    assert read(ward).get_json()["items"] == []
    assert [it["id"] for it in read(ward, "?withdrawn=true").get_json()["items"]] == [alarm["id"]]


def test_pages_of_alarms_and_an_export(ward: Ward) -> None:
    ward.make(for_seconds=0, clear_after_seconds=0)
    ward.write(*[(second, 130 if second % 20 else 90) for second in range(0, 400, 10)])
    ward.settle()
    seen, cursor = [], ""
    while True:
        page = read(ward, f"?limit=7{cursor}").get_json()
        seen += [it["id"] for it in page["items"]]
        if page["next_cursor"] is None:
            break
        cursor = f"&cursor={page['next_cursor']}"
    assert len(seen) == len(set(seen)) == 20
    assert seen == sorted(seen, reverse=True)
    path = f"/alarms/exports?org_id={ward.org}&user_id={ward.member}"
    lines = ward.stack.client("alarm").get(path, headers=service_auth("user")).data.splitlines()
    assert len(lines) == 21


def test_a_rehearsal_finds_what_the_rule_would_have_found(ward: Ward) -> None:
    ward.write(*steady(0, 120, 130), *steady(130, 250, 100), *steady(260, 400, 130))
    rule = {name: value for name, value in RULE.items() if name != "enabled"}
    span = {"range_start": ward.begin.isoformat(), "range_stop": (ward.begin + timedelta(hours=1)).isoformat()}
    document = {"rule": rule, "user_id": ward.member, **span}
    client = ward.stack.client("alarm")
    tried = client.post("/alarms/rules/rehearse", json=document, headers=ward.admin).get_json()
    assert (tried["samples"], tried["alarms"], "proposed_threshold" in tried) == (41, 2, False)
    ward.make()
    ward.write(*steady(0, 120, 130), *steady(130, 250, 100), *steady(260, 400, 130))
    assert len(ward.episodes()) == 2
    found = sorted(it["start"] for it in read(ward).get_json()["items"])
    assert [it["start"] for it in tried["items"]] == found
    too_long = {**document, "range_stop": (ward.begin + timedelta(days=32)).isoformat()}
    refused = client.post("/alarms/rules/rehearse", json=too_long, headers=ward.admin)
    assert refused.get_json()["error"]["details"][0]["path"] == "/range_stop"
    assert client.post("/alarms/rules/rehearse", json=document, headers=ward.theirs).status_code == 403
