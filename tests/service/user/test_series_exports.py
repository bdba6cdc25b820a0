"""Points as files: who gets whose, as CSV and Parquet, in little memory, and gone with the person. Real services."""

import csv
import io
from collections.abc import Iterator
from typing import Any

import pytest

from heartguard_common.core.registry import SERVICES
from heartguard_influx.store import export_tables
from tests.people import limit, owner
from tests.running_services import RunningServices, running_services
from tests.servers import Database, until
from tests.service.user.test_administration import Clinic

PERIOD = {"range_start": "2024-06-01T00:00:00Z", "range_stop": "2024-06-02T00:00:00Z"}


@pytest.fixture
def stack(database: Database, redis_url: str) -> Iterator[RunningServices]:
    with running_services(database, redis_url, *[name for name in SERVICES if name not in ("gateway", "audit")]) as it:
        yield it


@pytest.fixture
def clinic(stack: RunningServices) -> Clinic:
    """With points of an admin, of Ann, and of nobody."""
    clinic = Clinic(stack)
    points = [
        point("heart_rate", 1, {"bpm": 61.5, "ok": True}, user_id=str(clinic.ann_id), device="=cmd"),
        point("heart_rate", 2, {"bpm": 62.0}, user_id=str(clinic.ann_id)),
        point("heart_rate", 3, {"bpm": 99.0}, user_id=str(clinic.admin_id)),
        point("steps", 4, {"count": 7, "note": "a, b"}),
        {**point("steps", 5, {"count": 8}), "timestamp": "2024-06-02T00:00:00Z"},
    ]
    body = {"bucket": f"org_{clinic.org}", "points": points}
    written = stack.client("influx").post("/timeseries/write", json=body, headers=clinic.admin)
    assert written.json["inserted"] == len(points), written.data
    return clinic


def point(measurement: str, second: int, fields: dict[str, Any], **tags: str) -> dict[str, Any]:
    time = f"2024-06-01T10:00:0{second}Z"
    return {"measurement": measurement, "tags": tags, "fields": fields, "timestamp": time}


def request(clinic: Clinic, who: dict[str, str], **more: Any) -> Any:
    document = {"bucket": f"org_{clinic.org}", **PERIOD, **more}
    return clinic.stack.client("influx").post("/timeseries/exports", json=document, headers=who)


def job(clinic: Clinic, who: dict[str, str], place: str) -> dict[str, Any]:
    answer = clinic.stack.client("influx").get(place, headers=who)
    assert answer.status_code == 200, answer.data
    return dict(answer.json)


def finished(clinic: Clinic, who: dict[str, str], **more: Any) -> dict[str, Any]:
    """The job of an export that was asked for, once it has ended."""
    asked = request(clinic, who, **more)
    assert asked.status_code == 202, asked.data
    place = asked.headers["Location"]
    until(lambda: job(clinic, who, place)["status"] in ("done", "failed"), "the export")
    return job(clinic, who, place)


def download(clinic: Clinic, done: dict[str, Any]) -> Any:
    answer = clinic.stack.client("media").get(done["result_url"].removeprefix("http://heartguard.test"))
    answer.get_data()
    answer.close()
    return answer


def rows(clinic: Clinic, done: dict[str, Any]) -> list[list[str]]:
    """The lines of a CSV file, without its header."""
    answer = download(clinic, done)
    assert (answer.status_code, answer.mimetype) == (200, "text/csv")
    assert "heartguard-series.csv" in answer.headers["Content-Disposition"]
    header, *lines = csv.reader(io.StringIO(answer.text, newline=""))
    assert header == ["time", "measurement", "user_id", "tags", "field", "value", "text"]
    return lines


def test_a_file_has_the_values_of_the_period_and_each_role_gets_what_it_may(clinic: Clinic) -> None:
    ann, root = str(clinic.ann_id), str(clinic.admin_id)
    beat = ("2024-06-01T10:00:01Z", "heart_rate", ann, '{"device":"=cmd"}')
    of_ann = [
        [*beat, "bpm", "61.5", ""],
        [*beat, "ok", "", "true"],
        ["2024-06-01T10:00:02Z", "heart_rate", ann, "", "bpm", "62.0", ""],
    ]
    everybody = [
        *of_ann,
        ["2024-06-01T10:00:03Z", "heart_rate", root, "", "bpm", "99.0", ""],
        ["2024-06-01T10:00:04Z", "steps", "", "", "count", "7.0", ""],
        ["2024-06-01T10:00:04Z", "steps", "", "", "note", "", "a, b"],
    ]
    assert sorted(rows(clinic, finished(clinic, clinic.admin))) == sorted(everybody)
    assert rows(clinic, finished(clinic, clinic.admin, measurement="steps", user_id=clinic.ann_id)) == []
    for more in ({}, {"user_id": clinic.ann_id}):
        assert sorted(rows(clinic, finished(clinic, clinic.ann, **more))) == sorted(of_ann)
    refused = request(clinic, clinic.ann, user_id=clinic.admin_id)
    assert (refused.status_code, refused.json["error"]["code"]) == (403, "TS_005")
    place = request(clinic, clinic.admin).headers["Location"]
    assert clinic.stack.client("influx").get(place, headers=clinic.ann).status_code == 404


