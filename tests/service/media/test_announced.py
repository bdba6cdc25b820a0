"""Announced uploads: ticket, bytes by a URL of their own, completion."""

import hashlib
from datetime import datetime

import pytest
from lxml import etree

from heartguard_media.routes import ROUTES
from tests.service.media.conftest import PNG, content_of, local, objects
from tests.tokens import service_auth

TICKET = {"file_name": "beat.png", "content_type": "image/png", "size": len(PNG)}
SHA256 = hashlib.sha256(PNG).hexdigest()


def announce(client, who, **change):
    return client.post("/media/uploads", json={**TICKET, **change}, headers=who)


def send(client, ticket, content=PNG, **how):
    how = {"headers": ticket["headers"], **how}
    return client.open(local(ticket["url"]), method=ticket["method"], data=content, **how)


def complete(client, who, ticket):
    return client.post(f"/media/uploads/{ticket['id']}/complete", headers=who)


def test_a_file_goes_up_by_its_own_url(client, people, clock):
    ticket = announce(client, people.user, sha256=SHA256)
    assert (ticket.status_code, ticket.json["method"], ticket.json["headers"]) == (
        201,
        "PUT",
        {"Content-Type": "image/png"},
    )
    assert datetime.fromisoformat(ticket.json["expires_at"]).timestamp() == clock.now_ns() // 10**9 + 15 * 60
    assert complete(client, people.user, ticket.json).json["error"]["code"] == "MEDIA_013"
    assert client.get("/media/items", headers=people.user).json["items"] == []
    sent = send(client, ticket.json)
    assert (sent.status_code, sent.data) == (201, b"")
    item = complete(client, people.user, ticket.json)
    assert (item.status_code, item.json["size"], item.json["sha256"], item.json["status"]) == (
        200,
        len(PNG),
        SHA256,
        "ready",
    )
    assert complete(client, people.user, ticket.json).json == item.json
    assert content_of(client, people.user, item.json["id"]).data == PNG


def test_a_ticket_in_xml(client, people):
    leaves = "<file_name>a.png</file_name><content_type>image/png</content_type><size>9</size>"
    body = f"<UploadRequest>{leaves}</UploadRequest>"
    headers = {**people.user, "Content-Type": "application/xml", "Accept": "application/xml"}
    root = etree.fromstring(client.post("/media/uploads", data=body, headers=headers).data)
    assert (root.tag, root.findtext("method")) == ("UploadTicket", "PUT")
    assert [(entry.get("key"), entry.text) for entry in root.find("headers")] == [("Content-Type", "image/png")]


@pytest.mark.parametrize(
    ("change", "status", "code"),
    [
        ({"size": 1024 * 1024 + 1}, 413, "MEDIA_002"),
        ({"size": -1}, 422, "GEN_422"),
        ({"content_type": "text/html"}, 415, "MEDIA_010"),
        ({"file_name": "a\x00b"}, 422, "GEN_422"),
        ({"sha256": "x"}, 422, "GEN_422"),
    ],
)
def test_invalid_announcements_are_refused(client, people, change, status, code):
    answer = announce(client, people.user, **change)
    assert (answer.status_code, answer.json["error"]["code"]) == (status, code)
    assert client.get("/media/usage", headers=people.admin).json["bytes"] == 0


@pytest.mark.parametrize(
    ("announced", "content", "code"),
    [
        ({"sha256": "0" * 64}, PNG, "MEDIA_004"),
        ({}, b"GIF89a" + bytes(len(PNG) - 6), "MEDIA_011"),
        ({}, b"<html>" + bytes(len(PNG) - 6), "MEDIA_011"),
    ],
)
def test_bytes_that_are_not_as_stated_end_the_upload(client, people, environ, announced, content, code):
    ticket = announce(client, people.user, **announced).json
    assert send(client, ticket, content).status_code == 201
    answer = complete(client, people.user, ticket)
    assert (answer.status_code, answer.json["error"]["code"]) == (422, code)
    assert complete(client, people.user, ticket).status_code == 404
    assert send(client, ticket).status_code == 404
    assert objects(environ) == []
    assert client.get("/media/usage", headers=people.admin).json["bytes"] == 0


