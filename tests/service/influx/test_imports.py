"""Imports: from the announcement to the points, with the media service that keeps the files."""

import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import requests
from lxml import etree

from heartguard_cli.layout import REPO_ROOT
from tests.import_stack import ImportStack, running
from tests.importers.builders import apple_export, apple_record
from tests.people import found, join, limit, owner
from tests.servers import Database, Valkey, until
from tests.tokens import bearer, operator_auth, service_auth

FIT = (REPO_ROOT / "examples/activity.fit").read_bytes()
CSV = "Zeit;Puls;Gerät\n" + "".join(f"01.06.2024 10:00:{n:02d};{60 + n};band\n" for n in range(40))
COLUMNS = {
    "time": "Zeit",
    "time_format": "%d.%m.%Y %H:%M:%S",
    "value_columns": [{"column": "Puls", "measurement": "heart_rate"}],
    "tag_columns": [{"column": "Gerät", "tag": "device"}],
}


@pytest.fixture(scope="module")
def stack(module_database: Database, valkey: Valkey, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ImportStack]:
    with running(module_database, valkey.url, tmp_path_factory.mktemp("imports")) as stack:
        yield stack


def code_of(answer: requests.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["error"]["code"]


def test_a_real_fit_file_twice(stack: ImportStack, tmp_path_factory: pytest.TempPathFactory) -> None:
    first = stack.import_file(FIT, "activity.fit")
    assert (first["status"], first["progress"], first["kind"], first["rejections"]) == ("done", 100, "fit", [])
    assert (first["seen"], first["stored"], first["duplicates"]) == (4844, 4844, 0)
    points = stack.points()
    assert points[0] == {"time": "2022-02-07T16:47:52Z", "fields": {"bpm": 128}}
    again = stack.import_file(FIT, "activity.fit", kind="fit")
    assert (again["status"], again["seen"], again["stored"], again["duplicates"]) == ("done", 4844, 0, 4844)
    assert stack.points() == points
    media = tmp_path_factory.getbasetemp() / "imports0" / "media"
    until(lambda: not [it for it in media.rglob("*") if it.is_file()], "the file is removed after its import")
    listed = stack.call("GET", "/imports", params={"limit": 1}).json()
    assert [it["id"] for it in listed["items"]] == [again["id"]]
    older = stack.call("GET", "/imports", params={"cursor": listed["next_cursor"]}).json()
    assert first["id"] in [it["id"] for it in older["items"]]


def test_columns_of_a_csv_file_and_local_times(stack: ImportStack) -> None:
    done = stack.import_file(CSV.encode(), "polar.csv", csv=COLUMNS, time_zone="Europe/Madrid")
    assert (done["status"], done["kind"], done["stored"]) == ("done", "csv", 40), done
    points = stack.points(device="band")
    assert (points[0], len(points)) == ({"time": "2024-06-01T08:00:00Z", "fields": {"bpm": 60}}, 40)


def test_what_is_not_stored_has_reasons_and_places(stack: ImportStack) -> None:
    rows = ("2024-06-01T00:00:00Z,60", "2024-06-01T00:01:00Z,", "2098-01-01T00:00:00Z,61", "2024-06-01T00:02:00Z,x")
    done = stack.import_file("\n".join(("time,bpm", *rows)).encode(), "a.csv")
    assert (done["status"], done["seen"], done["stored"], done["rejected"]) == ("done", 4, 1, 3)
    assert {it["reason"]: (it["count"], it.get("places")) for it in done["rejections"]} == {
        "no_value": (1, ["a.csv, line 3"]),
        "not_a_number": (1, ["a.csv, line 5"]),
        "the timestamp is more than 5 minutes in the future": (1, None),
    }


def test_a_damaged_file_keeps_what_was_before_the_damage(stack: ImportStack) -> None:
    export = apple_export(apple_record("HeartRate", "72", start="2020-05-01 10:00:00 +0000"))
    failed = stack.import_file(export[: export.rindex(b"/>")], "export.xml")
    assert (failed["status"], failed["problem"]["reason"]) == ("failed", "invalid_file")
    assert failed["problem"]["place"].startswith("export.xml, line ")
    unknown = stack.import_file(b"neither fish nor fowl", "fish")
    assert unknown["problem"] == {"reason": "invalid_file", "message": "is of no known kind", "place": "fish"}


def test_in_xml(stack: ImportStack) -> None:
    body = f"<ImportRequest><file_name>a.fit</file_name><size>{len(FIT)}</size></ImportRequest>"
    headers = {**stack.who, "Content-Type": "application/xml", "Accept": "application/xml"}
    answer = requests.post(f"http://127.0.0.1:{stack.influx.port}/imports", data=body, headers=headers, timeout=60)
    ticket = etree.fromstring(answer.content)
    assert (answer.status_code, ticket.tag) == (201, "ImportTicket")
    path = f"/imports/{ticket.findtext('id')}"
    shown = etree.fromstring(stack.call("GET", path, {**stack.who, "Accept": "application/xml"}).content)
    assert (shown.tag, shown.findtext("status")) == ("Import", "awaiting_upload")
    assert stack.call("DELETE", path).status_code == 204


def test_what_can_not_be_imported_is_refused(stack: ImportStack) -> None:
    file = {"file_name": "a.csv", "size": 100}
    for change, expected in (
        ({"size": 0}, (422, "GEN_422")),
        ({"size": 2049 * 1024 * 1024}, (413, "TS_042")),
        ({"kind": "edf"}, (422, "GEN_422")),
        ({"time_zone": "Europe/Atlantis"}, (422, "GEN_422")),
        ({"csv": {**COLUMNS, "tag_columns": [{"column": "a", "tag": "user_id"}]}}, (422, "GEN_422")),
        ({"csv": COLUMNS, "kind": "fit"}, (422, "GEN_422")),
        ({"bucket": "org_999"}, (404, "TS_001")),
        ({"bucket": f"org_{stack.org}_none"}, (404, "TS_001")),
        ({"user_id": 1}, (403, "TS_005")),
    ):
        assert code_of(stack.call("POST", "/imports", json={**file, **change})) == expected, change
    assert code_of(stack.call("POST", "/imports", stack.admin, json={**file, "user_id": 999})) == (404, "GEN_404")


def test_whose_imports_one_sees(stack: ImportStack) -> None:
    ticket = stack.announce(b"12")
    peer = bearer(join(stack.database, stack.org), "user", stack.org)
    for method in ("GET", "DELETE"):
        assert code_of(stack.call(method, f"/imports/{ticket['id']}", peer)) == (404, "TS_040")
    assert stack.call("GET", "/imports", peer).json()["items"] == []
    asked = {"user_id": stack.person}
    assert code_of(stack.call("GET", "/imports", peer, params=asked)) == (403, "TS_005")
    of_person = stack.call("GET", "/imports", stack.admin, params=asked).json()["items"]
    assert of_person[0]["id"] == ticket["id"]
    assert stack.call("DELETE", f"/imports/{ticket['id']}", stack.admin).status_code == 204


def test_a_cancelled_import_and_one_that_has_ended(stack: ImportStack) -> None:
    ticket = stack.announce(FIT)
    for _ in range(2):
        assert stack.call("DELETE", f"/imports/{ticket['id']}").status_code == 204
    assert stack.state(ticket["id"])["status"] == "cancelled"
    until(lambda: not uploads(stack), "its upload is removed")
    assert requests.put(ticket["url"], data=FIT, headers=ticket["headers"], timeout=60).status_code == 404
    done = stack.import_file(b"time,bpm\n2024-06-01T00:00:00Z,60\n", "a.csv")
    assert code_of(stack.call("DELETE", f"/imports/{done['id']}")) == (409, "TS_041")


def uploads(stack: ImportStack) -> int:
    with owner(stack.database) as cursor:
        cursor.execute("SELECT count(*) FROM heartguard_core.media_items")
        return int(cursor.fetchone()[0])


def test_limits(stack: ImportStack) -> None:
    limit(stack.database, stack.org, open_imports=1, media_bytes=1000)
    ticket = stack.announce(b"12")
    try:
        assert code_of(stack.call("POST", "/imports", json={"file_name": "a", "size": 2})) == (409, "GEN_409_LIMIT")
        assert code_of(stack.call("POST", "/imports", json={"file_name": "a", "size": 2000})) == (413, "TS_043")
        until(lambda: uploads(stack) == 1, "refused imports have no upload")
    finally:
        stack.call("DELETE", f"/imports/{ticket['id']}")
        limit(stack.database, stack.org, open_imports=100, media_bytes=10**9)


def test_no_room_for_points(stack: ImportStack) -> None:
    org = found(stack.database, "Small")
    limit(stack.database, org, stored_points=1)
    person = join(stack.database, org)
    small = replace(stack, org=org, person=person, who=bearer(person, "user", org))
    failed = small.import_file(b"time,bpm\n1999-06-01T00:00:00Z,60\n1999-06-01T00:00:01Z,60\n", "a.csv")
    assert (failed["status"], failed["problem"]["reason"], failed["stored"]) == ("failed", "no_room", 0)


def rates(number: int, day: str) -> bytes:
    """A CSV file with so many heart rates, one a second."""
    rows = (f"{day}T{n // 3600:02}:{n // 60 % 60:02}:{n % 60:02}Z,{60 + n % 90}" for n in range(number))
    return "\n".join(("time,bpm", *rows, "")).encode()


def test_a_limit_of_the_day_makes_an_import_wait_and_go_on(stack: ImportStack) -> None:
    org = found(stack.database, "Busy")
    limit(stack.database, org, points_per_day=7000)
    person = join(stack.database, org)
    busy = replace(stack, org=org, person=person, who=bearer(person, "user", org))
    made = busy.begin(rates(12_000, "2001-06-01"), "a.csv")
    until(lambda: busy.state(made)["stored"] == 5000 and busy.state(made)["status"] == "queued", "the limit is reached")
    limit(stack.database, org, points_per_day=100_000)
    stack.call("POST", f"/timeseries/jobs/{made}/retry", operator_auth())
    done = busy.ended(made)
    assert (done["status"], done["stored"], done["duplicates"], done["rejected"]) == ("done", 12_000, 0, 0)


def test_an_import_is_cancelled_while_it_is_read(stack: ImportStack) -> None:
    made = stack.begin(rates(80_000, "2002-06-01"), "a.csv")
    until(lambda: stack.state(made)["stored"] > 0, "the first batch is stored")
    assert stack.call("DELETE", f"/imports/{made}").status_code == 204
    cancelled = stack.state(made)
    assert (cancelled["status"], 0 < cancelled["stored"] < 80_000) == ("cancelled", True)
    until(lambda: not uploads(stack), "its file is removed")
    assert stack.state(made) == cancelled | {"updated_at": stack.state(made)["updated_at"]}


def set_mode(stack: ImportStack, mode: str) -> None:
    with owner(stack.database) as cursor:
        cursor.execute(
            "INSERT INTO heartguard_core.organization_states (org_id, mode) VALUES (%s, %s)"
            " ON CONFLICT (org_id) DO UPDATE SET mode = excluded.mode",
            (stack.org, mode),
        )


def test_an_import_pauses_while_its_organization_is_read_only(stack: ImportStack) -> None:
    made = stack.begin(rates(80_000, "2003-06-01"), "a.csv")
    until(lambda: stack.state(made)["stored"] > 0, "the first batch is stored")
    set_mode(stack, "read_only")
    try:
        until(lambda: stack.state(made)["status"] == "queued", "the import pauses")
        paused = stack.state(made)
        assert 0 < paused["stored"] < 80_000
        time.sleep(3)
        assert stack.state(made)["stored"] == paused["stored"]
    finally:
        set_mode(stack, "active")
    done = stack.ended(made)
    assert (done["status"], done["stored"], done["duplicates"]) == ("done", 80_000, 0)


def test_the_person_is_deleted_while_their_import_waits(stack: ImportStack) -> None:
    gone = join(stack.database, stack.org)
    asked = {"file_name": "a", "size": 2, "user_id": gone}
    made = stack.call("POST", "/imports", stack.admin, json=asked).json()["id"]
    exported = stack.call(
        "GET", "/timeseries/exports", service_auth("user"), params={"org_id": stack.org, "user_id": gone}
    )
    assert made in exported.text
    with owner(stack.database) as cursor:
        cursor.execute("UPDATE heartguard_core.users SET deleted_at = now() WHERE id = %s", (gone,))
    assert code_of(stack.call("POST", "/imports", stack.admin, json=asked)) == (404, "GEN_404")
    erased = stack.call(
        "POST", "/timeseries/erasures", service_auth("user"), json={"org_id": stack.org, "user_id": gone}
    )
    assert erased.json()["removed"] == 1
    assert code_of(stack.call("GET", f"/imports/{made}", stack.admin)) == (404, "TS_040")


def test_who_asked_loses_their_role_while_the_import_waits(stack: ImportStack) -> None:
    helper = join(stack.database, stack.org, "manager")
    asked = {"file_name": "a.csv", "size": 34, "user_id": stack.person}
    ticket = stack.call("POST", "/imports", bearer(helper, "manager", stack.org), json=asked).json()
    with owner(stack.database) as cursor:
        cursor.execute("UPDATE heartguard_core.users SET role = 'user' WHERE id = %s", (helper,))
    stack.send(ticket, b"time,bpm\n1998-06-01T00:00:00Z,60\n\n")
    failed = stack.ended(ticket["id"])
    assert (failed["problem"]["reason"], failed["stored"]) == ("not_permitted", 0)


def test_the_operator_sees_imports_as_jobs(stack: ImportStack) -> None:
    ticket = stack.announce(b"12")
    jobs = stack.call("GET", "/timeseries/jobs", operator_auth()).json()["items"]
    assert {it["kind"] for it in jobs} == {"timeseries.import"}
    assert ticket["id"] in [it["id"] for it in jobs]
    retried = stack.call("POST", f"/timeseries/jobs/{ticket['id']}/retry", operator_auth())
    assert retried.status_code == 204
    stack.call("DELETE", f"/imports/{ticket['id']}")


def test_nothing_is_left_on_the_disk(stack: ImportStack) -> None:
    spool = Path(stack.spool) / "imports"
    until(lambda: not list(spool.glob("*")), "no directory of an import is left")
