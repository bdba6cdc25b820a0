"""Invitations: one address, one role, one use, seven days."""

import re
from concurrent.futures import ThreadPoolExecutor

import pytest
from lxml import etree

from tests.mail import mailbox
from tests.people import owner
from tests.service.auth.conftest import log_in, sign_up, with_token
from tests.tokens import service_auth

PASSWORD = "Another-pass-1"


def invite(client, who, email="ana@hg.io", role="user"):
    return client.post("/auth/invitations", json={"email": email, "role": role}, headers=with_token(who))


def join(client, code, email="ana@hg.io", **more):
    return client.post("/auth/register", json={"email": email, "password": PASSWORD, "invitation": code, **more})


def waiting(client, who, query=""):
    return client.get(f"/auth/invitations{query}", headers=with_token(who)).json


def member(client, founder, email, role):
    body = {"email": email, "password": PASSWORD, "role": role}
    made = client.post("/auth/register", json=body, headers=with_token(founder))
    assert made.status_code == 201, made.data
    return {**made.json, **log_in(client, email, PASSWORD).json}


def refusal(answer):
    return answer.status_code, answer.json["error"]["code"]


def kept(database):
    with owner(database) as cursor:
        cursor.execute("SELECT count(*) FROM heartguard_core.invitations")
        return cursor.fetchone()[0]


def test_an_invitation_makes_a_member_of_that_organization_and_role(client, founder, events, database):
    made = invite(client, founder, role="manager")
    assert made.status_code == 201
    assert made.headers["Cache-Control"] == "no-store"
    assert made.json.keys() == {"id", "code", "email", "role", "expires_at"}
    joined = join(client, made.json["code"])
    assert (joined.status_code, joined.json["role"], joined.json["org_id"]) == (201, "manager", founder["org_id"])
    profile = client.get("/auth/profile", headers=with_token(log_in(client, "ana@hg.io", PASSWORD).json)).json
    assert (profile["role"], profile["org_id"]) == ("manager", founder["org_id"])
    said = {event["action"]: event for event in events()}["auth.invite"]
    assert (said["actor"], said["resource"]) == ("user:1", f"invitation:{made.json['id']}")
    assert made.json["code"] not in str(events())
    assert "ana@hg.io" not in str(events())
    assert kept(database) == 0


def test_invitations_work_in_xml_as_in_json(client, founder):
    body = b"<InvitationRequest><email>ana@hg.io</email><role>user</role></InvitationRequest>"
    headers = {**with_token(founder), "Content-Type": "application/xml", "Accept": "application/xml"}
    made = etree.fromstring(client.post("/auth/invitations", data=body, headers=headers).data)
    assert made.tag == "Invitation"
    listed = etree.fromstring(client.get("/auth/invitations", headers=headers).data)
    assert [item.findtext("id") for item in listed.find("items")] == [made.findtext("id")]
    assert listed.find("items/item/code") is None
    text = f"<RegisterRequest><email>ana@hg.io</email><password>{PASSWORD}</password>"
    text += f"<invitation>{made.findtext('code')}</invitation></RegisterRequest>"
    answer = client.post("/auth/register", data=text, headers={"Content-Type": "application/xml"})
    assert (answer.status_code, answer.json["role"]) == (201, "user")


def test_the_code_is_stored_nowhere(client, founder, database):
    code = invite(client, founder).json["code"]
    with owner(database) as cursor:
        cursor.execute("SELECT i::text FROM heartguard_core.invitations i")
        row = cursor.fetchone()[0]
    assert code not in row
    assert code.replace("-", "") not in row
    assert "code" not in waiting(client, founder)["items"][0]


@pytest.mark.parametrize("email", ["ANA@hg.io", "ana@HG.IO"])
def test_the_address_is_compared_as_people_read_it(client, founder, email):
    assert join(client, invite(client, founder).json["code"].lower(), email).status_code == 201


def test_a_code_of_another_address_or_an_unknown_code_is_refused(client, founder):
    code = invite(client, founder).json["code"]
    for wrong in (join(client, code, "eve@hg.io"), join(client, "7V2KX-9QM4Z-R1TB8-WN5YC-3HF6G"), join(client, " ")):
        assert refusal(wrong) == (403, "AUTH_007")
    assert join(client, code).status_code == 201
    assert refusal(join(client, code)) == (403, "AUTH_007")


def test_fifty_registrations_with_one_code_make_one_account(start, founder, client, database):
    code = invite(client, founder).json["code"]
    app = start().application

    def register(number):
        spelled = "".join(letter.upper() if number >> place & 1 else letter for place, letter in enumerate("ana@hg.io"))
        return join(app.test_client(), code, spelled).status_code

    with ThreadPoolExecutor(5) as pool:
        statuses = list(pool.map(register, range(50)))
    assert sorted(set(statuses)) == [201, 403]
    assert statuses.count(201) == 1
    with owner(database) as cursor:
        cursor.execute("SELECT count(*) FROM heartguard_core.users")
        assert cursor.fetchone()[0] == 2


