import base64
import gzip
import hashlib
from io import BytesIO
from pathlib import Path
from urllib.parse import parse_qs

import pytest
from lxml import etree

from heartguard_common.core.lifecycle import LIFECYCLE
from heartguard_media.settings import Settings
from heartguard_media.wiring import create_app
from tests.service.media.conftest import PNG, local, objects, put
from tests.tokens import service_auth

B64 = base64.b64encode(PNG).decode()
DOCUMENT = {"file_name": "beat.png", "content_type": "image/png", "data_base64": B64}
NOBODYS = "01890000-0000-7000-8000-000000000000"


def signed_url(client, who, item_id):
    return local(client.get(f"/media/items/{item_id}/download", headers=who).json["url"])


def fetch(client, url, **how):
    """Read a URL to its end, as a server's client does."""
    return client.get(url, buffered=True, **how)


def test_a_file_in_a_json_document_comes_back_as_it_was(client, people):
    item = client.post("/media/upload", json=DOCUMENT, headers=people.user)
    assert item.status_code == 201
    assert (item.json["size"], item.json["sha256"]) == (len(PNG), hashlib.sha256(PNG).hexdigest())
    assert (item.json["owner_id"], item.json["status"]) == (people.ids["user"], "ready")
    answer = fetch(client, signed_url(client, people.user, item.json["id"]))
    assert (answer.status_code, answer.data, answer.headers["Content-Type"]) == (200, PNG, "image/png")


def test_a_file_in_an_xml_document_is_answered_in_xml(client, people):
    body = (
        "<MediaUpload><file_name>logo.png</file_name><content_type>image/png</content_type>"
        f"<data_base64>{B64}</data_base64></MediaUpload>"
    )
    headers = {**people.user, "Content-Type": "application/xml", "Accept": "application/xml"}
    root = etree.fromstring(client.post("/media/upload", data=body, headers=headers).data)
    assert (root.tag, root.findtext("file_name"), root.findtext("size")) == ("MediaItem", "logo.png", str(len(PNG)))


def test_bytes_come_in_as_a_stream(client, people, environ):
    item = put(client, people.user).json
    stored = Path(environ["MEDIA_DIR"]) / f"org_{people.org}" / f"user_{people.ids['user']}" / item["id"]
    assert stored.read_bytes() == PNG


@pytest.mark.parametrize(
    ("change", "status", "code"),
    [
        ({"data_base64": "####"}, 422, "MEDIA_003"),
        ({"data_base64": "AAA"}, 422, "MEDIA_003"),
        ({"sha256": "0" * 64}, 422, "MEDIA_004"),
        ({"content_type": "no type"}, 422, "GEN_422"),
        ({"file_name": ""}, 422, "GEN_422"),
        ({"file_name": "a\r\nb"}, 422, "GEN_422"),
        ({"file_name": "x" * 256}, 422, "GEN_422"),
        ({"owner_id": 1}, 422, "GEN_422"),
    ],
)
def test_a_wrong_document_stores_nothing(client, people, environ, change, status, code):
    answer = client.post("/media/upload", json={**DOCUMENT, **change}, headers=people.user)
    assert (answer.status_code, answer.json["error"]["code"]) == (status, code)
    assert objects(environ) == []
    assert client.get("/media/items", headers=people.admin).json["items"] == []


@pytest.mark.parametrize(("beyond", "status"), [(0, 201), (1, 413), (2, 413), (1_000_000, 413)])
@pytest.mark.parametrize("media_type", ["application/json", "application/xml"])
def test_five_mebibytes_fit_in_a_document_and_not_a_byte_more(client, people, beyond, status, media_type):
    data = base64.b64encode(bytes(5 * 1024 * 1024 + beyond)).decode()
    content_type = "application/octet-stream"
    body = f'{{"file_name": "a", "content_type": "{content_type}", "data_base64": "{data}"}}'
    if media_type == "application/xml":
        leaves = f"<file_name>a</file_name><content_type>{content_type}</content_type><data_base64>{data}</data_base64>"
        body = f"<MediaUpload>{leaves}</MediaUpload>"
    answer = client.post("/media/upload", data=body, headers={**people.user, "Content-Type": media_type})
    assert answer.status_code == status
    assert status == 201 or "5242880 bytes at most" in answer.json["error"]["message"]


