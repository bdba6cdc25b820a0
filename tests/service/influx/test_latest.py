"""POST /timeseries/latest, /timeseries/delete and the end of retention."""

import pytest
from lxml import etree

from heartguard_common.jobs.dead_letter_store import PostgresDeadLetters
from heartguard_common.stores.database import Database as Pool
from heartguard_influx.store import PostgresBuckets, PostgresFieldTypes, PostgresStore
from heartguard_influx.usecases import BucketAdministration, Stores
from tests.clocks import MovableClock
from tests.fakes.authority import KnownPeople
from tests.people import enroll
from tests.service.influx.conftest import beat
from tests.service.influx.test_streams import superuser
from tests.tokens import bearer

DAY = {"range_start": "2024-06-01T00:00:00Z", "range_stop": "2024-06-02T00:00:00Z"}


@pytest.fixture
def latest(client, org, admin):
    def ask(headers=None, **members):
        return client.post("/timeseries/latest", json={"bucket": f"org_{org}", **members}, headers=headers or admin)

    return ask


@pytest.fixture
def delete(client, org, admin):
    def ask(headers=None, **members):
        body = {"bucket": f"org_{org}", "measurement": "heart_rate", **DAY, **members}
        return client.post("/timeseries/delete", json=body, headers=headers or admin)

    return ask


def seen(answer):
    assert answer.status_code == 200, answer.data
    return [(it["measurement"], it["tags"], it["fields"], it["time"]) for it in answer.get_json()["items"]]


def test_the_last_point_of_each_series(write, latest, clock):
    steps = {"measurement": "steps", "tags": {"user_id": "7"}, "fields": {"count": 9, "note": "up"}}
    write(
        beat(0, 60, user_id="7"),
        beat(9, 69, user_id="7"),
        beat(5, 65, user_id="7", device="band"),
        {**steps, "timestamp": "2024-06-01T09:00:00Z"},
        {**steps, "timestamp": "2024-06-01T10:00:00Z", "fields": {"count": 4}},
    )
    answer = latest()
    assert seen(answer) == [
        ("heart_rate", {"device": "band", "user_id": "7"}, {"bpm": 65.0}, "2024-06-01T10:00:05Z"),
        ("heart_rate", {"user_id": "7"}, {"bpm": 69.0}, "2024-06-01T10:00:09Z"),
        # Only what the last point carries: the note was on the one before.
        ("steps", {"user_id": "7"}, {"count": 4.0}, "2024-06-01T10:00:00Z"),
    ]
    last = 1717236009  # 2024-06-01T10:00:09Z
    assert answer.get_json()["items"][1]["age_seconds"] == pytest.approx(clock.now_ns() / 1e9 - last, abs=0.01)
    assert seen(latest(measurement="heart_rate", tags={"device": "band"}))[0][2] == {"bpm": 65.0}
    assert seen(latest(measurement="spo2")) == []


def test_the_last_point_in_xml(write, latest, admin):
    write(beat(0, 60, user_id="7"))
    root = etree.fromstring(latest(admin | {"Accept": "application/xml"}).data)
    assert (root.tag, root.findtext("items/item/fields/entry")) == ("LatestResult", "60.0")


def test_many_series_of_one_member_do_not_hide_those_of_others(write, latest, member, database):
    write(beat(0, 60, user_id="8"), beat(1, 61, user_id="7"))
    with superuser(database) as cursor:
        cursor.execute(
            "INSERT INTO heartguard_core.series (bucket_id, measurement, tags, digest, user_id)"
            " SELECT bucket_id, CASE WHEN n > 11000 THEN 'm' || n %% 1500 ELSE measurement END,"
            " jsonb_build_object('user_id', '7', 'n', n::text), decode(md5(n::text), 'hex'), 7"
            " FROM heartguard_core.series, generate_series(1, 15000) AS n WHERE user_id = %s",
            ("7",),
        )
    write(beat(2, 62, user_id="9"))
    found, cursor, pages = [], {}, 0
    while cursor is not None:
        answer = latest(**cursor)
        found += [(tags["user_id"], fields["bpm"]) for _, tags, fields, _ in seen(answer)]
        following = answer.get_json()["next_cursor"]
        cursor, pages = {"cursor": following} if following else None, pages + 1
    assert sorted(found) == [("7", 61.0), ("8", 60.0), ("9", 62.0)]
    assert pages > 1
    # Somebody by themselves is on the first page.
    assert [fields for _, _, fields, _ in seen(latest(tags={"user_id": "9"}))] == [{"bpm": 62.0}]
    assert latest(member).get_json()["next_cursor"] is not None


def test_pages_of_one_series_each_equal_the_whole(write, latest):
    write(*[beat(number, 60 + number, user_id=str(10 + number)) for number in range(5)])
    found, cursor = [], {}
    while cursor is not None:
        answer = latest(limit=2, **cursor)
        assert len(seen(answer)) <= 2
        found += seen(answer)
        following = answer.get_json()["next_cursor"]
        cursor = {"cursor": following} if following else None
    assert sorted(found, key=str) == sorted(seen(latest()), key=str)
    assert latest(cursor="nonsense").status_code == 422


