import base64
import hashlib
import json
from concurrent.futures import ThreadPoolExecutor

import jwt
import pytest
from lxml import etree

from tests.servers import until
from tests.service.auth.conftest import log_in, sign_up, with_token
from tests.tokens import service_auth

CLAIMS = {"sub", "role", "org_id", "iat", "exp", "jti", "iss", "aud", "sid"}


def refresh(client, token):
    return client.post("/auth/refresh", json={"refresh_token": token})


def test_the_plans_login_in_both_formats(client, founder):
    body = {"email": "user@hg.io", "password": "Secret123"}
    in_json = client.post("/auth/login", json=body)
    in_xml = client.post("/auth/login", json=body, headers={"Accept": "application/xml"})
    root = etree.fromstring(in_xml.data)
    assert (in_json.json["expires_in"], in_json.json["token_type"]) == (3600, "Bearer")
    assert [child.tag for child in root] == ["access_token", "refresh_token", "expires_in", "token_type"]
    assert (root.tag, root.findtext("expires_in")) == ("LoginResponse", "3600")
    assert in_xml.headers["Cache-Control"] == "no-store"


def test_a_token_is_verified_by_the_published_key_alone(client, founder):
    keys = client.get("/.well-known/jwks.json").json["keys"]
    assert len(keys) == 2  # the one that signs, and the next one
    for key in keys:
        assert "d" not in key
        members = {name: key[name] for name in ("crv", "kty", "x", "y")}
        thumbprint = hashlib.sha256(json.dumps(members, separators=(",", ":"), sort_keys=True).encode()).digest()
        assert key["kid"] == base64.urlsafe_b64encode(thumbprint).decode().rstrip("=")
    assert jwt.get_unverified_header(founder["access_token"])["kid"] == keys[0]["kid"]
    claims = jwt.decode(
        founder["access_token"],
        jwt.PyJWK(keys[0]).key,
        algorithms=["ES256"],
        audience="heartguard",
        issuer="heartguard",
    )
    assert claims.keys() == CLAIMS
    assert (claims["sub"], claims["role"], claims["org_id"]) == ("1", "admin", 1)
    assert claims["exp"] - claims["iat"] == 3600


def test_two_workers_share_one_ring(start, founder):
    other = start()
    assert other.get("/auth/profile", headers=with_token(founder)).status_code == 200


def test_a_shared_secret_signs_where_it_is_set(start, database):
    secret = "Zk3v9QpL7xT2mW8cR5yB1nH6dF4gJ0sA"
    client = start(JWT_SECRET=secret)
    tokens = sign_up(client, "user@hg.io")
    assert jwt.decode(tokens["access_token"], secret, algorithms=["HS256"], audience="heartguard")["sub"] == "1"
    assert client.get("/.well-known/jwks.json").json == {"keys": []}
    rotated = start(JWT_SECRET="Aj0sD4gF6dH1nB5yR8cW2mT7xL9pQ3vZ", JWT_SECRET_PREVIOUS=secret)
    assert rotated.get("/auth/profile", headers=with_token(tokens)).status_code == 200


@pytest.mark.parametrize(("email", "password"), [("user@hg.io", "Secret124"), ("nobody@hg.io", "Secret123")])
def test_wrong_password_and_unknown_address_look_the_same(client, founder, email, password):
    answer = log_in(client, email, password)
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"].startswith("Bearer")
    assert {**answer.json["error"], "request_id": ""} == {
        "code": "AUTH_001",
        "message": "Invalid credentials",
        "request_id": "",
    }


def test_a_failed_login_is_written_down(client, founder, events):
    log_in(client, "user@hg.io", "wrong-password")
    last = events()[-1]
    assert (last["action"], last["outcome"], last["reason"], last["actor"]) == (
        "auth.login",
        "denied",
        "AUTH_001",
        "anonymous",
    )
    assert last["resource"] == "user:1"


def test_the_profile_in_xml_has_the_accounts_members(client, founder):
    answer = client.get("/auth/profile", headers={**with_token(founder), "Accept": "text/xml"})
    root = etree.fromstring(answer.data)
    assert answer.headers["Content-Type"].startswith("text/xml")
    assert (root.tag, root.findtext("email"), root.findtext("active")) == ("User", "user@hg.io", "true")


def test_the_profile_says_that_no_name_was_given(client, founder):
    document = client.get("/auth/profile", headers=with_token(founder)).json
    assert document["full_name"] is None
    assert document.keys() == {"id", "email", "full_name", "role", "org_id", "active", "preferences", "created_at"}