@pytest.mark.parametrize(("extra", "status"), [(0, 201), (1, 413)])
def test_a_stream_has_the_configured_limit(client, people, environ, extra, status):
    assert put(client, people.user, PNG + bytes(1024 * 1024 - len(PNG) + extra)).status_code == status
    assert len(objects(environ)) == (status == 201)


@pytest.mark.parametrize(("megabytes", "offers"), [("5", False), ("6", True)])
def test_a_way_that_takes_more_is_offered_where_there_is_one(environ, people, megabytes, offers):
    app = create_app(Settings.from_env({**environ, "MAX_UPLOAD_MB": megabytes}))
    client = app.test_client()
    long = {"headers": {**people.user, "Content-Type": "image/png"}, "environ_overrides": {"CONTENT_LENGTH": "6291457"}}
    stream = client.put("/media/upload?file_name=a.png", data=PNG, **long)
    data = base64.b64encode(bytes(5 * 1024 * 1024 + 1)).decode()
    document = client.post("/media/upload", json={**DOCUMENT, "data_base64": data}, headers=people.user)
    app.extensions[LIFECYCLE].close()
    assert (stream.status_code, document.status_code) == (413, 413)
    assert ("PUT /media/upload" in stream.text, "PUT /media/upload" in document.text) == (False, offers)


def test_compressed_bytes_are_refused_because_they_would_be_kept_so(client, people, environ):
    ticket = client.post(
        "/media/uploads",
        json={"file_name": "a.png", "content_type": "image/png", "size": len(PNG)},
        headers=people.user,
    ).json
    headers = {**people.user, "Content-Type": "image/png", "Content-Encoding": "gzip"}
    for target in ("/media/upload?file_name=a.png", local(ticket["url"])):
        answer = client.put(target, data=gzip.compress(PNG), headers=headers)
        assert (answer.status_code, answer.json["error"]["code"]) == (415, "GEN_415")
        assert answer.headers["Accept-Encoding"] == "identity"
    assert objects(environ) == []
    plain = {**headers, "Content-Encoding": "identity"}
    assert client.put("/media/upload?file_name=a.png", data=PNG, headers=plain).status_code == 201


def test_a_stream_of_unknown_length_has_the_same_limit(client, people, environ):
    headers = {**people.user, "Content-Type": "image/png", "Transfer-Encoding": "chunked"}
    answer = client.put(
        "/media/upload?file_name=a.png",
        input_stream=BytesIO(PNG + bytes(1_400_000)),
        headers=headers,
        environ_overrides={"wsgi.input_terminated": True},
    )
    assert answer.status_code == 413
    assert objects(environ) == []


def test_a_body_that_ends_early_is_not_stored(client, people, environ):
    headers = {**people.user, "Content-Type": "image/png"}
    answer = client.put(
        "/media/upload?file_name=a.png", data=PNG, headers=headers, environ_overrides={"CONTENT_LENGTH": "9999"}
    )
    assert (answer.status_code, answer.json["error"]["code"]) == (400, "MEDIA_006")
    assert objects(environ) == []


@pytest.mark.parametrize("content_type", ["", "nonsense", "image/png\x00"])
def test_a_stream_needs_a_media_type(client, people, content_type):
    assert put(client, people.user, content_type=content_type).status_code == 415


def test_one_idempotency_key_stores_one_file(client, people):
    headers = {**people.user, "Idempotency-Key": "upload-1"}
    first, second = (client.post("/media/upload", json=DOCUMENT, headers=headers) for _ in range(2))
    assert first.json == second.json
    assert len(client.get("/media/items", headers=people.user).json["items"]) == 1
    other = client.post("/media/upload", json={**DOCUMENT, "file_name": "x.png"}, headers=headers)
    assert other.status_code == 422