def test_an_invitation_is_valid_for_seven_days(client, founder, clock):
    early, late = invite(client, founder).json["code"], invite(client, founder, "late@hg.io").json["code"]
    clock.forward(7 * 86_400 - 1)
    assert join(client, early).status_code == 201
    clock.forward(1)
    assert refusal(join(client, late, "late@hg.io")) == (403, "AUTH_007")
    assert waiting(client, log_in(client, "user@hg.io").json)["items"] == []


def test_a_withdrawn_invitation_is_invalid_and_can_be_withdrawn_once(client, founder):
    made = invite(client, founder).json
    path = f"/auth/invitations/{made['id']}"
    assert client.delete(path, headers=with_token(founder)).status_code == 204
    assert refusal(client.delete(path, headers=with_token(founder))) == (404, "GEN_404")
    assert refusal(join(client, made["code"])) == (403, "AUTH_007")


def test_a_new_invitation_replaces_the_one_before(client, founder):
    first = invite(client, founder, role="admin").json["code"]
    second = invite(client, founder, "Ana@hg.io").json["code"]
    assert [item["role"] for item in waiting(client, founder)["items"]] == ["user"]
    assert refusal(join(client, first)) == (403, "AUTH_007")
    assert join(client, second).json["role"] == "user"


def test_a_manager_invites_users_and_sees_and_withdraws_no_others(client, founder):
    manager = member(client, founder, "manager@hg.io", "manager")
    for role in ("manager", "admin"):
        assert refusal(invite(client, manager, role=role)) == (403, "AUTH_005")
    mine, theirs = invite(client, manager).json, invite(client, founder, "boss@hg.io", "admin").json
    assert [item["id"] for item in waiting(client, manager)["items"]] == [mine["id"]]
    path = f"/auth/invitations/{theirs['id']}"
    assert refusal(client.delete(path, headers=with_token(manager))) == (404, "GEN_404")
    assert {item["id"] for item in waiting(client, founder)["items"]} == {mine["id"], theirs["id"]}
    user = member(client, founder, "user2@hg.io", "user")
    assert refusal(invite(client, user)) == (403, "GEN_403")
    assert client.get("/auth/invitations", headers=with_token(user)).status_code == 403
    assert client.post("/auth/invitations", json={"email": "x@hg.io", "role": "user"}).status_code == 401
    answer = client.post("/auth/invitations", json={"email": "x@hg.io", "role": "user"}, headers=service_auth("user"))
    assert answer.status_code == 403


def test_another_organizations_invitations_are_not_there(client, founder):
    made = invite(client, founder).json
    stranger = sign_up(client, "other@hg.io")
    assert waiting(client, stranger)["items"] == []
    answer = client.delete(f"/auth/invitations/{made['id']}", headers=with_token(stranger))
    assert refusal(answer) == (404, "GEN_404")
    assert join(client, made["code"]).json["org_id"] == founder["org_id"]


def test_the_body_gives_no_more_than_the_invitation(client, founder):
    code = invite(client, founder).json["code"]
    assert refusal(join(client, code, role="admin")) == (403, "AUTH_005")
    assert refusal(join(client, code, organization_name="Mine")) == (403, "AUTH_005")
    assert join(client, code, org_id=7).status_code == 422
    assert join(client, code, role="user").status_code == 201


def test_an_account_elsewhere_shows_in_no_answer(client, founder, events):
    """An invitation from another organization shows no difference between addresses with and without an account."""
    sign_up(client, "elsewhere@hg.io")
    seen = {}
    for email in ("elsewhere@hg.io", "nobody.yet@hg.io"):
        made = invite(client, founder, email)
        listed = next(item for item in waiting(client, founder)["items"] if item["id"] == made.json["id"])
        again = invite(client, founder, email)
        gone = client.delete(f"/auth/invitations/{again.json['id']}", headers=with_token(founder))
        assert {**listed, "code": made.json["code"]} == made.json
        shapes = made.json.keys(), len(made.json["code"]), listed.keys()
        seen[email] = (made.status_code, again.status_code, gone.status_code, *shapes)
    assert seen["elsewhere@hg.io"] == seen["nobody.yet@hg.io"]
    assert seen["nobody.yet@hg.io"][:3] == (201, 201, 204)
    invited = [event for event in events() if "invit" in event["action"]]
    recorded = [(event["action"], event["outcome"], event["payload"]) for event in invited]
    assert recorded[:3] == recorded[3:]


def test_an_account_elsewhere_is_told_how_to_accept(start):
    with mailbox() as box:
        client = start(SMTP_URL=box.url())
        who = sign_up(client, "user@hg.io")
        sign_up(client, "elsewhere@hg.io")
        code = invite(client, who, "elsewhere@hg.io").json["code"]
        message = box.wait()[0]
        assert message["To"] == "elsewhere@hg.io"
        assert "user@hg.io invites you" in message.get_content()
        assert "have an account" in message.get_content()
        assert code in message.get_content()