def test_parquet_has_the_same_values_with_types(clinic: Clinic) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    answer = download(clinic, finished(clinic, clinic.admin, format="parquet"))
    assert (answer.status_code, answer.mimetype) == (200, "application/vnd.apache.parquet")
    table = parquet.read_table(io.BytesIO(answer.data))
    assert str(table.schema.field("time").type) == "timestamp[ns, tz=UTC]"
    of_ann = [row for row in table.to_pylist() if row["user_id"] == str(clinic.ann_id)]
    assert [(row["field"], row["value"], row["text"]) for row in of_ann] == [
        ("bpm", 61.5, None),
        ("ok", None, "true"),
        ("bpm", 62.0, None),
    ]
    assert table.num_rows == 6


def test_without_pyarrow_parquet_is_refused_and_says_what_is_missing(
    clinic: Clinic, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(export_tables.importlib.util, "find_spec", lambda _: None)
    refused = request(clinic, clinic.admin, format="parquet")
    assert (refused.status_code, refused.json["error"]["code"]) == (422, "TS_025")
    assert request(clinic, clinic.admin).status_code == 202


def test_bad_requests_name_their_fault(clinic: Clinic) -> None:
    for more, status, code in (
        ({"range_stop": PERIOD["range_start"]}, 422, "GEN_422"),
        ({"format": "xlsx"}, 422, "GEN_422"),
        ({"bucket": "org_999999"}, 404, "TS_001"),
    ):
        answer = request(clinic, clinic.admin, **more)
        assert (answer.status_code, answer.json["error"]["code"]) == (status, code)


def test_a_file_has_a_limit(clinic: Clinic, database: Database) -> None:
    limit(database, clinic.org, series_export_bytes=100)
    ended = finished(clinic, clinic.admin)
    assert (ended["status"], ended["error"], ended.get("result_url")) == ("failed", "timeseries: TS_024", None)


def test_one_export_is_made_at_a_time_and_some_in_a_day(clinic: Clinic, database: Database) -> None:
    limit(database, clinic.org, series_exports_per_member_per_day=1)
    clinic.stack.closed.add("media")
    open_ = request(clinic, clinic.admin)
    assert open_.status_code == 202
    assert request(clinic, clinic.admin).json["id"] == open_.json["id"]
    other = request(clinic, clinic.admin, measurement="steps")
    assert (other.status_code, other.json["error"]["code"]) == (409, "TS_023")
    with owner(database) as cursor:
        cursor.execute("UPDATE heartguard_core.jobs SET status = 'failed' WHERE id = %s", (open_.json["id"],))
    assert request(clinic, clinic.admin).status_code == 429


def test_a_role_that_is_lost_loses_the_file_too(clinic: Clinic) -> None:
    bob = clinic.register("bob@clinic.example", clinic.admin, role="manager")["user_id"]
    done = finished(clinic, clinic.login("bob@clinic.example"))
    assert done["status"] == "done"
    changed = clinic.stack.client("user").patch(f"/users/{bob}", json={"role": "user"}, headers=clinic.admin)
    assert changed.status_code == 200
    again = clinic.login("bob@clinic.example")
    answer = clinic.stack.client("influx").get(f"/timeseries/exports/{done['id']}", headers=again)
    assert (answer.status_code, answer.json["error"]["code"]) == (403, "TS_005")


def test_the_next_file_replaces_the_former_and_each_is_recorded(clinic: Clinic, database: Database) -> None:
    first = finished(clinic, clinic.admin)
    second = finished(clinic, clinic.admin, measurement="steps")
    assert download(clinic, first).status_code == 404
    assert download(clinic, second).status_code == 200
    with owner(database) as cursor:
        cursor.execute(
            "SELECT event::jsonb ->> 'action', event::jsonb ->> 'resource' FROM heartguard_core.audit_outbox"
        )
        events = cursor.fetchall()
        cursor.execute(
            "SELECT round(extract(epoch FROM expires_at - created_at) / 3600)::int FROM heartguard_core.export_archives"
            " WHERE kind = 'series'"
        )
        assert cursor.fetchall() == [(24,)]
    organization, ann = f"organization:{clinic.org}", f"user:{clinic.ann_id}"
    assert events.count(("timeseries.request_export", organization)) == 2
    assert events.count(("timeseries.exported", f"user:{clinic.admin_id}")) == 2
    assert events.count(("timeseries.request_export.disclosed", ann)) == 1


def test_a_deleted_person_is_in_no_file(clinic: Clinic, database: Database) -> None:
    whole = finished(clinic, clinic.admin)
    assert download(clinic, whole).status_code == 200
    clinic.stack.client("user").delete(f"/users/{clinic.ann_id}", headers=clinic.admin)
    until(lambda: download(clinic, whole).status_code == 404, "the removal of the file")

    def erased() -> bool:
        with owner(database) as cursor:
            cursor.execute("SELECT status FROM heartguard_core.jobs WHERE kind = 'user.delete'")
            return cursor.fetchone()[0] == "done"

    until(erased, "the deletion")
    assert str(clinic.ann_id) not in {row[2] for row in rows(clinic, finished(clinic, clinic.admin))}


def test_a_file_with_points_of_somebody_who_is_being_deleted_is_made_again(clinic: Clinic, database: Database) -> None:
    with owner(database) as cursor:
        cursor.execute("UPDATE heartguard_core.users SET deleted_at = now() WHERE id = %s", (clinic.ann_id,))
    place = request(clinic, clinic.admin).headers["Location"]
    waits = "timeseries: a person was deleted meanwhile"
    until(lambda: job(clinic, clinic.admin, place).get("error") == waits, "the second look")
    assert "result_url" not in job(clinic, clinic.admin, place)