def test_the_signature_is_for_one_object_type_size_expiry_and_method(client, people, environ):
    ticket, other = (announce(client, people.user).json for _ in range(2))
    url = local(ticket["url"])
    expires = url.partition("expires=")[2].partition("&")[0]
    wrong = [
        (url.replace(ticket["id"], other["id"]), "image/png", PNG),
        (url.replace(expires, str(int(expires) + 1)), "image/png", PNG),
        (url, "text/html", PNG),
        (url, "image/png", PNG + b"x"),
        (url, "image/png", PNG[:-1]),
        (url[:-1] + "x", "image/png", PNG),
    ]
    statuses = [client.put(bad, data=content, content_type=kind).status_code for bad, kind, content in wrong]
    assert statuses == [403] * len(wrong)
    assert client.get(url).status_code == 403
    assert objects(environ) == []


def test_a_ticket_ends_at_its_expiry(client, people, clock):
    first, second = (announce(client, people.user).json for _ in range(2))
    clock.forward(15 * 60 - 1)
    assert send(client, first).status_code == 201
    clock.forward(1)
    assert send(client, second).status_code == 403
    # Bytes that came in time may be completed later.
    assert complete(client, people.user, first).status_code == 200


def test_bytes_are_sent_once(client, people):
    ticket = announce(client, people.user).json
    assert send(client, ticket).status_code == 201
    again = send(client, ticket, PNG[:-1] + b"x")
    assert (again.status_code, again.json["error"]["code"]) == (412, "MEDIA_014")
    item = complete(client, people.user, ticket).json
    assert send(client, ticket).status_code == 412
    assert content_of(client, people.user, item["id"]).data == PNG


def test_bytes_that_end_early_may_be_sent_again(client, people, environ):
    ticket = announce(client, people.user).json
    length = {"CONTENT_LENGTH": str(len(PNG))}
    short = send(client, ticket, PNG[:-1], environ_overrides=length)
    assert (short.status_code, short.json["error"]["code"]) == (400, "MEDIA_006")
    assert objects(environ) == []
    assert send(client, ticket).status_code == 201
    assert complete(client, people.user, ticket).status_code == 200


def test_bytes_need_a_length(client, people):
    ticket = announce(client, people.user).json
    headers = {**ticket["headers"], "Transfer-Encoding": "chunked"}
    answer = send(client, ticket, None, headers=headers, environ_overrides={"wsgi.input_terminated": True})
    assert (answer.status_code, answer.json["error"]["code"]) == (411, "MEDIA_015")


def test_completing_needs_no_key_to_be_repeatable(client, people):
    def under_key():
        return client.post(f"/media/uploads/{ticket['id']}/complete", headers={**people.user, "Idempotency-Key": "k"})

    ticket = announce(client, people.user).json
    assert under_key().json["error"]["code"] == "MEDIA_013"
    send(client, ticket)
    first = under_key()
    assert (first.status_code, under_key().json) == (200, first.json)
    (route,) = (route for route in ROUTES if route.path.endswith("/complete"))
    assert not route.idempotent  # a key would hold a transaction open while the file is read


def test_only_the_announcer_can_complete(client, people):
    ticket = announce(client, people.user).json
    send(client, ticket)
    for who in (people.peer, people.manager, people.admin, people.stranger):
        assert complete(client, who, ticket).status_code == 404
    assert client.get(f"/media/items/{ticket['id']}", headers=people.user).status_code == 404
    assert complete(client, people.user, ticket).status_code == 200


def test_a_file_without_a_ticket_cannot_be_completed(client, people):
    headers = {**people.user, "Content-Type": "image/png"}
    item = client.put("/media/upload?file_name=a.png", data=PNG, headers=headers).json
    assert complete(client, people.user, item).status_code == 404


def test_one_idempotency_key_announces_one_upload(client, people):
    headers = {**people.user, "Idempotency-Key": "ticket-1"}
    first, second = (announce(client, headers).json for _ in range(2))
    assert first == second
    assert client.get("/media/usage", headers=people.admin).json["bytes"] == len(PNG)


def test_an_erasure_ends_tickets(client, people, environ):
    early, late = (announce(client, people.user).json for _ in range(2))
    send(client, early)
    erased = client.post("/media/erasures", json={"org_id": people.org}, headers=service_auth("organization"))
    assert erased.json == {"removed": 2}
    assert [send(client, late).status_code, complete(client, people.user, early).status_code] == [404, 404]
    assert objects(environ) == []
