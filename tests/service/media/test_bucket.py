"""Media as a whole on a bucket: a real fake-gcs-server behind the same routes."""

import pytest
import requests

from heartguard_common.core.lifecycle import LIFECYCLE
from heartguard_media.settings import Settings
from heartguard_media.store.gcs import BLOCK_BYTES, open_bucket
from heartguard_media.wiring import create_app
from tests.gcs import BUCKET, service_account
from tests.service.media.conftest import PNG, local, put
from tests.store.media.faulty import FaultyStore
from tests.tokens import service_auth, settings_environ


@pytest.fixture
def environ(database, redis_url, gcs):
    # Nothing is written to a directory: a file stands where it would be.
    yield settings_environ(
        "media", database, redis_url, MEDIA_DIR=__file__, STORAGE_EMULATOR_HOST=gcs.url, MAX_UPLOAD_MB="4"
    )
    store = open_bucket(BUCKET, None, gcs.url)
    for key in list(store.older_than(-60)):
        store.delete(key)
    store.close()


def test_a_file_goes_up_and_comes_down(client, people, gcs):
    content = PNG * (2 * BLOCK_BYTES // len(PNG) + 1)
    item = put(client, people.user, content).json
    assert gcs.keys() == [f"org_{people.org}/user_{people.ids['user']}/{item['id']}"]
    url = local(client.get(f"/media/items/{item['id']}/download", headers=people.user).json["url"])
    assert client.get(url, buffered=True).data == content
    asked = f"bytes={BLOCK_BYTES - 3}-{BLOCK_BYTES + 2}"
    part = client.get(url, headers={"Range": asked}, buffered=True)
    assert (part.status_code, part.data) == (206, content[BLOCK_BYTES - 3 : BLOCK_BYTES + 3])


def test_a_refused_upload_leaves_no_object(client, people, gcs):
    assert put(client, people.user, bytes(4 * 1024 * 1024 + 1)).status_code == 413
    headers = {**people.user, "Content-Type": "image/png"}
    short = client.put(
        "/media/upload?file_name=a.png", data=PNG, headers=headers, environ_overrides={"CONTENT_LENGTH": "9999"}
    )
    assert short.status_code == 400
    assert gcs.keys() == []


def test_deletion_and_erasure_remove_objects(client, people, gcs):
    item = put(client, people.user).json["id"]
    put(client, people.peer)
    assert client.delete(f"/media/items/{item}", headers=people.admin).status_code == 204
    assert len(gcs.keys()) == 1
    erased = client.post("/media/erasures", json={"org_id": people.org}, headers=service_auth("organization"))
    assert (erased.json, gcs.keys()) == ({"removed": 1}, [])


def test_with_a_key_the_url_leads_straight_to_the_store(environ, people, tmp_path, gcs):
    key = tmp_path / "account.json"
    service_account(key)
    app = create_app(Settings.from_env({**environ, "GOOGLE_APPLICATION_CREDENTIALS": str(key)}))
    client = app.test_client()
    item = put(client, people.user).json["id"]
    download = client.get(f"/media/items/{item}/download", headers=people.user).json
    app.extensions[LIFECYCLE].close()
    assert download["url"].startswith(f"{gcs.url}/{BUCKET}/org_")
    assert requests.get(download["url"], timeout=5).content == PNG


def test_with_a_key_the_bytes_of_a_ticket_go_straight_to_the_store(environ, people, tmp_path, gcs):
    key = tmp_path / "account.json"
    service_account(key)
    app = create_app(Settings.from_env({**environ, "GOOGLE_APPLICATION_CREDENTIALS": str(key)}))
    client = app.test_client()
    statuses = {}
    for name, content in (("right", PNG), ("short", PNG[:-1]), ("other", b"GIF89a" + PNG[6:])):
        sent = {"file_name": "a.png", "content_type": "image/png", "size": len(PNG)}
        ticket = client.post("/media/uploads", json=sent, headers=people.user).json
        assert ticket["url"].startswith(f"{gcs.url}/{BUCKET}/org_{people.org}/")
        assert requests.put(ticket["url"], data=content, headers=ticket["headers"], timeout=5).ok
        done = client.post(f"/media/uploads/{ticket['id']}/complete", headers=people.user)
        statuses[name] = done.status_code, done.json.get("error", {}).get("code")
    app.extensions[LIFECYCLE].close()
    # The emulator does not keep to the signed size, as Google does: it is looked at again.
    assert statuses == {"right": (200, None), "short": (422, "MEDIA_012"), "other": (422, "MEDIA_011")}
    assert len(gcs.keys()) == 1


@pytest.mark.parametrize("direct", [True, False])
def test_the_file_of_an_import_goes_through_this_service_for_a_page_that_may_send_nowhere_else(
    environ, people, tmp_path, gcs, direct
):
    key = tmp_path / "account.json"
    service_account(key)
    app = create_app(Settings.from_env({**environ, "GOOGLE_APPLICATION_CREDENTIALS": str(key)}))
    client, whose = app.test_client(), {"org_id": people.org, "user_id": people.ids["user"]}
    sent = {**whose, "file_name": "export.zip", "size": len(PNG), "direct": direct}
    ticket = client.post("/media/imports", json=sent, headers=service_auth("influx")).json
    store, here = f"{gcs.url}/{BUCKET}/", "http://heartguard.test/media/content/"
    assert ticket["url"].startswith(store if direct else here)
    if direct:
        assert requests.put(ticket["url"], data=PNG, headers=ticket["headers"], timeout=5).ok
    else:
        assert client.put(local(ticket["url"]), data=PNG, headers=ticket["headers"]).status_code == 201
    assert gcs.keys() == [f"org_{people.org}/user_{people.ids['user']}/{ticket['id']}"]
    path = f"/media/imports/{ticket['id']}"
    assert client.get(path, query_string=whose, headers=service_auth("influx")).data == PNG
    app.extensions[LIFECYCLE].close()


def test_an_announced_file_without_a_key_goes_through_this_service(client, people, gcs):
    sent = {"file_name": "a.png", "content_type": "image/png", "size": len(PNG)}
    ticket = client.post("/media/uploads", json=sent, headers=people.user).json
    assert client.put(local(ticket["url"]), data=PNG, headers=ticket["headers"]).status_code == 201
    assert client.post(f"/media/uploads/{ticket['id']}/complete", headers=people.user).status_code == 200
    assert gcs.keys() == [f"org_{people.org}/user_{people.ids['user']}/{ticket['id']}"]


def test_a_removal_that_the_store_resists_is_503_and_goes_on_with_the_next_call(environ, people, gcs):
    with FaultyStore(gcs.url).running() as faulty:
        app = create_app(Settings.from_env({**environ, "STORAGE_EMULATOR_HOST": faulty.url}))
        client = app.test_client()
        item = put(client, people.user).json["id"]
        faulty.always = 403
        deleted = client.delete(f"/media/items/{item}", headers=people.admin)
        assert (deleted.status_code, len(gcs.keys())) == (503, 1)
        assert client.get(f"/media/items/{item}", headers=people.user).status_code == 404
        assert put(client, people.user).status_code == 503
        # Other routes answer as ever.
        assert client.get("/media/items", headers=people.user).json["items"] == []
        faulty.always = None
        statuses = [client.delete(f"/media/items/{item}", headers=people.admin).status_code for _ in range(2)]
        app.extensions[LIFECYCLE].close()
    assert (statuses, gcs.keys()) == ([204, 404], [])


def test_ready_says_whether_the_bucket_answers(environ, database, redis_url):
    for change, status in (({}, "ok"), ({"GCS_BUCKET": "nowhere"}, "failed")):
        app = create_app(Settings.from_env({**environ, **change}))
        found = app.test_client().get("/media/ready").json["dependencies"]
        app.extensions[LIFECYCLE].close()
        assert {health["name"]: health["status"] for health in found}["objects"] == status
