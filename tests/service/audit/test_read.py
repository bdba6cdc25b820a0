"""GET /audit/events: the right trail, events, order and format."""

import csv
import io
import json

import pytest
import redis
from lxml import etree

from heartguard_common.http.paging import encode_cursor
from tests.store.audit.conftest import event
from tests.tokens import bearer, operator_auth, service_auth

ADMIN = bearer(12, "admin", org_id=1)
OTHER = bearer(20, "admin", org_id=2)


def ids(answer):
    return [item["id"] for item in answer.json["items"]]


def test_admins_read_their_trail_and_the_operator_that_of_no_organization(client, journal):
    one, two, none = event(org_id=1), event(org_id=2), event(org_id=None)
    journal.add([one, two, none])
    for caller, sent in ((ADMIN, one), (OTHER, two), (operator_auth(), none)):
        answer = client.get("/audit/events", headers=caller)
        assert ids(answer) == [sent.id]
        assert answer.json["next_cursor"] is None
        assert answer.headers["Cache-Control"] == "no-store"
        for asked in (one, two, none):
            single = client.get(f"/audit/events/{asked.id}", headers=caller)
            assert single.status_code == (200 if asked is sent else 404)


def test_an_unknown_event_and_another_organizations_look_the_same(client, journal):
    theirs = event(org_id=2)
    journal.add([theirs])
    bodies = []
    for event_id in (theirs.id, "01975c00-0000-7000-8000-000000000000"):
        answer = client.get(f"/audit/events/{event_id}", headers={**ADMIN, "X-Request-ID": "same"})
        assert (answer.status_code, answer.json["error"]["code"]) == (404, "AUDIT_001")
        bodies.append(answer.data)
    assert bodies[0] == bodies[1]


NOBODY_ELSE = [
    ({}, 401),
    (bearer(1, "manager", org_id=1), 403),
    (bearer(1, "user", org_id=1), 403),
    (service_auth("auth"), 403),
]


def test_other_callers_cannot_read_the_trail(subtests, client):
    for headers, status in NOBODY_ELSE:
        for path in ["/audit/events", "/audit/events/01975c00-0000-7000-8000-000000000000"]:
            with subtests.test(f"{path} {status} {list(headers)}"):
                assert client.get(path, headers=headers).status_code == status


def test_json_and_xml_say_the_same(client, journal):
    journal.add([event(resource="user:13", payload={"role": "admin", "active": True, "count": 3, "before": None})])
    document = client.get("/audit/events", headers=ADMIN).json
    root = etree.fromstring(client.get("/audit/events?format=xml", headers=ADMIN).data)
    (item,) = root.findall("items/item")
    (shown,) = document["items"]
    for name in ("id", "time", "kind", "actor", "action", "service", "resource", "outcome", "status"):
        assert item.findtext(name) == shown[name]
    assert item.findtext("sequence") == "1"
    entries = {entry.get("key"): entry.text for entry in item.findall("payload/entry")}
    assert entries == {"role": "admin", "active": "true", "count": "3", "before": None}
    assert shown["time"] == "2026-11-23T10:00:00.123456789Z"


def test_pages_are_newest_first_and_complete_while_events_arrive(client, journal):
    sent = [event() for _ in range(7)]
    journal.add(sent)
    seen, cursor = [], None
    while True:
        query = {"limit": 3, **({"cursor": cursor} if cursor else {})}
        answer = client.get("/audit/events", query_string=query, headers=ADMIN)
        seen += [item["sequence"] for item in answer.json["items"]]
        journal.add([event()])
        cursor = answer.json["next_cursor"]
        if cursor is None:
            break
    assert seen == [7, 6, 5, 4, 3, 2, 1]


def test_filters_work_alone_and_combined(client, journal):
    wanted = event(kind="access", action="media.read", outcome="denied", time="2026-11-20T00:00:00Z")
    journal.add([event(), wanted, event(action="media.read"), event(kind="access")])
    full = {"kind": "access", "action": "media.read", "outcome": "denied", "actor": "user:12", "service": "user"}
    full |= {"since": "2026-11-20T01:00:00+01:00", "until": "2026-11-20T00:00:00.000000001Z"}
    assert ids(client.get("/audit/events", query_string=full, headers=ADMIN)) == [wanted.id]
    assert ids(client.get("/audit/events", query_string={**full, "until": full["since"]}, headers=ADMIN)) == []
    assert len(ids(client.get("/audit/events?action=media.read", headers=ADMIN))) == 2
    for web in ("since=9999-12-31T23:59:59Z", "until=0001-01-01T00:00:00Z"):
        assert ids(client.get(f"/audit/events?{web}", headers=ADMIN)) == []


def test_a_masked_actor_is_found_by_the_address(client, settle):
    for actor in ("user@hg.io", "ursula@hg.io"):
        said = {"actor": actor, "action": "LOGIN", "service": "auth"}
        client.post("/audit/events", json=said, headers=service_auth("auth"))
    settle()
    found = client.get("/audit/events", query_string={"actor": "User@HG.io"}, headers=operator_auth()).json["items"]
    assert [item["sequence"] for item in found] == [1]