def test_a_member_is_not_invited_and_an_account_uses_up_no_invitation(client, founder):
    assert refusal(invite(client, founder, "USER@hg.io")) == (409, "AUTH_002")
    code = invite(client, founder).json["code"]
    sign_up(client, "ana@hg.io")
    assert refusal(join(client, code)) == (409, "AUTH_002")
    assert len(waiting(client, founder)["items"]) == 1


@pytest.mark.parametrize(("registration", "founds", "invites"), [("invite", 403, 201), ("closed", 403, 403)])
def test_each_registration_mode_accepts_what_it_says(start, founder, client, registration, founds, invites):
    code = invite(client, founder).json["code"]
    stack = start(REGISTRATION=registration)
    founding = stack.post("/auth/register", json={"email": "new@hg.io", "password": PASSWORD})
    assert refusal(founding) == (founds, "AUTH_006")
    assert invite(stack, founder, "b@hg.io").status_code == invites
    assert join(stack, code).status_code == invites
    # an admin can always register a member directly
    assert member(stack, founder, "hand@hg.io", "user")["role"] == "user"


def test_an_invitation_by_a_former_manager_is_invalid(client, founder):
    admin = member(client, founder, "second@hg.io", "admin")
    lower, gone = invite(client, admin, role="manager").json, invite(client, founder, "b@hg.io").json
    change = {"org_id": 1, "user_id": admin["user_id"], "seen_role": "admin", "seen_active": True, "active": True}
    change |= {"actor_id": founder["user_id"], "actor_role": "admin"}
    changed = client.post("/auth/memberships", json={**change, "role": "manager"}, headers=service_auth("user"))
    assert changed.status_code == 200, changed.data
    assert [item["id"] for item in waiting(client, founder)["items"]] == [gone["id"]]
    assert refusal(join(client, lower["code"])) == (403, "AUTH_007")


@pytest.mark.parametrize("ask", [{"org_id": 1, "user_id": 2}, {"org_id": 1}])
def test_an_erasure_removes_invitations_by_and_to_the_person(client, founder, database, ask):
    admin = member(client, founder, "second@hg.io", "admin")
    stranger = sign_up(client, "other@hg.io")
    code = invite(client, admin).json["code"]
    with owner(database) as cursor:  # as if the invitation had been made before the account
        cursor.execute(
            "INSERT INTO heartguard_core.invitations (id, org_id, email, role, code_hash, created_by, created_at,"
            " expires_at) VALUES (gen_random_uuid(), 2, 'second@hg.io', 'user', '\\x00', 3, now(), now() + '1 day')"
        )
    assert kept(database) == 2
    assert client.post("/auth/erasures", json=ask, headers=service_auth("user")).status_code == 200
    assert kept(database) == 0
    assert refusal(join(client, code)) == (403, "AUTH_007")
    assert waiting(client, stranger)["items"] == []


def test_invitations_are_listed_in_pages(client, founder):
    ids = [invite(client, founder, f"p{number}@hg.io").json["id"] for number in range(5)]
    seen, cursor = [], ""
    while cursor is not None:
        page = waiting(client, founder, f"?limit=2{cursor and '&cursor='}{cursor}")
        seen += [item["id"] for item in page["items"]]
        cursor = page["next_cursor"]
    assert seen == ids
    for wrong in ("x", "WyJ4Il0", "WzFd"):
        answer = client.get(f"/auth/invitations?cursor={wrong}", headers=with_token(founder))
        assert refusal(answer) == (422, "GEN_422")


def test_more_than_a_thousand_do_not_wait(client, founder, database):
    with owner(database) as cursor:
        cursor.execute(
            "INSERT INTO heartguard_core.invitations (id, org_id, email, role, code_hash, created_by, created_at,"
            " expires_at) SELECT gen_random_uuid(), 1, n || '@hg.io', 'user', decode(lpad(n::text, 8, '0'), 'hex'), 1,"
            " now(), now() + '1 day' FROM generate_series(1, 1000) n"
        )
    assert refusal(invite(client, founder)) == (409, "AUTH_040")


def test_the_code_is_mailed_to_the_invited_address(start):
    with mailbox() as box:
        client = start(SMTP_URL=box.url())
        who = sign_up(client, "user@hg.io")
        issued = invite(client, who).json["code"]
        message = box.wait()[0]
        assert message["To"] == "ana@hg.io"
        code = re.search(r"([0-9A-Z]{5}-){4}[0-9A-Z]{5}", message.get_content())[0]
        assert code == issued
        assert "user@hg.io invites you" in message.get_content()
        assert "for 7 days" in message.get_content()
        assert join(client, code).status_code == 201