def test_each_role_sees_the_files_it_may_see(client, people):
    mine, theirs = put(client, people.user).json["id"], put(client, people.peer).json["id"]

    def listed(who, **query):
        return [item["id"] for item in client.get("/media/items", headers=who, query_string=query).json["items"]]

    assert listed(people.user) == [mine]
    assert listed(people.user, owner_id=people.ids["peer"]) == []
    assert listed(people.admin, owner_id=2**53 - 1) == []
    assert listed(people.manager) == [theirs, mine]
    assert listed(people.admin, owner_id=people.ids["user"]) == [mine]
    assert listed(people.admin, content_type="text/plain") == []
    assert listed(people.stranger) == []
    for path in (f"/media/items/{mine}", f"/media/items/{mine}/download"):
        statuses = {
            name: client.get(path, headers=getattr(people, name)).status_code
            for name in ("admin", "manager", "user", "peer", "stranger")
        }
        assert statuses == {"admin": 200, "manager": 200, "user": 200, "peer": 404, "stranger": 404}
        assert client.get(path).status_code == 401


def test_files_are_listed_in_pages(client, people):
    made = [put(client, people.user, name=f"{number}.png").json["id"] for number in range(5)]
    seen, cursor = [], None
    while True:
        query = {"limit": 2, **({"cursor": cursor} if cursor else {})}
        page = client.get("/media/items", headers=people.user, query_string=query).json
        seen += [item["id"] for item in page["items"]]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert seen == made[::-1]
    assert client.get("/media/items?cursor=nonsense", headers=people.user).status_code == 422


def test_only_an_admin_of_the_organization_deletes(client, people, environ):
    item = put(client, people.user).json["id"]
    statuses = [
        client.delete(f"/media/items/{item}", headers=who).status_code
        for who in (people.user, people.manager, people.stranger, people.admin, people.admin)
    ]
    assert statuses == [403, 403, 404, 204, 404]
    assert objects(environ) == []


def test_deleting_a_file_ends_its_urls(client, people):
    item = put(client, people.user).json["id"]
    url = signed_url(client, people.user, item)
    client.delete(f"/media/items/{item}", headers=people.admin)
    assert fetch(client, url).status_code == 404


def test_a_url_lives_fifteen_minutes(client, people, clock):
    url = signed_url(client, people.user, put(client, people.user).json["id"])
    clock.forward(15 * 60 - 1)
    assert fetch(client, url).status_code == 200
    clock.forward(1)
    assert fetch(client, url).status_code == 403


def test_a_signature_is_for_one_file_and_one_expiry(client, people):
    one, two = (put(client, people.user).json["id"] for _ in range(2))
    url = signed_url(client, people.user, one)
    path, _, query = url.partition("?")
    expires = parse_qs(query)["expires"][0]
    altered = [
        url.replace(one, two),
        url.replace(expires, str(int(expires) + 1)),
        url[:-1] + ("0" if url[-1] != "0" else "1"),
        url.replace("attachment", "inline"),
        url.replace("&disposition=attachment", ""),
        f"{path}?expires={expires}&signature=x",
    ]
    assert [fetch(client, bad).status_code for bad in altered] == [403] * 6
    assert client.get(f"{path}?expires={expires}").status_code == 422
    assert client.get(path.replace(one, NOBODYS) + "?" + query).status_code == 403
    assert client.put(url, data=PNG, content_type="image/png").status_code == 403
    assert client.delete(url).status_code == 405
    assert client.head(url).status_code == 200


RANGES = [
    ("bytes=0-3", 206, PNG[:4], f"bytes 0-3/{len(PNG)}"),
    ("bytes=10-", 206, PNG[10:], f"bytes 10-{len(PNG) - 1}/{len(PNG)}"),
    ("bytes=-5", 206, PNG[-5:], f"bytes {len(PNG) - 5}-{len(PNG) - 1}/{len(PNG)}"),
    ("bytes=0-99999", 206, PNG, f"bytes 0-{len(PNG) - 1}/{len(PNG)}"),
    ("bytes=-99999", 206, PNG, f"bytes 0-{len(PNG) - 1}/{len(PNG)}"),
    ("bytes=5-5", 206, PNG[5:6], f"bytes 5-5/{len(PNG)}"),
    ("bytes=0-1,3-4", 200, PNG, None),
    ("bytes=5-4", 200, PNG, None),
    ("bytes=x-y", 200, PNG, None),
    ("bytes=", 200, PNG, None),
    ("lines=0-3", 200, PNG, None),
]