WRONG_QUERIES = [
    ("limit=0", "/limit"),
    ("limit=501", "/limit"),
    ("limit=x", "/limit"),
    ("colour=red", "/colour"),
    ("kind=gossip", "/kind"),
    ("since=yesterday", "/since"),
    ("since=2026-02-30T00:00:00Z", "/since"),
    ("actor=a&actor=b", "/actor"),
    ("cursor=nonsense", "/cursor"),
    ("cursor=WyJ4Il0", "/cursor"),
]


def test_parameters_against_the_contract_are_refused(subtests, client):
    for query, path in WRONG_QUERIES:
        with subtests.test(query):
            answer = client.get(f"/audit/events?{query}", headers=ADMIN)
            assert answer.status_code == 422
            assert [fault["path"] for fault in answer.json["error"]["details"]] == [path]


@pytest.mark.parametrize(("sequence", "shown"), [(3, 1), (1, 0), (0, 0)])
def test_an_invented_cursor_reaches_no_other_trail(client, journal, sequence, shown):
    journal.add([event(), event(org_id=2), event(org_id=2)])
    query = {"cursor": encode_cursor([sequence])}
    assert len(ids(client.get("/audit/events", query_string=query, headers=ADMIN))) == shown


@pytest.mark.parametrize("sequence", [2**70, 10**700, -(10**700)])
def test_a_cursor_beyond_all_sequences_is_refused(client, sequence):
    answer = client.get("/audit/events", query_string={"cursor": encode_cursor([sequence])}, headers=ADMIN)
    assert (answer.status_code, answer.json["error"]["code"]) == (422, "GEN_422")


def test_ndjson_holds_the_whole_trail_over_its_pages(client, journal):
    journal.add([event() for _ in range(2100)])
    answer = client.get("/audit/events", headers={**ADMIN, "Accept": "application/x-ndjson"})
    assert (answer.status_code, answer.content_type) == (200, "application/x-ndjson")
    lines = answer.get_data(as_text=True).splitlines()
    assert [json.loads(line)["sequence"] for line in lines] == list(range(2100, 0, -1))


def test_an_export_obeys_limit_cursor_and_filters(client, journal):
    journal.add([event(actor="user:12" if place % 2 else "user:13") for place in range(10)])
    asked = {"limit": 2, "actor": "user:12"}
    first = client.get("/audit/events", query_string=asked, headers=ADMIN)
    asked["cursor"] = first.json["next_cursor"]
    answer = client.get("/audit/events", query_string=asked, headers={**ADMIN, "Accept": "application/x-ndjson"})
    assert [json.loads(line)["sequence"] for line in answer.get_data(as_text=True).splitlines()] == [6, 4]


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\n", " =", "\uff1d"])
def test_no_cell_of_the_csv_is_a_formula(client, journal, start):
    text = f'{start}HYPERLINK("http://evil.example";"x")'
    journal.add([event(resource=text, payload={"k": text})])
    answer = client.get("/audit/events", headers={**ADMIN, "Accept": "text/csv"})
    assert answer.status_code == 200
    assert answer.mimetype == "text/csv"
    assert answer.headers["Content-Disposition"] == 'attachment; filename="audit-events.csv"'
    header, row = csv.reader(io.StringIO(answer.get_data(as_text=True), newline=""))
    cells = dict(zip(header, row, strict=True))
    assert cells["resource"] == f"'{text}"
    assert json.loads(cells["payload"]) == {"k": text}
    assert (cells["sequence"], cells["actor"], cells["reason"]) == ("1", "user:12", "")


def test_an_empty_trail_as_csv_is_only_a_header(client):
    lines = client.get("/audit/events", headers={**ADMIN, "Accept": "text/csv"}).get_data(as_text=True).splitlines()
    assert len(lines) == 1
    assert lines[0].startswith("id,sequence,time,kind,")


def test_readiness_includes_the_consumer(client, environ):
    def consumer():
        answer = client.get("/audit/ready")
        states = {one["name"]: one["status"] for one in answer.json["dependencies"]}
        assert states["postgresql"] == states["redis"] == "ok"
        return answer.status_code, states["consumer"]

    assert consumer() == (503, "failed")
    with redis.Redis.from_url(environ["REDIS_URL"]) as connection:
        connection.set("hg:audit:consumer:alive", "1", ex=3)
        assert consumer() == (200, "ok")


def test_metrics_count_waiting_entries_and_dead_letters(client, environ):
    client.post("/audit/events", json={"actor": "a", "action": "b", "service": "c"}, headers=service_auth("auth"))
    text = client.get("/audit/metrics").get_data(as_text=True)
    assert "heartguard_audit_waiting 1.0" in text
    assert 'heartguard_dead_letters{queue="events",service="audit"} 0.0' in text
