"""The files of imports: announced by influx, sent by the person, read and removed by influx."""

from types import SimpleNamespace
from typing import Any

import pytest
from flask.testing import FlaskClient

from tests.people import owner
from tests.service.media.conftest import local, objects
from tests.tokens import service_auth

DATA = b"time,bpm\n" + bytes(2 * 1024 * 1024)  # more than MAX_UPLOAD_MB, which is 1 here


@pytest.fixture
def announced(client: FlaskClient, people: SimpleNamespace) -> Any:
    answer = client.post("/media/imports", json=file_of(people), headers=service_auth("influx"))
    assert answer.status_code == 201, answer.json
    return answer.json


def file_of(people: SimpleNamespace, **change: object) -> dict[str, object]:
    whose = {"org_id": people.org, "user_id": people.ids["user"]}
    return {**whose, "file_name": "export.csv", "size": len(DATA), **change}


def send(client: FlaskClient, ticket: Any) -> Any:
    return client.put(local(ticket["url"]), data=DATA, headers=ticket["headers"])


def asked(client: FlaskClient, people: SimpleNamespace, ticket: Any, name: str = "user", method: str = "GET") -> Any:
    whose = {"org_id": people.org, "user_id": people.ids[name]}
    return client.open(
        f"/media/imports/{ticket['id']}", method=method, query_string=whose, headers=service_auth("influx")
    )


def test_influx_reads_what_the_person_sent(client, people, announced, environ):
    assert asked(client, people, announced).json["error"]["code"] == "MEDIA_013"
    assert send(client, announced).status_code == 201
    read = asked(client, people, announced)
    assert (read.status_code, read.data, read.headers["Content-Length"]) == (200, DATA, str(len(DATA)))
    assert asked(client, people, announced, "peer").json["error"]["code"] == "MEDIA_001"
    for _ in range(2):
        assert asked(client, people, announced, method="DELETE").status_code == 204
    assert asked(client, people, announced).json["error"]["code"] == "MEDIA_001"
    assert objects(environ) == []
    assert client.get("/media/usage", headers=people.admin).json["bytes"] == 0


def test_the_file_is_none_of_the_persons_files(client, people, announced):
    send(client, announced)
    assert client.get("/media/uploads", headers=people.user).json["items"] == []
    for method, path in (("POST", "uploads/{}/complete"), ("DELETE", "uploads/{}"), ("GET", "items/{}")):
        answer = client.open("/media/" + path.format(announced["id"]), method=method, headers=people.user)
        assert answer.json["error"]["code"] == "MEDIA_001"
    assert asked(client, people, announced).data == DATA


def test_a_file_that_nobody_can_have_is_refused(client, people):
    for change, code in (
        ({"size": 2049 * 1024 * 1024}, "MEDIA_002"),
        ({"org_id": people.other}, "MEDIA_001"),
        ({"user_id": 999_999}, "MEDIA_001"),
    ):
        answer = client.post("/media/imports", json=file_of(people, **change), headers=service_auth("influx"))
        assert answer.json["error"]["code"] == code


def test_a_file_waits_for_its_import_for_a_week(client, people, announced, database):
    send(client, announced)
    with owner(database) as cursor:
        cursor.execute("SELECT bytes_until - now() > interval '6 days' FROM heartguard_core.media_items")
        assert cursor.fetchone() == (True,)
