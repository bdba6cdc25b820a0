"""One identity with memberships in several organizations."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from lxml import etree

from tests.people import found, identify, join, owner
from tests.service.auth.conftest import log_in, sign_up, with_token
from tests.tokens import operator_auth, service_auth

EMAIL, PASSWORD, OTHER = "ana@hg.io", "Another-pass-1", "a third long phrase"


def refusal(answer):
    return answer.status_code, answer.json["error"]["code"]


def invited(client, who, email=EMAIL, role="user"):
    made = client.post("/auth/invitations", json={"email": email, "role": role}, headers=with_token(who))
    assert made.status_code == 201, made.data
    return made.json["code"]


def accept(client, code, tokens=None, **more):
    headers = {} if tokens is None else with_token(tokens)
    return client.post("/auth/invitations/accept", json={"code": code, **more}, headers=headers)


def switch(client, tokens, org_id):
    return client.post("/auth/switch", json={"org_id": org_id}, headers=with_token(tokens))


def memberships(client, tokens):
    answer = client.get("/auth/memberships/mine", headers=with_token(tokens))
    assert (answer.status_code, answer.headers["Cache-Control"]) == (200, "no-store")
    return [(it["org_id"], it["role"], it["current"]) for it in answer.json["items"]]


def acts(client, tokens):
    return client.get("/auth/profile", headers=with_token(tokens)).status_code == 200


def refreshes(client, tokens):
    return client.post("/auth/refresh", json={"refresh_token": tokens["refresh_token"]}).status_code == 200


def leave(client, org_id, user_id):
    """What the user service asks for when a membership is deleted."""
    body = {"org_id": org_id, "user_id": user_id}
    return client.post("/auth/erasures", json=body, headers=service_auth("user"))


def stored(database, question, *values):
    with owner(database) as cursor:
        cursor.execute(question, values)
        return cursor.fetchall()


@pytest.fixture
def ana(client):
    """The founder of a second organization."""
    return sign_up(client, EMAIL, PASSWORD)


@pytest.fixture
def member(client, founder, ana):
    """Ana's tokens for the founder's organization, which she has joined as a manager."""
    made = accept(client, invited(client, founder, role="manager"), ana)
    assert made.status_code == 201, made.data
    assert (made.json["org_id"], made.json["role"], made.json["email"]) == (founder["org_id"], "manager", EMAIL)
    return {**made.json, **switch(client, ana, founder["org_id"]).json}


def test_an_invitation_adds_a_membership_and_a_switch_gives_a_session_for_it(client, founder, ana, member, events):
    assert member["user_id"] != ana["user_id"]
    profile = client.get("/auth/profile", headers=with_token(member)).json
    assert (profile["id"], profile["org_id"], profile["role"]) == (member["user_id"], founder["org_id"], "manager")
    both = [(ana["org_id"], "admin", False), (founder["org_id"], "manager", True)]
    assert memberships(client, member) == sorted(both, key=lambda it: it[0] != ana["org_id"])
    assert [it["current"] for it in member["memberships"]] == [False, True]
    assert acts(client, ana)
    assert client.get("/auth/profile", headers=with_token(ana)).json["id"] == ana["user_id"]
    of = {event["org_id"]: [] for event in events()}
    for event in events():
        of[event["org_id"]].append((event["action"], event["actor"]))
    assert ("auth.switch", f"user:{member['user_id']}") in of[founder["org_id"]]
    assert not any(actor == f"user:{ana['user_id']}" for _, actor in of[founder["org_id"]])
    assert {action for action, _ in of[ana["org_id"]]} == {"auth.registered", "auth.login"}


def test_xml_says_the_same(client, founder, ana):
    code = invited(client, founder)
    headers = {**with_token(ana), "Content-Type": "application/xml", "Accept": "application/xml"}
    text = f"<InvitationAcceptance><code>{code}</code></InvitationAcceptance>"
    made = etree.fromstring(client.post("/auth/invitations/accept", data=text, headers=headers).data)
    assert made.findtext("org_id") == str(founder["org_id"])
    text = f"<SwitchRequest><org_id>{founder['org_id']}</org_id></SwitchRequest>"
    root = etree.fromstring(client.post("/auth/switch", data=text, headers=headers).data)
    assert [it.findtext("current") for it in root.iterfind("memberships/item")] == ["false", "true"]
    listed = etree.fromstring(client.get("/auth/memberships/mine", headers=headers).data)
    assert listed.findtext("email") == EMAIL
    assert len(listed.findall("items/item")) == 2


def test_a_login_is_for_the_last_used_or_the_given_organization(client, founder, ana, member):
    def org(**more):
        answer = client.post("/auth/login", json={"email": EMAIL, "password": PASSWORD, **more})
        return next(it["org_id"] for it in answer.json["memberships"] if it["current"])

    assert org() == founder["org_id"]
    assert org(org_id=ana["org_id"]) == ana["org_id"]
    assert org() == ana["org_id"]
    for wrong in (999, 10**9):
        body = {"email": EMAIL, "password": PASSWORD, "org_id": wrong}
        assert refusal(client.post("/auth/login", json=body)) == (401, "AUTH_001")
    assert "memberships" not in log_in(client, "user@hg.io").json


def test_acceptance_proves_who_it_is(client, founder, ana):
    code = invited(client, founder)
    for body, code_of in (
        ({"email": EMAIL, "password": "Secret123"}, (401, "AUTH_001")),
        ({"email": "user@hg.io", "password": "Secret123"}, (403, "AUTH_007")),
        ({"email": EMAIL}, (422, "GEN_422")),
        ({}, (422, "GEN_422")),
    ):
        assert refusal(accept(client, code, **body)) == code_of, body
    assert refusal(accept(client, code, ana, password=PASSWORD)) == (422, "GEN_422")
    assert refusal(accept(client, code, founder)) == (403, "AUTH_007")
    assert refusal(accept(client, "7V2KX-9QM4Z-R1TB8-WN5YC-3HF6G", ana)) == (403, "AUTH_007")
    assert client.post("/auth/invitations/accept", json={"code": code}, headers=operator_auth()).status_code == 403
    body = {"email": EMAIL, "password": "the inviter's choice", "invitation": code}
    assert refusal(client.post("/auth/register", json=body)) == (409, "AUTH_002")
    made = accept(client, code.lower(), email="ANA@hg.io", password=PASSWORD, full_name="Ana")
    assert (made.status_code, made.json["org_id"]) == (201, founder["org_id"])
    assert log_in(client, EMAIL, "the inviter's choice").status_code == 401
    assert log_in(client, EMAIL, PASSWORD).status_code == 200


def test_guesses_at_an_acceptance_are_counted_as_those_of_a_login(client, founder, ana):
    code = invited(client, founder)
    answers = [accept(client, code, email=EMAIL, password=f"a wrong guess {n}").status_code for n in range(6)]
    assert answers == [401] * 5 + [429]
    assert log_in(client, EMAIL, PASSWORD).status_code == 429


def test_ten_acceptances_at_once_make_one_membership(start, client, founder, ana, database):
    code = invited(client, founder)
    app = start().application
    with ThreadPoolExecutor(5) as pool:
        answers = list(pool.map(lambda _: accept(app.test_client(), code, ana), range(10)))
    assert sorted(answer.status_code for answer in answers) == [201] + [403] * 9
    assert len(memberships(client, ana)) == 2


def test_a_member_cannot_join_again(client, founder, ana, member):
    body = {"email": EMAIL, "role": "admin"}
    assert refusal(client.post("/auth/invitations", json=body, headers=with_token(founder))) == (409, "AUTH_002")
    assert refusal(switch(client, ana, 999)) == (404, "GEN_404")


def test_who_may_know_the_password_has_to_be_locked_out_first(client, founder, ana):
    """An admin who registers somebody has chosen the password, and may not reach another organization with it."""
    body = {"email": "ben@hg.io", "password": PASSWORD}
    assert client.post("/auth/register", json=body, headers=with_token(founder)).status_code == 201
    ben = log_in(client, "ben@hg.io", PASSWORD).json
    code = invited(client, ana, "ben@hg.io")
    assert refusal(accept(client, code, ben)) == (403, "AUTH_071")
    assert refusal(accept(client, code, email="ben@hg.io", password=PASSWORD)) == (403, "AUTH_071")
    change = {"current_password": PASSWORD, "new_password": OTHER}
    assert client.post("/auth/password", json=change, headers=with_token(ben)).status_code == 204
    assert accept(client, code, ben).status_code == 201


def test_leaving_one_organization_keeps_the_other(client, founder, ana, member, database, events):
    key = {"kind": "device", "name": "watch"}
    assert client.post("/auth/api-keys", json=key, headers=with_token(member)).status_code == 201
    third = sign_up(client, "third@hg.io")
    code = invited(client, third)
    assert leave(client, founder["org_id"], member["user_id"]).json == {"removed": 1}
    assert not acts(client, member)
    assert not refreshes(client, member)
    assert stored(database, "SELECT count(*) FROM heartguard_core.api_keys") == [(0,)]
    assert acts(client, ana)
    assert refreshes(client, ana)
    assert memberships(client, ana) == [(ana["org_id"], "admin", True)]
    assert "memberships" not in log_in(client, EMAIL, PASSWORD).json
    assert accept(client, code, ana).status_code == 201, "another organization's invitation has stayed"
    again = accept(client, invited(client, founder), ana)
    assert again.status_code == 201
    assert again.json["user_id"] > member["user_id"]
    assert not refreshes(client, member)


def test_an_identity_ends_with_its_last_membership(client, founder, ana, member, database):
    assert leave(client, founder["org_id"], member["user_id"]).status_code == 200
    code = invited(client, founder)
    assert leave(client, ana["org_id"], ana["user_id"]).status_code == 200
    assert stored(database, "SELECT email FROM heartguard_core.identities") == [("user@hg.io",)]
    assert stored(database, "SELECT count(*) FROM heartguard_core.invitations") == [(0,)]
    assert refusal(log_in(client, EMAIL, PASSWORD)) == (401, "AUTH_001")
    body = {"email": EMAIL, "password": OTHER, "invitation": code}
    assert refusal(client.post("/auth/register", json=body)) == (403, "AUTH_007")
    assert sign_up(client, EMAIL, OTHER)["user_id"] > member["user_id"]


def test_the_deletion_of_an_organization_keeps_the_identities_of_others(client, founder, ana, member, database):
    answer = client.post("/auth/erasures", json={"org_id": founder["org_id"]}, headers=service_auth("organization"))
    assert answer.json == {"removed": 2}
    assert stored(database, "SELECT email FROM heartguard_core.identities") == [(EMAIL,)]
    assert not acts(client, member)
    assert acts(client, ana)


def test_a_lock_is_the_membership_s(client, founder, ana, member):
    lock = {"org_id": founder["org_id"], "user_id": member["user_id"], "actor_id": founder["user_id"]}
    lock |= {"actor_role": "admin", "seen_role": "manager", "seen_active": True, "role": "manager", "active": False}
    assert client.post("/auth/memberships", json=lock, headers=service_auth("user")).json == {"sessions_ended": 1}
    assert not acts(client, member)
    assert acts(client, ana)
    assert refusal(switch(client, ana, founder["org_id"])) == (403, "AUTH_070")
    body = {"email": EMAIL, "password": PASSWORD, "org_id": founder["org_id"]}
    assert refusal(client.post("/auth/login", json=body)) == (401, "AUTH_001")
    again = log_in(client, EMAIL, PASSWORD).json
    assert [(it["org_id"], it["active"]) for it in again["memberships"] if it["current"]] == [(ana["org_id"], True)]


def test_a_password_is_the_identity_s(client, founder, ana, member, events):
    change = {"current_password": PASSWORD, "new_password": OTHER}
    assert client.post("/auth/password", json=change, headers=with_token(ana)).status_code == 204
    assert acts(client, ana)
    assert not acts(client, member)
    assert log_in(client, EMAIL, PASSWORD).status_code == 401
    body = {"email": EMAIL, "password": OTHER, "org_id": founder["org_id"]}
    assert client.post("/auth/login", json=body).status_code == 200
    of = [
        (it["org_id"], it["action"], it["payload"]) for it in events() if it["action"].endswith(("password", "ended"))
    ]
    assert (ana["org_id"], "auth.password", {"ended_sessions": 0}) in of
    assert (founder["org_id"], "auth.sessions_ended", {"ended": 1}) in of


def test_an_admin_s_code_does_not_open_another_organization(client, founder, ana):
    """The code is issued as for anybody, so that the admin does not learn of the other organization."""
    code = invited(client, founder, "ben@hg.io")
    body = {"email": "ben@hg.io", "password": PASSWORD, "invitation": code}
    ben = client.post("/auth/register", json=body).json
    tokens = log_in(client, "ben@hg.io", PASSWORD).json

    def issued():
        made = client.post("/auth/password/code", json={"user_id": ben["user_id"]}, headers=with_token(founder))
        assert made.status_code == 200
        return made.json["code"]

    before = issued()
    assert accept(client, invited(client, ana, "ben@hg.io"), tokens).status_code == 201
    for code in (before, issued()):
        answer = client.post("/auth/password/reset", json={"code": code, "new_password": OTHER})
        assert refusal(answer) == (403, "AUTH_011")
    assert log_in(client, "ben@hg.io", PASSWORD).status_code == 200
    assert acts(client, tokens)


def test_all_sessions_end_at_once(client, founder, ana, member, events):
    listed = client.get("/auth/sessions", headers=with_token(ana)).json["items"]
    assert {it["org_id"] for it in listed} == {ana["org_id"], founder["org_id"]}
    other = next(it["id"] for it in listed if it["org_id"] == founder["org_id"])
    assert client.delete(f"/auth/sessions/{other}", headers=with_token(ana)).status_code == 204
    assert not acts(client, member)
    assert events()[-1]["org_id"] == founder["org_id"]
    again = switch(client, ana, founder["org_id"]).json
    ended = client.delete("/auth/sessions", headers=with_token(again))
    assert (ended.status_code, ended.json) == (200, {"sessions_ended": 2})
    assert "heartguard_refresh=;" in ended.headers["Set-Cookie"]
    for tokens in (ana, again):
        assert not acts(client, tokens)
        assert not refreshes(client, tokens)
    assert acts(client, founder)


def test_a_session_does_not_begin_from_one_that_has_ended(client, founder, ana, member):
    assert client.delete("/auth/sessions", headers=with_token(ana)).status_code == 200
    assert refusal(switch(client, ana, founder["org_id"])) == (401, "GEN_401_TOKEN")


def test_deleting_the_identity_ends_all_memberships(client, founder, ana, member, database, events):
    answer = client.delete("/auth/identity", headers=with_token(member))
    assert answer.status_code == 202, answer.data
    of = {(it["org_id"], it["user_id"]) for it in answer.json["items"]}
    assert of == {(ana["org_id"], ana["user_id"]), (founder["org_id"], member["user_id"])}
    jobs = stored(database, "SELECT org_id, user_id, kind, status, created_by FROM heartguard_core.jobs")
    assert set(jobs) == {(org, user, "user.delete", "queued", f"user:{user}") for org, user in of}
    for tokens in (ana, member):
        assert not acts(client, tokens)
        assert not refreshes(client, tokens)
    assert refusal(log_in(client, EMAIL, PASSWORD)) == (401, "AUTH_001")
    for org, user in of:
        assert leave(client, org, user).json == {"removed": 1}
    assert stored(database, "SELECT email FROM heartguard_core.identities") == [("user@hg.io",)]
    ended = [(it["org_id"], it["actor"]) for it in events() if it["action"] == "auth.membership_ended"]
    assert set(ended) == {(org, f"user:{user}") for org, user in of}


def test_the_last_admin_of_one_organization_keeps_all_memberships(client, founder, ana, member):
    body = {"email": "ben@hg.io", "password": PASSWORD}
    assert client.post("/auth/register", json=body, headers=with_token(ana)).status_code == 201
    answer = client.delete("/auth/identity", headers=with_token(member))
    assert refusal(answer) == (409, "AUTH_030")
    assert [it["path"] for it in answer.json["error"]["details"]] == [f"/organizations/{ana['org_id']}"]
    assert acts(client, ana)
    assert acts(client, member)
    assert len(memberships(client, member)) == 2


def test_an_identity_has_a_limited_number_of_memberships(start, database, client):
    limited = start(LIMITS="memberships=2,foundings_per_address_per_day=100")
    ana = sign_up(limited, EMAIL, PASSWORD)
    for number in range(2):
        chief = sign_up(limited, f"chief{number}@hg.io")
        answer = accept(limited, invited(limited, chief), ana)
        assert (answer.status_code == 201) == (number == 0)
    assert refusal(answer) == (409, "GEN_409_LIMIT")


def test_the_database_has_one_identity_of_an_address_and_the_copies_follow(database):
    org, other = found(database), found(database, "Other")
    first = join(database, org, email="who@hg.io")
    identify(database, first, "hash")
    with owner(database) as cursor:
        cursor.execute(
            "INSERT INTO heartguard_core.users (org_id, email, role, identity_id)"
            " SELECT %s, email, 'user', identity_id FROM heartguard_core.users WHERE id = %s",
            (other, first),
        )
        cursor.execute("UPDATE heartguard_core.identities SET email = 'new@hg.io'")
    assert stored(database, "SELECT DISTINCT email, email_key FROM heartguard_core.users") == [
        ("new@hg.io", "new@hg.io")
    ]


def test_an_admin_ends_a_few_locks_a_day(start):
    client = start(LIMITS="lock_endings_per_member_per_day=1,foundings_per_address_per_day=100")
    who = sign_up(client, "user@hg.io")
    ends = [client.delete(f"/auth/locks/{who['user_id']}", headers=with_token(who)) for _ in range(2)]
    assert [answer.status_code for answer in ends] == [204, 429]
    assert ends[1].json["error"]["code"] == "GEN_429_LIMIT"


def test_an_acceptance_during_the_deletion_is_refused_or_deleted_too(start, client, founder, database):
    app = start().application
    for number in range(6):
        email = f"ana{number}@hg.io"
        tokens = sign_up(client, email, PASSWORD)
        code = invited(client, founder, email)
        with ThreadPoolExecutor(2) as pool:
            joining = pool.submit(accept, app.test_client(), code, tokens)
            ending = pool.submit(app.test_client().delete, "/auth/identity", headers=with_token(tokens))
        statuses = joining.result().status_code, ending.result().status_code
        assert statuses in {(201, 202), (401, 202), (201, 412)}, statuses
        live = "SELECT count(*) FROM heartguard_core.users WHERE email = %s AND deleted_at IS NULL"
        assert stored(database, live, email) == [(0 if statuses[1] == 202 else 2,)]
