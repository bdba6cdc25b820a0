from concurrent.futures import ThreadPoolExecutor

import psycopg2
import pytest
from lxml import etree

from tests.service.auth.conftest import log_in, sign_up, with_token


def count(database, table):
    with psycopg2.connect(database.superuser_url.replace("+psycopg2", "")) as connection, connection.cursor() as cursor:
        cursor.execute(f"SELECT count(*) FROM heartguard_core.{table}")
        return cursor.fetchone()[0]


def test_the_plans_request_in_json_is_answered_in_xml(client):
    answer = client.post(
        "/auth/register",
        json={"email": "user@hg.io", "password": "Secret123", "role": "admin"},
        headers={"Accept": "application/xml"},
    )
    root = etree.fromstring(answer.data)
    assert answer.status_code == 201
    assert root.tag == "RegisterResponse"
    assert (root.findtext("user_id"), root.findtext("email")) == ("1", "user@hg.io")


def test_xml_body_founds_an_organization_named_after_the_address(client, database):
    answer = client.post(
        "/auth/register",
        data=b"<RegisterRequest><password>Secret123</password><email>ana@hg.io</email></RegisterRequest>",
        headers={"Content-Type": "application/xml"},
    )
    assert answer.status_code == 201
    assert answer.json == {"user_id": 1, "email": "ana@hg.io", "role": "admin", "org_id": 1}
    assert (count(database, "users"), count(database, "organizations")) == (1, 1)


@pytest.mark.parametrize("role", ["manager", "user"])
def test_an_organization_cannot_be_founded_with_a_lesser_role_than_admin(client, role):
    answer = client.post("/auth/register", json={"email": "a@hg.io", "password": "Secret123", "role": role})
    assert (answer.status_code, answer.json["error"]["code"]) == (403, "AUTH_005")


@pytest.mark.parametrize("field", ["org_id", "id", "active", "is_admin"])
def test_fields_that_give_rights_are_unknown(client, field):
    answer = client.post("/auth/register", json={"email": "a@hg.io", "password": "Secret123", field: 1})
    assert answer.status_code == 422
    assert answer.json["error"]["details"][0]["path"] == f"/{field}"


@pytest.mark.parametrize("email", ["user@hg.io", "USER@hg.io", "User@HG.IO"])
def test_an_address_is_taken_in_any_case_of_letters(client, founder, email):
    answer = client.post("/auth/register", json={"email": email, "password": "Another-pass-1"})
    assert (answer.status_code, answer.json["error"]["code"]) == (409, "AUTH_002")


def test_fifty_registrations_of_one_address_make_one_account(start, database):
    app = start().application

    def register(_):
        return (
            app.test_client().post("/auth/register", json={"email": "one@hg.io", "password": "Secret123"}).status_code
        )

    with ThreadPoolExecutor(5) as pool:
        statuses = list(pool.map(register, range(50)))
    assert statuses.count(201) == 1
    assert statuses.count(409) == 49
    assert (count(database, "users"), count(database, "organizations")) == (1, 1)


GUESSABLE = ["password", "12345678", "PassWord", "user@hg.io", "jennifer", "Michelle", "basketball", "superman1!"]


def test_guessable_passwords_are_refused(subtests, client):
    for password in GUESSABLE:
        with subtests.test(password):
            answer = client.post("/auth/register", json={"email": "user@hg.io", "password": password})
            assert answer.status_code == 422
            assert answer.json["error"]["code"] == "AUTH_004"
            assert answer.json["error"]["details"][0]["path"] == "/password"


@pytest.mark.parametrize(("length", "status"), [(7, 422), (8, 201), (128, 201), (129, 422)])
def test_passwords_have_8_to_128_characters_of_any_alphabet(client, length, status):
    password = "ñ日🫀x"[:4] * 40
    answer = client.post("/auth/register", json={"email": "user@hg.io", "password": password[:length]})
    assert answer.status_code == status


def test_an_admin_adds_members_to_the_own_organization_only(client, founder):
    made = client.post(
        "/auth/register",
        json={"email": "m@hg.io", "password": "Another-pass-1", "role": "manager"},
        headers=with_token(founder),
    )
    assert made.json == {"user_id": 2, "email": "m@hg.io", "role": "manager", "org_id": founder["org_id"]}


@pytest.mark.parametrize(("role", "status"), [("user", 201), ("manager", 403), ("admin", 403)])
def test_a_manager_can_register_those_whom_they_may_invite(client, founder, role, status):
    client.post(
        "/auth/register",
        json={"email": "m@hg.io", "password": "Another-pass-1", "role": "manager"},
        headers=with_token(founder),
    )
    manager = log_in(client, "m@hg.io", "Another-pass-1").json
    answer = client.post(
        "/auth/register",
        json={"email": "x@hg.io", "password": "Another-pass-2", "role": role},
        headers=with_token(manager),
    )
    assert answer.status_code == status


def test_a_member_cannot_add_anybody(client, founder):
    body = {"email": "u@hg.io", "password": "Another-pass-1"}
    client.post("/auth/register", json=body, headers=with_token(founder))
    member = log_in(client, "u@hg.io", "Another-pass-1").json
    answer = client.post("/auth/register", json={**body, "email": "x@hg.io"}, headers=with_token(member))
    assert answer.status_code == 403


@pytest.mark.parametrize("setting", ["invite", "closed"])
def test_registration_can_be_closed(start, setting):
    client = start(REGISTRATION=setting)
    answer = client.post("/auth/register", json={"email": "a@hg.io", "password": "Secret123"})
    assert (answer.status_code, answer.json["error"]["code"]) == (403, "AUTH_006")


def test_an_unknown_invitation_is_refused(client):
    answer = client.post("/auth/register", json={"email": "a@hg.io", "password": "Secret123", "invitation": "x"})
    assert (answer.status_code, answer.json["error"]["code"]) == (403, "AUTH_007")


def test_registration_leaves_an_event_without_an_address(client, events):
    sign_up(client, "user@hg.io")
    registered = next(event for event in events() if event["action"] == "auth.registered")
    assert (registered["resource"], registered["org_id"], registered["outcome"]) == ("user:1", 1, "success")
    assert "hg.io" not in str(events())
