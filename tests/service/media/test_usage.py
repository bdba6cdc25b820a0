"""What an organization may store, also under many uploads at once."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.service.media.conftest import PNG, put

QUOTA = 1024 * 1024
BIG = PNG + bytes(300 * 1024 - len(PNG))


@pytest.fixture
def environ(environ):
    return {**environ, "MEDIA_QUOTA_MB": "1"}


def usage(client, who):
    return client.get("/media/usage", headers=who).json


def test_usage_is_shown_to_managers_and_admins_of_the_organization(client, people):
    put(client, people.user)
    put(client, people.peer)
    put(client, people.stranger)
    shown = {"items": 2, "bytes": 2 * len(PNG), "quota_bytes": QUOTA}
    assert (usage(client, people.admin), usage(client, people.manager)) == (shown, shown)
    assert client.get("/media/usage", headers=people.user).status_code == 403
    assert usage(client, people.stranger)["items"] == 1
    xml = client.get("/media/usage", headers={**people.admin, "Accept": "application/xml"}).data
    assert b"<MediaUsage><items>2</items>" in xml


def test_a_removed_file_gives_its_room_back(client, people):
    item = put(client, people.user, BIG).json["id"]
    client.delete(f"/media/items/{item}", headers=people.admin)
    assert usage(client, people.admin) == {"items": 0, "bytes": 0, "quota_bytes": QUOTA}


def test_an_upload_over_the_quota_is_413_on_every_route(client, people):
    for _ in range(3):
        assert put(client, people.user, BIG).status_code == 201
    left = QUOTA - 3 * len(BIG)
    announced = {"file_name": "a", "content_type": "application/octet-stream", "size": left + 1}
    for answer in (put(client, people.user, BIG), client.post("/media/uploads", json=announced, headers=people.user)):
        assert (answer.status_code, answer.json["error"]["code"]) == (413, "MEDIA_009")
        assert str(left) in answer.json["error"]["message"]
    assert usage(client, people.admin)["items"] == 3
    assert client.post("/media/uploads", json={**announced, "size": left}, headers=people.user).status_code == 201
    assert put(client, people.stranger).status_code == 201


def test_a_refused_upload_keeps_no_room(client, people):
    headers = {**people.user, "Content-Type": "image/png"}
    short = {"CONTENT_LENGTH": str(len(BIG) + 1)}
    for _ in range(5):
        answer = client.put("/media/upload?file_name=a", data=BIG, headers=headers, environ_overrides=short)
        assert answer.status_code == 400
    assert usage(client, people.admin)["bytes"] == 0


def test_uploads_at_once_never_pass_the_quota(app, people):
    def upload(_):
        return put(app.test_client(), people.user, BIG).status_code

    with ThreadPoolExecutor(8) as pool:
        statuses = sorted(pool.map(upload, range(8)))
    assert statuses == [201] * 3 + [413] * 5
    assert usage(app.test_client(), people.admin) == {"items": 3, "bytes": 3 * len(BIG), "quota_bytes": QUOTA}
