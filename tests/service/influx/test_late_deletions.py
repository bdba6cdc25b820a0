"""An admin loses their role while what they asked for is being removed: nothing is removed."""

from concurrent.futures import ThreadPoolExecutor

import psycopg2
import pytest

from heartguard_cli.urls import libpq
from tests.people import enroll
from tests.servers import until
from tests.service.influx.conftest import beat

DAY = {"range_start": "2024-06-01T00:00:00Z", "range_stop": "2024-06-02T00:00:00Z"}
WAITING = """
SELECT count(*) FROM pg_stat_activity WHERE datname = %s AND wait_event_type = 'Lock' AND query ~ 'DELETE'
"""


def waits(database):
    # Only a superuser sees what the sessions of other roles wait for.
    with database.server.superuser(database.name) as connection, connection.cursor() as cursor:
        cursor.execute(WAITING, (database.name,))
        return bool(cursor.fetchone()[0])


@pytest.mark.parametrize("what", ["points", "bucket"])
def test_an_admin_demoted_during_a_deletion_deletes_nothing(app, client, database, org, admin, write, query, what):
    bucket = f"org_{org}_lab"
    assert client.post("/timeseries/buckets", json={"bucket": bucket}, headers=admin).status_code == 201
    assert write(beat(0), bucket=bucket).status_code == 200
    asked = {"json": {"bucket": bucket, "measurement": "heart_rate", **DAY}}
    method, path, more = (
        ("POST", "/timeseries/delete", asked) if what == "points" else ("DELETE", f"/timeseries/buckets/{bucket}", {})
    )

    def remove():
        return app.test_client().open(path, method=method, headers=admin, **more).status_code

    held = psycopg2.connect(libpq(database.owner_url))
    try:
        with held.cursor() as cursor, ThreadPoolExecutor(1) as threads:
            cursor.execute("SELECT FROM heartguard_core.points FOR UPDATE")
            removing = threads.submit(remove)
            until(lambda: waits(database), "a removal that waits for its points")
            enroll(database, org, 1, "manager")  # waits for nothing: the removal does not hold her row
            held.rollback()
            assert removing.result(20) == 401
    finally:
        held.close()
    enroll(database, org, 1, "admin")
    assert len(query(bucket=bucket).get_json()["series"]) == 1
    assert remove() < 300
    if what == "points":
        assert query(bucket=bucket).get_json()["series"] == []