def test_a_member_sees_the_last_of_their_own(write, latest, member):
    write(beat(0, 60, user_id="7"), beat(1, 61, user_id="8"), beat(2, 62))
    assert [it[1] for it in seen(latest(member))] == [{"user_id": "7"}]
    assert latest(member, tags={"user_id": "8"}).status_code == 403


@pytest.mark.parametrize("path", ["latest", "query", "delete", "summary"])
def test_a_bucket_of_another_organization_does_not_exist(client, org, member, path):
    body = {
        "latest": {"tags": {"user_id": "8"}},
        "query": {"measurement": "heart_rate", "tags": {"user_id": "8"}, **DAY},
        "delete": {"measurement": "heart_rate", "tags": {"user_id": "8"}, **DAY},
        "summary": {"user_id": 8, "day": "2024-06-01"},
    }[path]
    answer = client.post(f"/timeseries/{path}", json={"bucket": f"org_{org + 1}", **body}, headers=member)
    assert (answer.status_code, answer.get_json()["error"]["code"]) == (404, "TS_001")


def test_points_are_deleted_from_start_to_before_stop(write, delete, query):
    write(*[beat(second, second + 50) for second in range(10)])
    window = {"range_start": "2024-06-01T10:00:03Z", "range_stop": "2024-06-01T10:00:06Z"}
    assert delete(**window).status_code == 204
    left = [point["fields"]["bpm"] for point in query().get_json()["series"][0]["points"]]
    assert left == [50, 51, 52, 56, 57, 58, 59]
    assert delete(**window).status_code == 204  # again changes nothing


def test_a_deletion_removes_only_points_with_its_tags(write, delete, query):
    write(beat(0, 60, user_id="7", device="band"), beat(0, 61, user_id="7"), beat(0, 62, user_id="8"))
    assert delete(tags={"user_id": "7"}).status_code == 204
    assert [series["tags"] for series in query().get_json()["series"]] == [{"user_id": "8"}]


@pytest.mark.parametrize("role", ["user", "manager"])
def test_all_but_admins_delete_their_own_only(write, delete, query, org, role, database):
    write(beat(0, 60, user_id="7"), beat(0, 62, user_id="8"))
    enroll(database, org, 7, role)
    me = bearer(7, role, org)
    assert delete(me, tags={"user_id": "8"}).status_code == 403
    assert delete(me).status_code == 204  # nobody is named: the caller's own
    assert [series["tags"] for series in query().get_json()["series"]] == [{"user_id": "8"}]


def test_points_past_their_retention_go(client, org, admin, write, query, database):
    kept = f"org_{org}_short"
    client.post("/timeseries/buckets", json={"bucket": kept, "retention_days": 1}, headers=admin)
    clock = MovableClock()
    write(*[beat(0, 60)])
    now = clock.now_ns() // 1_000_000_000
    for age in (3600, 82_800):
        at = {"timestamp": iso(now - age)}
        assert write({**beat(0, 60), **at}, bucket=kept).get_json()["inserted"] == 1
    clock.forward(2 * 3600)
    # A bucket that comes first, and whose points resist.
    resisting = f"org_{org}_bad"
    client.post("/timeseries/buckets", json={"bucket": resisting, "retention_days": 1}, headers=admin)
    assert write({**beat(0, 60), "timestamp": iso(now - 60)}, bucket=resisting).get_json()["inserted"] == 1
    pool = Pool(database.url_for("influx"))
    try:
        bad = PostgresBuckets(pool).find(org, resisting).id

        class Resisting(PostgresStore):
            def delete(self, selection, *more):
                if selection.bucket_id == bad:
                    raise ArithmeticError
                return super().delete(selection, *more)

        points, types, dead_letters = (
            Resisting(pool),
            PostgresFieldTypes(pool),
            PostgresDeadLetters("influx", pool, clock),
        )
        around = (pool.transaction, Silent(), clock, KnownPeople(), pool.transaction)
        administration = BucketAdministration(Stores(PostgresBuckets(pool), types, points, *around))
        assert administration.expire(dead_letters) == 1
        assert administration.expire(dead_letters) == 0
        (letter,) = dead_letters.page("retention", "retrying", None, 10)
        assert (letter.item, letter.org_id, letter.attempts) == (resisting, org, 1)
    finally:
        pool.close()
    window = {"range_start": iso(now - 90_000), "range_stop": iso(now)}
    assert len(query(bucket=kept, **window).get_json()["series"][0]["points"]) == 1
    assert len(query().get_json()["series"][0]["points"]) == 1  # without retention all is kept


class Silent:
    """An audit trail that nobody writes to here."""

    def changed(self, *_, **__):
        raise AssertionError("what expires is nobody's act")


def iso(seconds):
    from datetime import UTC, datetime

    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
