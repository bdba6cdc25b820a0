"""Buckets, erasures and the catalogue."""

import pytest

from tests.people import found, owner
from tests.service.influx.conftest import admin_of, beat
from tests.tokens import bearer, service_auth


@pytest.fixture
def make(client, admin):
    def make(name, headers=admin, **members):
        return client.post("/timeseries/buckets", json={"bucket": name, **members}, headers=headers)

    return make


@pytest.fixture
def names(client, admin):
    def names(query="", headers=admin):
        answer = client.get(f"/timeseries/buckets{query}", headers=headers)
        assert answer.status_code == 200
        return [item["bucket"] for item in answer.get_json()["items"]]

    return names


def kept(database):
    """How many rows each table of ours has."""
    with owner(database) as cursor:
        tables = ("points", "series", "field_types", "buckets")
        cursor.execute("SELECT " + ", ".join(f"(SELECT count(*) FROM heartguard_core.{name})" for name in tables))
        return dict(zip(tables, cursor.fetchone(), strict=True))


def test_the_organizations_own_bucket_is_there_from_the_beginning(names, org, client, admin, database):
    assert names() == [f"org_{org}"]
    with owner(database) as cursor:
        cursor.execute("UPDATE heartguard_core.organizations SET retention_days = 90")
    (own,) = client.get("/timeseries/buckets", headers=admin).get_json()["items"]
    assert own["retention_days"] == 90


def test_make_write_list_and_delete(make, names, org, client, admin, write, query, database):
    name = f"org_{org}_study"
    answer = make(name, retention_days=30)
    assert answer.status_code == 201
    assert {**answer.get_json(), "created_at": ""} == {"bucket": name, "retention_days": 30, "created_at": ""}
    assert make(f"org_{org}_other").get_json()["retention_days"] is None
    assert names() == [f"org_{org}", f"org_{org}_other", name]
    assert write(beat(0), bucket=name).get_json()["results"][0]["status"] == "rejected"  # older than 30 days
    assert write(beat(0), bucket=f"org_{org}_other").get_json()["inserted"] == 1
    assert write(beat(0)).get_json()["inserted"] == 1
    for bucket in (name, f"org_{org}_other"):
        assert client.delete(f"/timeseries/buckets/{bucket}", headers=admin).status_code == 204
        assert client.delete(f"/timeseries/buckets/{bucket}", headers=admin).status_code == 404
        assert query(bucket=bucket).status_code == 404
    assert names() == [f"org_{org}"]
    assert kept(database) == {"points": 1, "series": 1, "field_types": 1, "buckets": 1}


def test_buckets_are_listed_in_pages(make, names, org, client, admin):
    for letter in "bca":
        make(f"org_{org}_{letter}")
    first = client.get("/timeseries/buckets?limit=3", headers=admin).get_json()
    assert [item["bucket"] for item in first["items"]] == [f"org_{org}", f"org_{org}_a", f"org_{org}_b"]
    assert names(f"?limit=3&cursor={first['next_cursor']}") == [f"org_{org}_c"]


def test_taken_and_foreign_bucket_names_are_refused(make, org, database):
    other = found(database, "Other")
    assert make(f"org_{org}").get_json()["error"]["code"] == "TS_002"
    assert make(f"org_{org}_x").status_code == 201
    assert make(f"org_{org}_x").status_code == 409
    for name in (f"org_{other}", f"org_{other}_x", "x", f"ORG_{org}_x", f"org_{org}_"):
        assert make(name).status_code == 404
    assert make(f"org_{org}_y", retention_days=0).status_code == 422


def test_the_organizations_own_bucket_stays(client, admin, org, write):
    write(beat(0))
    answer = client.delete(f"/timeseries/buckets/org_{org}", headers=admin)
    assert (answer.status_code, answer.get_json()["error"]["code"]) == (409, "TS_003")


def test_buckets_are_the_admins(make, client, names, org):
    manager, member = bearer(3, "manager", org), bearer(7, "user", org)
    assert names(headers=manager) == [f"org_{org}"]
    assert client.get("/timeseries/buckets", headers=member).status_code == 403
    for headers in (manager, member):
        assert make(f"org_{org}_x", headers=headers).status_code == 403
        assert client.delete(f"/timeseries/buckets/org_{org}_x", headers=headers).status_code == 403


def test_another_organizations_bucket_cannot_be_deleted_or_seen(client, org, make, names, database):
    make(f"org_{org}_x")
    stranger = bearer(9, "admin", found(database, "Other"))
    assert client.delete(f"/timeseries/buckets/org_{org}_x", headers=stranger).status_code == 404
    assert f"org_{org}_x" not in names(headers=stranger)
    assert f"org_{org}_x" in names()


def test_a_deleted_organization_has_no_bucket(query, write, make, org, database):
    with owner(database) as cursor:
        cursor.execute("UPDATE heartguard_core.organizations SET deleted_at = now()")
    assert {write(beat(0)).status_code, query().status_code, make(f"org_{org}_x").status_code} == {404}


@pytest.fixture
def erase(client):
    def erase(headers=None, **members):
        return client.post("/timeseries/erasures", json=members, headers=headers or service_auth("organization"))

    return erase


def test_erasing_a_member_clears_every_bucket_of_that_member_only(erase, write, query, make, org, database):
    make(f"org_{org}_x")
    other = found(database, "Other")
    write(beat(0, user_id="7"), bucket=f"org_{other}", headers=admin_of(database, other))
    for bucket in (f"org_{org}", f"org_{org}_x"):
        write(beat(0, user_id="7", device="a"), beat(1, user_id="7"), beat(2, user_id="8"), beat(3), bucket=bucket)
    assert erase(org_id=org, user_id=7).get_json() == {"removed": 4}
    assert erase(org_id=org, user_id=7).get_json() == {"removed": 0}
    assert [item["tags"] for item in query().get_json()["series"]] == [{}, {"user_id": "8"}]
    assert kept(database)["points"] == 5
    write(beat(0, user_id="7"))
    assert len(query().get_json()["series"]) == 3


def test_an_organization_is_erased_with_its_buckets_and_no_other_one(erase, write, make, org, database):
    make(f"org_{org}_x")
    other = found(database, "Other")
    write(beat(0), bucket=f"org_{other}", headers=admin_of(database, other))
    write(beat(0), beat(1))
    assert erase(org_id=org).get_json() == {"removed": 4}  # two values, two buckets
    assert erase(org_id=org).get_json() == {"removed": 0}
    assert kept(database) == {"points": 1, "series": 1, "field_types": 1, "buckets": 1}


def test_only_services_erase(erase, org, admin):
    assert erase(headers=admin, org_id=org).status_code == 403


def test_the_catalogue(client, admin, member):
    items = client.get("/timeseries/measurements", headers=member).get_json()["items"]
    heart_rate = next(item for item in items if item["name"] == "heart_rate")
    assert (heart_rate["unit"], heart_rate["minimum"], heart_rate["maximum"]) == ("bpm", 1, 300)
    assert heart_rate["fields"] == ["bpm", "value"]
    assert {"resting_heart_rate", "hrv_rmssd", "hrv_sdnn", "spo2", "respiratory_rate", "steps", "skin_temperature"} <= {
        item["name"] for item in items
    }
