"""E-mails that can't be sent delay no others; the operator lists, retries and drops them."""

import pytest

from heartguard_auth.mail.store.outbox import PostgresOutbox
from heartguard_auth.mail.usecases import RETRY
from heartguard_common.core.lifecycle import LIFECYCLE
from heartguard_common.stores.database import Database
from heartguard_common.stores.limit_store import PostgresLimits
from tests.mail import mailbox
from tests.people import owner
from tests.servers import until
from tests.service.auth.conftest import log_in, sign_up, with_token
from tests.tokens import operator_auth, service_secret

DEAD_LETTERS = "/auth/dead-letters"
UNKNOWN = "0198c0de-0000-7000-8000-000000000000"


@pytest.fixture
def box():
    with mailbox() as server:
        yield server


@pytest.fixture
def client(start, box):
    client = start(SMTP_URL=box.url())
    client.who = with_token(sign_up(client, "user@hg.io"))
    return client


def invite(client, email):
    answer = client.post("/auth/invitations", json={"email": email, "role": "user"}, headers=client.who)
    assert answer.status_code == 201, answer.data


def dead_letters(client, status="dead"):
    answer = client.get(f"{DEAD_LETTERS}?status={status}", headers=operator_auth())
    assert answer.status_code == 200, answer.data
    return answer.json["items"]


def mail_task(client):
    answer = client.get("/auth/background", headers=operator_auth())
    assert answer.status_code == 200, answer.data
    return next(task for task in answer.json["tasks"] if task["name"] == "mail")


def test_a_bad_letter_of_each_kind_delays_no_other(client, box, clock, database):
    box.refused = {"gone@x.io": "550 no such gone@x.io", "full@x.io": "452 full@x.io is full"}
    for email in ("=??q?a_?=@x.io", "gone@x.io", "full@x.io", "ana@hg.io"):
        invite(client, email)
    client.post("/auth/password/forgot", json={"email": "user@hg.io"})
    until(lambda: len(box.recipients) == 3, "three letters")
    assert box.recipients == ["=??q?a_?=@x.io", "ana@hg.io", "user@hg.io"]
    until(lambda: dead_letters(client) and dead_letters(client, "retrying"), "both failures")
    (gone,), (full,) = dead_letters(client), dead_letters(client, "retrying")
    assert (gone["queue"], gone["attempts"], gone["reason"]) == ("mail", 1, "SMTP 550: the recipient is refused")
    assert (full["attempts"], full["reason"]) == (1, "SMTP 452: the recipient is refused")
    assert "@" not in str([gone, full])
    box.refused = {}
    clock.forward(RETRY.first_delay)
    box.wait(4)
    assert box.recipients[-1] == "full@x.io"
    until(lambda: not dead_letters(client, "retrying"), "the failure to be forgotten")
    assert dead_letters(client) == [gone]


def test_a_letter_that_nobody_can_read_is_given_up_alone(start, box, clock, database):
    """KEY_RING_SECRET has changed since it was stored; earlier the worker ended at each such e-mail."""
    opened = Database(database.url_for("auth"))
    for secret, to in (("another secret of 32 characters!", "a@x.io"), (service_secret("key ring"), "b@x.io")):
        outbox = PostgresOutbox(opened, secret, clock, PostgresLimits(opened, clock, {}))
        outbox.enqueue(to, "subject", "text", org_id=1, sender=1)
    opened.close()
    client = start(SMTP_URL=box.url())
    box.wait()
    assert box.recipients == ["b@x.io"]
    until(lambda: [it["reason"] for it in dead_letters(client, "retrying")] == ["ValueError"], "the failure")


def test_a_server_that_is_away_counts_against_no_letter(start, clock):
    with mailbox() as box:
        port, url = box.port, box.url()
    client = start(SMTP_URL=url)
    client.who = with_token(sign_up(client, "user@hg.io"))
    invite(client, "ana@hg.io")
    until(lambda: mail_task(client)["failures"] > 0, "the failure of a run")
    clock.forward(3600)
    task = mail_task(client)
    assert (task["kind"], task["status"], task["last_error"]) == ("queue", "retrying", "ConnectionRefusedError")
    work = client.get("/auth/background", headers=operator_auth()).json
    assert work["complete"]
    assert work["queues"] == [{"name": "mail", "waiting": 1, "oldest_seconds": 3600, "retrying": 0, "dead": 0}]
    assert b'heartguard_queue_oldest_seconds{queue="mail",service="auth"} 3600.0' in client.get("/auth/metrics").data
    client.application.extensions[LIFECYCLE].close()
    assert dead_letters(client) == dead_letters(client, "retrying") == []
    with mailbox(port=port) as back:
        start(SMTP_URL=url)
        back.wait()


def test_the_operator_retries_and_drops(client, box, events, database):
    box.refused = dict.fromkeys(("a@x.io", "b@x.io"), "550 no")
    invite(client, "a@x.io")
    until(lambda: len(dead_letters(client)) == 1, "the first")
    invite(client, "b@x.io")
    until(lambda: len(dead_letters(client)) == 2, "the second")
    first, second = dead_letters(client)
    page = client.get(f"{DEAD_LETTERS}?limit=1", headers=operator_auth()).json
    assert page["items"] == [first]
    rest = client.get(f"{DEAD_LETTERS}?limit=1&cursor={page['next_cursor']}", headers=operator_auth()).json
    assert rest == {"items": [second], "next_cursor": None}
    assert client.get(f"{DEAD_LETTERS}?queue=other", headers=operator_auth()).json["items"] == []
    assert client.get(f"{DEAD_LETTERS}/{first['id']}", headers=operator_auth()).json == first
    exposed = client.get("/auth/metrics").data
    assert b'heartguard_dead_letters{queue="mail",service="auth"} 2.0' in exposed
    box.refused = {}
    assert client.post(f"{DEAD_LETTERS}/{first['id']}/retry", headers=operator_auth()).status_code == 204
    box.wait()
    assert client.delete(f"{DEAD_LETTERS}/{second['id']}", headers=operator_auth()).status_code == 204
    until(lambda: dead_letters(client) == dead_letters(client, "retrying") == [], "nothing is left")
    assert box.recipients == ["a@x.io"]
    for method, path in (
        ("post", f"{DEAD_LETTERS}/{second['id']}/retry"),
        ("delete", f"{DEAD_LETTERS}/{second['id']}"),
    ):
        assert getattr(client, method)(path, headers=operator_auth()).status_code == 404
    said = [(it["action"], it["actor"], it["payload"]["item"]) for it in events() if "dead_letter" in it["action"]]
    assert said == [
        ("auth.dead_letter_retried", "operator", first["item"]),
        ("auth.dead_letter_dropped", "operator", second["item"]),
    ]
    with owner(database) as cursor:
        cursor.execute("SELECT count(*) FROM heartguard_core.mail_outbox")
        assert cursor.fetchone() == (0,)


def test_nobody_but_the_operator(client):
    for headers, status in (({}, 401), (client.who, 403)):
        assert client.get(DEAD_LETTERS, headers=headers).status_code == status
    assert log_in(client, "user@hg.io").status_code == 200
    client.application.extensions[LIFECYCLE].close()