def test_a_refresh_gives_a_new_pair_and_the_old_token_dies_after_the_grace(client, founder, clock):
    first = refresh(client, founder["refresh_token"])
    assert first.status_code == 200
    assert first.json["refresh_token"] != founder["refresh_token"]
    clock.forward(11)
    assert refresh(client, founder["refresh_token"]).status_code == 401
    # The replay ended the session: the newest refresh token and its access token are invalid too.
    assert refresh(client, first.json["refresh_token"]).status_code == 401
    assert client.get("/auth/profile", headers=with_token(first.json)).status_code == 401


def test_a_lost_answer_is_given_again_within_the_grace(client, founder):
    first, second = refresh(client, founder["refresh_token"]), refresh(client, founder["refresh_token"])
    assert first.json == second.json


def test_the_grace_goes_one_step_back_only(client, founder):
    first = refresh(client, founder["refresh_token"]).json
    assert refresh(client, first["refresh_token"]).status_code == 200
    assert refresh(client, founder["refresh_token"]).status_code == 401


def test_twenty_parallel_refreshes_give_one_pair(start, founder):
    app = start().application
    with ThreadPoolExecutor(5) as pool:
        answers = list(pool.map(lambda _: refresh(app.test_client(), founder["refresh_token"]), range(20)))
    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.json["refresh_token"] for answer in answers}) == 1


@pytest.mark.parametrize("seconds", [14 * 86_400, 14 * 86_400 + 1])
def test_a_refresh_token_expires(client, founder, clock, seconds):
    clock.forward(seconds)
    assert refresh(client, founder["refresh_token"]).status_code == 401


def test_a_session_ends_after_90_days(client, founder, clock):
    token = founder["refresh_token"]
    for _ in range(9):
        clock.forward(9.9 * 86_400)
        token = refresh(client, token).json["refresh_token"]
    clock.forward(86_400)
    assert refresh(client, token).status_code == 401


def test_an_access_token_expires(client, founder, clock):
    clock.forward(3599)
    assert client.get("/auth/profile", headers=with_token(founder)).status_code == 200
    clock.forward(1)
    assert client.get("/auth/profile", headers=with_token(founder)).status_code == 401


def test_a_refresh_token_is_no_access_token(client, founder):
    answer = client.get("/auth/profile", headers={"Authorization": f"Bearer {founder['refresh_token']}"})
    assert answer.status_code == 401


def test_logout_ends_this_session_and_no_other(client, founder):
    other = log_in(client, "user@hg.io").json
    assert client.post("/auth/logout", headers=with_token(founder)).status_code == 204
    assert client.get("/auth/profile", headers=with_token(founder)).status_code == 401
    assert refresh(client, founder["refresh_token"]).status_code == 401
    assert client.get("/auth/profile", headers=with_token(other)).status_code == 200


def test_logout_of_all_sessions_in_xml(client, founder):
    other = log_in(client, "user@hg.io").json
    body = b"<LogoutRequest><scope>all</scope></LogoutRequest>"
    headers = {**with_token(founder), "Content-Type": "application/xml"}
    assert client.post("/auth/logout", data=body, headers=headers).status_code == 204
    assert client.get("/auth/profile", headers=with_token(other)).status_code == 401


def test_a_redis_that_lost_its_memory_revives_no_token(client, founder, valkey):
    client.post("/auth/logout", headers=with_token(founder))
    with valkey.client() as redis:
        redis.flushall()
    assert client.get("/auth/profile", headers=with_token(founder)).status_code == 401
    with valkey.client() as redis:
        until(lambda: redis.exists("hg:rev:ready") == 1, "the copy")
    assert client.get("/auth/profile", headers=with_token(founder)).status_code == 401


def test_a_revocation_lasts_as_long_as_the_token(client, founder, clock, valkey):
    client.post("/auth/logout", headers=with_token(founder))
    clock.forward(3599)
    with valkey.client() as redis:
        redis.flushall()
    assert client.get("/auth/profile", headers=with_token(founder)).status_code == 401


