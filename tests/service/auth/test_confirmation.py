"""Confirmation of e-mail addresses by a code."""

import re

import pytest

from heartguard_auth.settings import Settings
from heartguard_common.core.settings import SettingsError
from tests.mail import mailbox
from tests.service.auth.conftest import log_in, sign_up, with_token

DAY = 86_400


def refusal(answer):
    return answer.status_code, answer.json["error"]["code"]


def code_in(message):
    return re.search(r"([0-9A-Z]{5}-){4}[0-9A-Z]{5}", message.get_content())[0]


def confirm(client, code):
    return client.post("/auth/email/confirm", json={"code": code})


def confirmed(client, tokens):
    return client.get("/auth/memberships/mine", headers=with_token(tokens)).json["email_confirmed"]


def test_a_code_confirms_an_address_once(start, events):
    with mailbox() as box:
        client = start(SMTP_URL=box.url())
        who = sign_up(client, "user@hg.io")
        assert not confirmed(client, who)
        for email in ("nobody@hg.io", "USER@hg.io"):
            assert client.post("/auth/email/code", json={"email": email}).status_code == 202
        message = box.wait()[0]
        assert (message["To"], message["Subject"]) == ("user@hg.io", "Confirm your e-mail address")
        assert refusal(confirm(client, "7V2KX-9QM4Z-R1TB8-WN5YC-3HF6G")) == (403, "AUTH_074")
        assert confirm(client, code_in(message).lower()).status_code == 204
        assert refusal(confirm(client, code_in(message))) == (403, "AUTH_074")
        assert confirmed(client, who)
        said = [(it["action"], it["outcome"], it["org_id"]) for it in events() if "email" in it["action"]]
        assert ("auth.email_confirmed", "success", who["org_id"]) in said
        assert code_in(message) not in str(events())


def test_a_code_is_valid_for_a_day(start, clock):
    with mailbox() as box:
        client = start(SMTP_URL=box.url())
        sign_up(client, "user@hg.io")
        client.post("/auth/email/code", json={"email": "user@hg.io"})
        code = code_in(box.wait()[0])
        clock.forward(DAY + 1)
        assert refusal(confirm(client, code)) == (403, "AUTH_074")


def test_a_reset_by_e_mail_confirms_and_one_by_an_admin_does_not(start):
    with mailbox() as box:
        client = start(SMTP_URL=box.url())
        who = sign_up(client, "user@hg.io")
        issued = client.post("/auth/password/code", json={"user_id": who["user_id"]}, headers=with_token(who))
        reset = {"code": issued.json["code"], "new_password": "a better one 2"}
        assert client.post("/auth/password/reset", json=reset).status_code == 204
        assert not confirmed(client, log_in(client, "user@hg.io", "a better one 2").json)
        client.post("/auth/password/forgot", json={"email": "user@hg.io"})
        reset = {"code": code_in(box.wait()[0]), "new_password": "a better one 3"}
        assert client.post("/auth/password/reset", json=reset).status_code == 204
        assert confirmed(client, log_in(client, "user@hg.io", "a better one 3").json)


def test_a_login_can_wait_for_the_confirmation(start):
    with mailbox() as box:
        client = start(SMTP_URL=box.url(), EMAIL_CONFIRMATION="login")
        body = {"email": "user@hg.io", "password": "Secret123"}
        assert client.post("/auth/register", json=body).status_code == 201
        assert refusal(log_in(client, "user@hg.io")) == (403, "AUTH_073")
        assert refusal(log_in(client, "user@hg.io", "Another-pass-1")) == (401, "AUTH_001")
        assert confirm(client, code_in(box.wait()[0])).status_code == 204
        assert log_in(client, "user@hg.io").status_code == 200


def test_invitations_can_wait_for_the_confirmation(start):
    with mailbox() as box:
        client = start(SMTP_URL=box.url(), EMAIL_CONFIRMATION="memberships")
        who = sign_up(client, "user@hg.io")
        invite = {"email": "ana@hg.io", "role": "user"}
        assert refusal(client.post("/auth/invitations", json=invite, headers=with_token(who))) == (403, "AUTH_073")
        assert confirm(client, code_in(box.wait()[0])).status_code == 204
        ana = sign_up(client, "ana@hg.io", "Another-pass-1")
        code = client.post("/auth/invitations", json=invite, headers=with_token(who)).json["code"]
        accept = {"code": code}
        assert refusal(client.post("/auth/invitations/accept", json=accept, headers=with_token(ana))) == (
            403,
            "AUTH_073",
        )


def test_without_a_mail_server_nobody_could_confirm(environ):
    with pytest.raises(SettingsError, match="needs SMTP_URL"):
        Settings.from_env({**environ, "EMAIL_CONFIRMATION": "login"})
