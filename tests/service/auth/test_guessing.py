"""Whoever guesses passwords waits; nobody learns by it which addresses are known."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from lxml import etree

from tests.service.auth.conftest import log_in, sign_up, with_token
from tests.tokens import forwarded_for

HERE, THERE = forwarded_for("192.0.2.1"), forwarded_for("192.0.2.2")


def attempt(client, email="user@hg.io", password="wrong-password", headers=HERE):
    return client.post("/auth/login", json={"email": email, "password": password}, headers=headers)


def lock(client, email="user@hg.io", headers=HERE):
    assert [attempt(client, email, headers=headers).status_code for _ in range(5)] == [401] * 5


def test_the_sixth_attempt_waits_even_with_the_right_password(client, founder, clock):
    lock(client)
    refused = attempt(client, password="Secret123")
    assert (refused.status_code, refused.json["error"]["code"]) == (429, "AUTH_009")
    assert refused.headers["Retry-After"] == "1800"
    assert attempt(client, password="Secret123", headers=THERE).status_code == 200
    clock.forward(int(refused.headers["Retry-After"]))
    assert attempt(client, password="Secret123").status_code == 200


def test_an_unknown_address_is_answered_the_same(client, founder):
    def story(email):
        answers = [attempt(client, email) for _ in range(7)]
        return [
            (answer.status_code, {**answer.json["error"], "request_id": ""}, answer.headers.get("Retry-After"))
            for answer in answers
        ]

    assert story("user@hg.io") == story("nobody@hg.io")


def test_a_lock_is_reported_in_xml_too(client, founder):
    lock(client)
    answer = attempt(client, headers={**HERE, "Accept": "application/xml"})
    assert etree.fromstring(answer.data).findtext("code") == "AUTH_009"


def test_a_locked_attempt_is_written_down_without_a_secret(client, founder, events):
    lock(client)
    attempt(client, password="Secret123")
    last = events()[-1]
    assert (last["action"], last["outcome"], last["reason"], last["resource"]) == (
        "auth.login",
        "denied",
        "AUTH_009",
        "user:1",
    )
    assert not any(word in str(events()) for word in ("wrong-password", "Secret123", "user@hg.io", "192.0.2.1"))


def test_only_the_gateway_can_state_the_client_address(client, founder):
    for number in range(5):
        forged = {"X-Forwarded-For": f"198.51.100.{number}", "X-Gateway-Signature": HERE["X-Gateway-Signature"]}
        assert attempt(client, headers=forged).status_code == 401
    assert attempt(client, password="Secret123", headers={"X-Forwarded-For": "198.51.100.9"}).status_code == 429
    assert attempt(client, password="Secret123", headers=HERE).status_code == 200


def test_parallel_guesses_get_no_more_attempts(start, founder):
    app = start().application
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: attempt(app.test_client()), range(24)))
    assert sorted(answer.status_code for answer in answers) == [401] * 5 + [429] * 19


def test_twenty_right_logins_at_once_all_get_in(start, founder):
    app = start().application
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: attempt(app.test_client(), password="Secret123"), range(20)))
    assert {answer.status_code for answer in answers} == {200}


def test_a_wrong_current_password_counts_and_a_lock_holds_there_too(client, founder):
    body = {"current_password": "wrong-password", "new_password": "a better one 2"}
    headers = {**with_token(founder), **HERE}
    codes = [client.post("/auth/password", json=body, headers=headers).status_code for _ in range(6)]
    assert codes == [403] * 5 + [429]
    assert attempt(client, password="Secret123").status_code == 429


def test_a_weak_new_password_is_no_failed_attempt(client, founder):
    body = {"current_password": "Secret123", "new_password": "password1"}
    headers = {**with_token(founder), **HERE}
    assert [client.post("/auth/password", json=body, headers=headers).status_code for _ in range(6)] == [422] * 6


def test_a_redis_that_loses_its_data_ends_no_lock(client, founder, valkey, clock):
    for email in ("user@hg.io", "nobody@hg.io"):
        lock(client, email)
    with valkey.client() as redis:
        redis.flushall()
    for email in ("user@hg.io", "nobody@hg.io"):
        refused = attempt(client, email, "Secret123")
        assert (refused.status_code, refused.headers["Retry-After"]) == (429, "1800")
    assert attempt(client, password="Secret123", headers=THERE).status_code == 200
    body = {"current_password": "Secret123", "new_password": "a better one 2"}
    assert client.post("/auth/password", json=body, headers={**with_token(founder), **HERE}).status_code == 429
    clock.forward(1800)
    assert attempt(client, password="Secret123").status_code == 200


def test_a_process_without_redis_knows_the_stored_locks(start, valkey_server, founder):
    client = start(REDIS_URL=valkey_server.url)
    lock(client)
    valkey_server.freeze()
    try:
        assert attempt(client, password="Secret123").status_code == 429
    finally:
        valkey_server.thaw()


@pytest.mark.parametrize("forgets", [False, True])
def test_an_admin_can_unlock_members_of_their_organization_only(client, founder, events, valkey, forgets):
    body = {"email": "m@hg.io", "password": "Another-pass-1"}
    client.post("/auth/register", json=body, headers=with_token(founder))
    stranger = sign_up(client, "stranger@hg.io")
    member = log_in(client, "m@hg.io", "Another-pass-1").json
    lock(client, "m@hg.io")
    if forgets:
        with valkey.client() as redis:
            redis.delete(*redis.keys("hg:guess:*"))
    for tokens, status in ((stranger, 404), (member, 403), (founder, 204)):
        assert attempt(client, "m@hg.io", "Another-pass-1").status_code == 429
        assert client.delete("/auth/locks/2", headers=with_token(tokens)).status_code == status
    assert attempt(client, "m@hg.io", "Another-pass-1").status_code == 200
    assert client.delete("/auth/locks/999", headers=with_token(founder)).status_code == 404
    ended = [event for event in events() if event["action"] == "auth.lock_ended"]
    assert [(event["resource"], event["outcome"]) for event in ended] == [("user:2", "success")]


def test_a_new_password_by_code_ends_the_lock(client, founder):
    lock(client)
    code = client.post("/auth/password/code", json={"user_id": 1}, headers=with_token(founder)).json["code"]
    body = {"code": code, "new_password": "a better one 2"}
    assert client.post("/auth/password/reset", json=body, headers=HERE).status_code == 204
    assert attempt(client, password="a better one 2").status_code == 200


@pytest.mark.parametrize(
    ("path", "body", "usual"),
    [
        ("login", {"email": "nobody@hg.io", "password": "Secret123"}, 401),
        ("register", {"email": "nobody@hg.io", "password": "password1"}, 422),
        ("password/forgot", {"email": "nobody@hg.io"}, 202),
        ("password/reset", {"code": "x", "new_password": "a better one 2"}, 403),
    ],
)
def test_each_route_without_authentication_is_limited_by_address(start, path, body, usual):
    client = start(RATE_LIMIT="20/min")  # four here
    body = dict(body)

    def knock(headers):
        return client.post(f"/auth/{path}", json=body, headers=headers)

    assert [knock(HERE).status_code for _ in range(4)] == [usual] * 4
    refused = knock({**HERE, "Accept": "application/xml"})
    root = etree.fromstring(refused.data)
    assert (refused.status_code, root.tag, root.findtext("code")) == (429, "Error", "GEN_429")
    assert root.findtext("message") == "Too many requests: 4 in 60 s are allowed here"
    assert root.findtext("request_id") == refused.headers["X-Request-ID"]
    assert 1 <= int(refused.headers["Retry-After"]) <= 60
    assert "X-RateLimit-Limit" not in refused.headers
    assert knock(THERE).status_code == usual
    assert start(RATE_LIMIT="20/min").post(f"/auth/{path}", json=body, headers=HERE).status_code == 429


def test_other_routes_are_not_limited_by_auth(start):
    client = start(RATE_LIMIT="5/min")
    assert {client.get("/auth/health").status_code for _ in range(10)} == {200}


def test_without_redis_the_limits_count_in_the_process(start, valkey_server):
    client = start(RATE_LIMIT="20/min", REDIS_URL=valkey_server.url)
    attempt(client)
    valkey_server.freeze()
    codes = [attempt(client).status_code for _ in range(6)]
    assert codes == [401] * 4 + [429] * 2
    valkey_server.thaw()


def test_when_redis_goes_away_no_waiting_request_fails(start, valkey_server):
    app = start(REDIS_URL=valkey_server.url).application
    attempt(app.test_client())
    valkey_server.freeze()
    with ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(lambda n: attempt(app.test_client(), f"person{n}@hg.io"), range(8)))
    valkey_server.thaw()
    assert [answer.status_code for answer in answers] == [401] * 8
