"""What callers can make auth store or send: new organizations, people, invitations, e-mails, sessions."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.mail import mailbox
from tests.people import limit, owner
from tests.servers import until
from tests.service.auth.conftest import log_in, sign_up, with_token
from tests.tokens import forwarded_for, service_auth


def error(answer):
    return answer.status_code, answer.json["error"]["code"]


def found(client, email, address="192.0.2.1"):
    body = {"email": email, "password": "Secret123"}
    return client.post("/auth/register", json=body, headers=forwarded_for(address))


def invite(client, who, email="stranger@example.org"):
    return client.post("/auth/invitations", json={"email": email, "role": "user"}, headers=with_token(who))


def refusals(client, name):
    wanted = f'heartguard_limit_refusals_total{{limit="{name}"}} '
    lines = client.get("/auth/metrics").text.splitlines()
    return sum(float(line.removeprefix(wanted)) for line in lines if line.startswith(wanted))


def test_one_address_can_found_few_organizations_a_day(start, clock):
    client = start(LIMITS="foundings_per_address_per_day=2")
    assert found(client, "one@hg.io").status_code == 201
    assert found(client, "one@hg.io").status_code == 409  # what founds nothing counts for nothing
    assert found(client, "two@hg.io").status_code == 201
    refused = found(client, "three@hg.io")
    assert error(refused) == (429, "GEN_429_LIMIT")
    assert "foundings_per_address_per_day of 2 " in refused.json["error"]["message"]
    assert refusals(client, "foundings_per_address_per_day") == 1
    assert [found(client, f"v6-{n}@hg.io", f"2001:db8::{n}").status_code for n in (1, 2, 3)] == [201, 201, 429]
    assert found(client, "next@hg.io", "2001:db8:0:1::1").status_code == 201
    clock.forward(int(refused.headers["Retry-After"]))
    assert found(client, "three@hg.io").status_code == 201


def test_foundings_at_once_are_as_many_as_there_may_be(start, database):
    application = start(LIMITS="foundings_per_address_per_day=3").application
    with ThreadPoolExecutor(6) as pool:
        statuses = Counter(pool.map(lambda n: found(application.test_client(), f"p{n}@hg.io").status_code, range(6)))
    assert statuses == {201: 3, 429: 3}


def test_an_organization_takes_people_until_it_is_full(client, founder, database):
    limit(database, 1, members=3)

    def add(number):
        body = {"email": f"member{number}@hg.io", "password": "Secret123"}
        answer = client.application.test_client().post("/auth/register", json=body, headers=with_token(founder))
        return answer.status_code, answer.json

    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(add, range(5)))
    assert Counter(status for status, _ in answers) == {201: 2, 409: 3}
    refused = next(document["error"] for status, document in answers if status == 409)
    assert refused["code"] == "GEN_409_LIMIT"
    assert "members of 3 " in refused["message"]
    gone = next(document["user_id"] for status, document in answers if status == 201)
    client.post("/auth/erasures", json={"org_id": 1, "user_id": gone}, headers=service_auth("user"))
    assert add(9)[0] == 201


def test_invitations_are_limited_and_a_new_one_for_the_same_address_replaces_the_old_one(client, founder, database):
    limit(database, 1, invitations=2)
    made = [invite(client, founder, email).json["id"] for email in ("a@x.io", "b@x.io")]
    assert error(invite(client, founder, "c@x.io")) == (409, "AUTH_040")
    assert "invitations of 2 " in invite(client, founder, "c@x.io").json["error"]["message"]
    assert invite(client, founder, "A@x.io").status_code == 201
    client.delete(f"/auth/invitations/{made[1]}", headers=with_token(founder))
    assert invite(client, founder, "c@x.io").status_code == 201


def test_an_address_gets_few_invitations_from_all_organizations_together(start, clock):
    """Three new accounts sent 30 e-mails to one address in seconds."""
    with mailbox() as box:
        client = start(SMTP_URL=box.url())
        fresh = [sign_up(client, f"fresh{n}@hg.io") for n in range(3)]
        answers = [
            invite(client, who, email)
            for email in ("Stranger@example.org", "stranger@EXAMPLE.org") * 5
            for who in fresh
        ]
        assert Counter(answer.status_code for answer in answers) == {201: 3, 429: 27}
        refused = answers[-1]
        assert error(refused) == (429, "GEN_429_LIMIT")
        assert "invitations_per_recipient_per_day of 3 " in refused.json["error"]["message"]
        assert len(box.wait(3)) == 3
        assert invite(client, fresh[0], "another@example.org").status_code == 201


@pytest.mark.parametrize("name", ["emails_per_day", "emails_per_day_per_member"])
def test_an_organization_and_a_member_send_few_a_day(start, database, name):
    with mailbox() as box:
        client = start(SMTP_URL=box.url())
        founder = sign_up(client, "user@hg.io")
        limit(database, 1, **{name: 2})
        answers = [invite(client, founder, f"{n}@example.org") for n in range(3)]
        assert [answer.status_code for answer in answers] == [201, 201, 429]
        assert f"{name} of 2 " in answers[-1].json["error"]["message"]
        waiting = client.get("/auth/invitations", headers=with_token(founder)).json["items"]
        assert len(waiting) == 2


def rests(database):
    with owner(database) as cursor:
        cursor.execute("SELECT due_at = expires_at FROM heartguard_core.mail_outbox")
        return cursor.fetchone() == (True,)


def test_codes_for_one_address_end_for_the_day_and_the_answer_stays_the_same(start, clock, database):
    clock.leave_midnight(1000)
    with mailbox() as box:
        client = start(SMTP_URL=box.url(), LIMITS="codes_per_recipient_per_day=1")
        founder = sign_up(client, "user@hg.io")
        for count in (1, 2):
            answer = client.post("/auth/password/forgot", json={"email": "user@hg.io"})
            assert (answer.status_code, answer.data) == (202, b"")
            if count == 1:
                until(lambda: rests(database), "the first is sent, and the address rests")
            clock.forward(200)
        until(lambda: refusals(client, "codes_per_recipient_per_day") == 1, "the second is not sent")
        assert len(box.messages) == 1
        # An admin can still hand one over.
        issued = client.post("/auth/password/code", json={"user_id": 1}, headers=with_token(founder))
        assert issued.status_code == 200


def test_a_session_over_the_limit_ends_the_least_recently_used_one(client, founder, database, clock, events):
    limit(database, 1, sessions_per_member=3)
    pairs = [founder]
    for _ in range(2):
        clock.forward(1)
        pairs.append(log_in(client, "user@hg.io").json)
    clock.forward(1)
    pairs[0] |= client.post("/auth/refresh", json={"refresh_token": founder["refresh_token"]}).json
    clock.forward(1)
    pairs.append(log_in(client, "user@hg.io").json)
    assert [client.get("/auth/profile", headers=with_token(pair)).status_code for pair in pairs] == [200, 401, 200, 200]
    assert [
        client.post("/auth/refresh", json={"refresh_token": pair["refresh_token"]}).status_code for pair in pairs
    ] == [
        200,
        401,
        200,
        200,
    ]
    ended = [event for event in events() if event["action"] == "auth.sessions_ended"]
    assert [event["payload"] for event in ended] == [{"ended": 1, "limit": 3}]