def test_the_refresh_cookie_needs_an_allowed_origin(start):
    client = start(ALLOWED_ORIGINS="https://admin.hg.io").application.test_client(use_cookies=False)
    sign_up(client, "user@hg.io")
    login = client.post("/auth/login?cookie=1", json={"email": "user@hg.io", "password": "Secret123"})
    cookie = login.headers["Set-Cookie"]
    assert all(part in cookie for part in ("HttpOnly", "Secure", "SameSite=Strict", "Path=/auth", "Max-Age=1209600"))
    value = {"Cookie": cookie.partition(";")[0]}
    for origin in (None, "null", "https://evil.io", "http://admin.hg.io", "https://admin.hg.io.evil.io"):
        headers = {**value, **({"Origin": origin} if origin else {})}
        assert client.post("/auth/refresh", headers=headers).status_code == 403
    answer = client.post("/auth/refresh", headers={**value, "Origin": "https://admin.hg.io"})
    assert answer.status_code == 200
    assert "heartguard_refresh=" in answer.headers["Set-Cookie"]


def test_introspection_is_for_services_and_says_nothing_of_dead_tokens(client, founder):
    ask = {"token": founder["access_token"]}
    assert client.post("/auth/token/introspect", json=ask).status_code == 401
    assert client.post("/auth/token/introspect", json=ask, headers=with_token(founder)).status_code == 403
    found = client.post("/auth/token/introspect", json=ask, headers=service_auth("gateway")).json
    assert (found["active"], found["sub"], found["role"], found["org_id"]) == (True, "1", "admin", 1)
    by_id = client.post("/auth/token/introspect", json={"jti": found["jti"]}, headers=service_auth("media")).json
    assert by_id == found
    client.post("/auth/logout", headers=with_token(founder))
    for question in (ask, {"jti": found["jti"]}, {"token": "nonsense"}, {"jti": "unknown"}):
        dead = client.post("/auth/token/introspect", json=question, headers=service_auth("gateway"))
        assert dead.json == {"active": False}


def test_introspection_takes_a_form(client, founder):
    answer = client.post(
        "/auth/token/introspect", data={"token": founder["access_token"]}, headers=service_auth("gateway")
    )
    assert answer.json["active"] is True


@pytest.mark.parametrize("question", [{}, {"token": "abc", "jti": "abc"}])
def test_introspection_wants_one_of_token_and_jti(client, question):
    answer = client.post("/auth/token/introspect", json=question, headers=service_auth("gateway"))
    assert answer.status_code == 422


def test_roles_list_what_each_may_do(client, founder):
    items = {
        item["name"]: item["permissions"]
        for item in client.get("/auth/roles", headers=with_token(founder)).json["items"]
    }
    assert list(items) == ["admin", "manager", "user"]
    assert "organization.update" in items["manager"]
    assert "organization.update" not in items["user"]


def test_erasure_anonymizes_and_ends_everything(client, founder):
    client.post("/auth/register", json={"email": "u@hg.io", "password": "Another-pass-1"}, headers=with_token(founder))
    member = log_in(client, "u@hg.io", "Another-pass-1").json
    ask = {"org_id": 1, "user_id": 2}
    assert client.post("/auth/erasures", json=ask, headers=with_token(founder)).status_code == 403
    assert client.post("/auth/erasures", json=ask, headers=service_auth("user")).json == {"removed": 1}
    assert client.post("/auth/erasures", json=ask, headers=service_auth("user")).json == {"removed": 0}
    assert client.get("/auth/profile", headers=with_token(member)).status_code == 401
    assert log_in(client, "u@hg.io", "Another-pass-1").status_code == 401
    assert client.get("/auth/profile", headers=with_token(founder)).status_code == 200
    again = client.post("/auth/register", json={"email": "u@hg.io", "password": "Another-pass-1"})
    assert again.status_code == 201


def test_logins_and_refreshes_are_counted_by_their_result(client, founder):
    log_in(client, "user@hg.io", "Wrong123")
    client.post("/auth/refresh", json={"refresh_token": founder["refresh_token"]})
    client.post("/auth/refresh", json={"refresh_token": founder["refresh_token"]})
    client.post("/auth/refresh", json={"refresh_token": "x" * 40})
    lines = client.get("/auth/metrics").get_data(as_text=True).splitlines()
    assert [line.removeprefix("heartguard_auth_attempts_total") for line in lines if "_attempts_total{" in line] == [
        '{kind="login",result="success"} 1.0',
        '{kind="login",result="AUTH_001"} 1.0',
        '{kind="login",result="AUTH_009"} 0.0',
        '{kind="login",result="AUTH_073"} 0.0',
        '{kind="refresh",result="success"} 1.0',
        '{kind="refresh",result="replay"} 1.0',
        '{kind="refresh",result="AUTH_003"} 1.0',
    ]