def test_ranges_are_answered_as_rfc_9110_says(subtests, client, people):
    for asked, status, expected, said in RANGES:
        with subtests.test(asked):
            url = signed_url(client, people.user, put(client, people.user).json["id"])
            answer = fetch(client, url, headers={"Range": asked})
            assert (answer.status_code, answer.data, answer.headers.get("Content-Range")) == (status, expected, said)
            assert answer.headers["Content-Length"] == str(len(expected))


@pytest.mark.parametrize("asked", ["bytes=99999-", f"bytes={len(PNG)}-", "bytes=-0"])
def test_a_range_without_a_byte_is_416(client, people, asked):
    url = signed_url(client, people.user, put(client, people.user).json["id"])
    answer = fetch(client, url, headers={"Range": asked})
    assert (answer.status_code, answer.headers["Content-Range"]) == (416, f"bytes */{len(PNG)}")


def test_a_range_of_another_version_is_answered_whole(client, people):
    url = signed_url(client, people.user, put(client, people.user).json["id"])
    tag = fetch(client, url).headers["ETag"]
    for condition, status in ((tag, 206), ('"other"', 200), (f"W/{tag}", 200), ("Wed, 21 Oct 2015 07:28:00 GMT", 200)):
        answer = fetch(client, url, headers={"Range": "bytes=0-3", "If-Range": condition})
        assert answer.status_code == status


def test_head_has_the_headers_of_get_and_no_content(client, people):
    url = signed_url(client, people.user, put(client, people.user).json["id"])
    head, get = client.head(url, buffered=True), fetch(client, url)
    assert (head.status_code, head.data) == (200, b"")
    for name in ("Content-Length", "Content-Type", "ETag", "Accept-Ranges", "Content-Disposition"):
        assert head.headers[name] == get.headers[name]


def test_an_empty_file_has_no_range(client, people):
    item = put(client, people.user, b"", "empty", "application/octet-stream").json
    assert item["size"] == 0
    url = signed_url(client, people.user, item["id"])
    assert (fetch(client, url).status_code, fetch(client, url).data) == (200, b"")
    assert fetch(client, url, headers={"Range": "bytes=0-0"}).status_code == 416


def test_content_is_cached_by_its_hash(client, people):
    item = put(client, people.user).json
    url = signed_url(client, people.user, item["id"])
    tag = fetch(client, url).headers["ETag"]
    assert tag == f'"{item["sha256"]}"'
    for condition in (tag, f"W/{tag}", f'"other", {tag}', "*"):
        answer = fetch(client, url, headers={"If-None-Match": condition})
        assert (answer.status_code, answer.data, answer.headers["ETag"]) == (304, b"", tag)
    for condition in ('"other"', tag[1:-1]):
        assert fetch(client, url, headers={"If-None-Match": condition}).status_code == 200
    # If-None-Match is looked at before Range (RFC 9110 section 13.2.2).
    both = {"If-None-Match": tag, "Range": "bytes=0-3"}
    assert fetch(client, url, headers=both).status_code == 304


def test_content_keeps_its_type_whatever_is_accepted(client, people):
    url = signed_url(client, people.user, put(client, people.user).json["id"])
    for accept in ("image/png", "image/webp", "application/xml", "*/*"):
        answer = fetch(client, url, headers={"Accept": accept})
        assert (answer.status_code, answer.headers["Content-Type"]) == (200, "image/png")
    refused = fetch(client, url[:-1], headers={"Accept": "application/xml"})
    assert (refused.status_code, etree.fromstring(refused.data).tag) == (403, "Error")


def test_erasure_removes_an_organizations_files_and_is_repeatable(client, people, environ):
    put(client, people.user)
    put(client, people.peer)
    kept = put(client, people.stranger).json["id"]
    ask = {"org_id": people.org}
    assert client.post("/media/erasures", json=ask, headers=people.admin).status_code == 403
    only = {**ask, "user_id": people.ids["user"]}
    assert client.post("/media/erasures", json=only, headers=service_auth("user")).json == {"removed": 1}
    assert client.post("/media/erasures", json=ask, headers=service_auth("organization")).json == {"removed": 1}
    assert client.post("/media/erasures", json=ask, headers=service_auth("organization")).json == {"removed": 0}
    assert [path.name for path in objects(environ)] == [kept]
