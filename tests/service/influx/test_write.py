"""POST /timeseries/write."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from lxml import etree

from tests.people import found, join, owner
from tests.service.influx.conftest import admin_of, beat
from tests.tokens import bearer, service_auth

XML = {"Content-Type": "application/xml", "Accept": "application/xml"}


def statuses(answer):
    assert answer.status_code == 200, answer.get_data(as_text=True)
    return [result["status"] for result in answer.get_json()["results"]]


def test_the_example_of_the_plan_is_stored_once_however_often_it_is_sent(write, query):
    first = write(beat(0, 72, user_id="1"))
    assert first.get_json() == {"success": True, "inserted": 1, "results": [{"status": "created"}]}
    again = write(beat(0, 72, user_id="1"))
    assert again.get_json() == {"success": True, "inserted": 1, "results": [{"status": "duplicate"}]}
    series = query().get_json()["series"]
    assert series == [{"tags": {"user_id": "1"}, "points": [{"time": "2024-06-01T10:00:00Z", "fields": {"bpm": 72.0}}]}]


def test_the_same_in_xml(client, org, admin, query):
    body = f"""<WriteRequest><bucket>org_{org}</bucket><points><point><measurement>heart_rate</measurement>
      <tags><entry key="user_id">1</entry></tags><fields><entry key="bpm" type="number">72</entry></fields>
      <timestamp>2024-06-01T10:00:00Z</timestamp></point></points></WriteRequest>"""
    answer = client.post("/timeseries/write", data=body, headers=admin | XML)
    root = etree.fromstring(answer.data)
    assert (root.tag, root.findtext("success"), root.findtext("inserted")) == ("WriteResult", "true", "1")
    assert root.findtext("results/result/status") == "created"
    answer = query(headers=admin | {"Accept": "application/xml"})
    point = etree.fromstring(answer.data).find("series/item/points/point")
    assert point.findtext("time") == "2024-06-01T10:00:00Z"
    assert float(point.findtext("fields/entry[@key='bpm']")) == 72


def test_another_value_updates(write, query):
    write(beat(0, 72))
    assert statuses(write(beat(0, 73), beat(1, 72))) == ["updated", "created"]
    points = query().get_json()["series"][0]["points"]
    assert [point["fields"]["bpm"] for point in points] == [73, 72]


def test_a_batch_that_repeats_itself_ends_as_if_sent_one_by_one(write, query):
    write(beat(0, 70))
    batch = [beat(0, 71), beat(0, 71), beat(0, 70), beat(1, 60), beat(1, 60), beat(1, 61)]
    assert statuses(write(*batch)) == ["updated", "duplicate", "updated", "created", "duplicate", "updated"]
    points = query().get_json()["series"][0]["points"]
    assert [point["fields"]["bpm"] for point in points] == [70, 61]


def test_fields_of_one_instant_come_together(write, query):
    two = beat(0, 72)
    two["fields"] = {"bpm": 72, "resting": True, "device": 'a "b" \\ {c,d} NULL'}
    three = beat(0, 72)
    three["fields"] = {"confidence": 0.5}
    assert statuses(write(two, three)) == ["created", "created"]
    assert statuses(write(two)) == ["duplicate"]
    two["fields"]["device"] = "NULL"
    assert statuses(write(two)) == ["updated"]
    point = query().get_json()["series"][0]["points"]
    assert point == [
        {
            "time": "2024-06-01T10:00:00Z",
            "fields": {"bpm": 72.0, "confidence": 0.5, "device": "NULL", "resting": True},
        }
    ]


def test_time_is_kept_to_the_nanosecond(write, query):
    times = [f"2024-06-01T10:00:00.{fraction}Z" for fraction in ("000000001", "000000002", "123456789", "5")]
    assert statuses(write(*[beat(0) | {"timestamp": time} for time in times])) == ["created"] * 4
    assert [point["time"] for point in query().get_json()["series"][0]["points"]] == times


def test_a_point_without_timestamp_has_the_time_of_receipt(write, query, clock):
    point = beat(0)
    del point["timestamp"]
    assert statuses(write(point)) == ["created"]
    clock.forward(1)
    assert statuses(write(point)) == ["created"]
    answer = query(range_start="2020-01-01T00:00:00Z", range_stop="9999-12-31T23:59:59Z").get_json()
    assert len(answer["series"][0]["points"]) == 2


def test_points_that_the_rules_refuse_are_rejected_one_by_one(write, query, clock, org, database):
    from heartguard_common.core.clock import rfc3339

    def at(seconds):
        return beat(0) | {"timestamp": rfc3339(clock.now_ns() + seconds * 1_000_000_000)}

    with owner(database) as cursor:
        cursor.execute("UPDATE heartguard_core.organizations SET retention_days = 30, unknown_measurements = 'reject'")
    unknown = at(0) | {"measurement": "mood"}
    wrong_type = at(1) | {"fields": {"bpm": "fast"}}
    answer = write(at(0), at(299), at(301), at(-30 * 86400 + 1), at(-30 * 86400 - 1), unknown, wrong_type)
    expected = ["created", "created", "rejected", "created", "rejected", "rejected", "rejected"]
    assert statuses(answer) == expected
    document = answer.get_json()
    assert (document["success"], document["inserted"]) == (False, 3)
    reasons = [result.get("reason", "") for result in document["results"]]
    assert ["future" in reasons[2], "older" in reasons[4], "catalogue" in reasons[5], "float" in reasons[6]] == [
        True
    ] * 4
    assert reasons[0] == ""


@pytest.mark.parametrize("year", ["0001-01-01T00:00:00Z", "1600-01-01T00:00:00Z", "9999-12-31T23:59:59Z"])
def test_times_that_nanoseconds_cannot_count_are_rejected(write, year):
    assert statuses(write(beat(0) | {"timestamp": year})) == ["rejected"]


def test_the_type_of_a_field_is_that_of_its_first_stored_point(write):
    text, number, boolean = (beat(0, value) | {"measurement": "mood"} for value in ("fast", 72, True))
    assert statuses(write(text, number, boolean)) == ["created", "rejected", "rejected"]
    assert statuses(write(number)) == ["rejected"]
    assert statuses(write(text)) == ["duplicate"]
    other = number | {"measurement": "resting_heart_rate"}
    assert statuses(write(other)) == ["created"]


def test_atomic_stores_nothing_when_one_is_rejected(write, query):
    mood = {"measurement": "mood"}
    bad = beat(1, 72) | mood | {"timestamp": "2999-01-01T00:00:00Z"}
    wrong_type = beat(2, "fast") | mood
    for second in (bad, wrong_type):
        answer = write(beat(0, 72) | mood, second, query="?atomic=true")
        assert answer.status_code == 422
        error = answer.get_json()["error"]
        assert (error["code"], error["details"][0]["path"]) == ("TS_004", "/points/1")
    assert query(**mood).get_json()["series"] == []
    # Not even the type of the field was settled.
    assert statuses(write(beat(0, "fast") | mood)) == ["created"]
    assert statuses(write(beat(3, "slow") | mood, query="?atomic=true")) == ["created"]


def test_members_write_their_own_points_only(write, query, member):
    answer = write(beat(0, 60, user_id="7"), beat(1, 61), beat(2, 62, user_id="8"), headers=member)
    assert statuses(answer) == ["created", "created", "rejected"]
    # A point without the tag is theirs.
    assert [item["tags"] for item in query().get_json()["series"]] == [{"user_id": "7"}]
    assert statuses(write(beat(3, 60, user_id="07"), headers=member)) == ["rejected"]


@pytest.mark.parametrize("role", ["admin", "manager"])
def test_admins_and_managers_can_write_for_members_only(write, org, role, database):
    headers = bearer(join(database, org, role), role, org)
    assert statuses(write(beat(0, 60, user_id="7"), beat(1, 61), headers=headers)) == ["created", "created"]


def test_points_of_a_deleted_member_are_rejected_for_every_sender(write, org, database):
    with owner(database) as cursor:
        cursor.execute("UPDATE heartguard_core.users SET deleted_at = now() WHERE id = 7")
    answer = write(beat(0, 60, user_id="7"), beat(1, 61), beat(2, 62, user_id="8"))
    assert statuses(answer) == ["rejected", "created", "created"]
    assert "deleted" in answer.get_json()["results"][0]["reason"]
    atomic = write(beat(3, 60, user_id="7"), beat(4, 61), query="?atomic=true")
    assert (atomic.status_code, atomic.get_json()["error"]["code"]) == (422, "TS_004")


def test_services_do_not_write(write):
    assert write(beat(0), headers=service_auth("media")).status_code == 403


def test_a_bucket_of_another_organization_does_not_exist_in_any_spelling(client, admin, org, database, query, write):
    other = found(database, "Other")
    assert statuses(write(beat(0), bucket=f"org_{other}", headers=admin_of(database, other))) == ["created"]
    names = [f"org_{other}", f"ORG_{org}", f"org_0{org}", f"org_{other}_x", "org_", f"org_{org}x", f"org_{org}_", "x"]
    names += [f"org_{org}_never_made", f"org_{org}.", f"org_{org}-{other}"]
    for name in names:
        for answer in (write(beat(0), bucket=name), query(bucket=name)):
            assert (name, answer.status_code) == (name, 404)
            assert answer.get_json()["error"]["code"] == "TS_001"
    assert query().get_json()["series"] == []


def test_org_is_the_callers_or_nothing(write, org):
    assert statuses(write(beat(0), org=str(org))) == ["created"]
    assert write(beat(0), org=str(org + 1)).status_code == 404


def test_the_contract_is_kept_before_anything_is_stored(write, query):
    for point in ({"measurement": "x"}, beat(0) | {"fields": {}}, beat(0) | {"timestamp": "2024-06-01T10:00:00"}):
        assert write(beat(1), point).status_code == 422
    assert write().status_code == 422
    assert write(*[beat(0)] * 10_001).status_code == 422
    assert query().get_json()["series"] == []


def test_ten_thousand_points_in_one_request(write, query):
    batch = [
        beat(0) | {"timestamp": f"2024-06-01T{n // 3600:02d}:{n // 60 % 60:02d}:{n % 60:02d}Z"} for n in range(10_000)
    ]
    assert set(statuses(write(*batch))) == {"created"}
    assert set(statuses(write(*batch))) == {"duplicate"}
    assert query(aggregate="count").get_json()["series"][0]["points"][0]["fields"] == {"bpm": 10_000}


def test_an_idempotency_key_has_one_effect_and_one_answer(write, admin, client):
    headers = admin | {"Idempotency-Key": "k-1"}
    first = write(beat(0, 72), headers=headers)
    assert statuses(write(beat(0, 73), headers=admin)) == ["updated"]
    again = write(beat(0, 72), headers=headers)
    assert first.data == again.data
    assert statuses(write(beat(0, 73))) == ["duplicate"]
    assert write(beat(0, 99), headers=headers).status_code == 422


def test_values_are_data_and_never_statements(write, query, database):
    evil = ["'; DROP TABLE heartguard_core.points; --", 'a"b', "a\\", "{1,2}", "NULL", "%s %(x)s :bucket_id", "é\n=,"]
    points = [
        {"measurement": text, "tags": {text: text}, "fields": {text: text}, "timestamp": "2024-06-01T10:00:00Z"}
        for text in evil
    ]
    assert statuses(write(*points)) == ["created"] * len(evil)
    for text in evil:
        answer = query(measurement=text, tags={text: text}, fields=[text], group_by=[text]).get_json()
        assert answer["series"] == [
            {"tags": {text: text}, "points": [{"time": "2024-06-01T10:00:00Z", "fields": {text: text}}]}
        ]


def test_writers_of_the_same_points_do_not_stop_each_other(app, org, admin):
    body = {"bucket": f"org_{org}", "points": [beat(n % 60, n, device=str(n % 7)) for n in range(300)]}
    orders = [body["points"], body["points"][::-1], body["points"][150:] + body["points"][:150]] * 4

    def send(points):
        return app.test_client().post("/timeseries/write", json={**body, "points": points}, headers=admin).status_code

    with ThreadPoolExecutor(4) as pool:
        assert set(pool.map(send, orders)) == {200}


@pytest.mark.parametrize("tags", [{"user_id": "7"}, {}])
def test_the_bucket_is_there_before_the_first_point(query, member, tags):
    assert query(headers=member, tags=tags).get_json()["series"] == []


def test_implausible_values_are_stored_and_flagged(write, query, client, org, admin):
    answer = write(beat(0, 1), beat(1, 0.5), beat(2, 300), beat(3, 300.5), beat(4, 72)).get_json()
    flag = {"status": "created", "reason": "out of the plausible range 1 to 300 bpm: bpm"}
    fine = {"status": "created"}
    assert answer == {"success": True, "inserted": 5, "results": [fine, flag, fine, flag, fine]}
    assert write(beat(1, 0.5)).get_json()["results"] == [flag | {"status": "duplicate"}]
    assert write(beat(1, 0.25), query="?atomic=true").get_json()["results"] == [flag | {"status": "updated"}]
    points = query().get_json()["series"][0]["points"]
    assert [(point["fields"]["bpm"], point.get("out_of_range")) for point in points] == [
        (1, None), (0.25, ["bpm"]), (300, None), (300.5, ["bpm"]), (72, None)
    ]  # fmt: skip
    assert "out_of_range" not in query(aggregate="max").get_json()["series"][0]["points"][0]
    write(beat(9, 999))
    latest = client.post("/timeseries/latest", json={"bucket": f"org_{org}"}, headers=admin).get_json()
    assert latest["items"][0]["out_of_range"] == ["bpm"]


def test_only_the_fields_of_the_catalogue_have_a_range(write):
    point = beat(0) | {"fields": {"bpm": 72, "confidence": 0.1, "raw": 5000, "note": "999"}}
    unknown = beat(0, 1e9) | {"measurement": "mood"}
    text = beat(1, "999") | {"measurement": "spo2", "fields": {"remark": "999"}}
    assert [result.get("reason") for result in write(point, unknown, text).get_json()["results"]] == [None] * 3
    both = beat(2) | {"measurement": "blood_pressure", "fields": {"systolic": 400, "diastolic": 5}}
    reason = "out of the plausible range 20 to 300 mmHg: diastolic, systolic"
    assert write(both).get_json()["results"] == [{"status": "created", "reason": reason}]


def test_points_are_counted_by_verdict_and_late_ones_apart(client, write, clock):
    write(beat(0, 72))  # of 2024
    write(beat(0, 72), beat(1, 73), {"measurement": "heart_rate", "fields": {"bpm": 70}})
    write({"measurement": "heart_rate", "fields": {"bpm": "fast"}})
    lines = client.get("/timeseries/metrics").get_data(as_text=True).splitlines()
    assert [line for line in lines if line.startswith(("heartguard_points_total", "heartguard_late_points_total"))] == [
        'heartguard_points_total{verdict="stored"} 0.0',
        'heartguard_points_total{verdict="created"} 3.0',
        'heartguard_points_total{verdict="duplicate"} 1.0',
        'heartguard_points_total{verdict="updated"} 0.0',
        'heartguard_points_total{verdict="rejected"} 1.0',
        "heartguard_late_points_total 3.0",
    ]
