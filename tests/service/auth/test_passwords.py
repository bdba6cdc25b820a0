"""Change of a password, and reset of a forgotten one."""

import re
from concurrent.futures import ThreadPoolExecutor

import psycopg2
import pytest
from argon2 import PasswordHasher
from lxml import etree

from heartguard_auth.accounts.store.password_hasher import Argon2Hasher
from heartguard_auth.shared.domain import code_digest
from heartguard_common.core.lifecycle import LIFECYCLE
from tests.mail import mailbox
from tests.people import owner
from tests.servers import until
from tests.service.auth.conftest import log_in, sign_up, with_token

NEW = "a better one 2"


def change(client, tokens, current, new):
    body = {"current_password": current, "new_password": new}
    return client.post("/auth/password", json=body, headers=with_token(tokens))


def reset(client, code, new=NEW):
    return client.post("/auth/password/reset", json={"code": code, "new_password": new})


@pytest.fixture
def code(client, founder):
    """A code for the founder, made by the founder."""
    return client.post("/auth/password/code", json={"user_id": 1}, headers=with_token(founder)).json["code"]


def test_a_change_ends_the_other_sessions_and_keeps_this_one(client, founder, events):
    other = log_in(client, "user@hg.io").json
    assert change(client, founder, "Secret123", NEW).status_code == 204
    assert client.get("/auth/profile", headers=with_token(founder)).status_code == 200
    assert client.get("/auth/profile", headers=with_token(other)).status_code == 401
    assert client.post("/auth/refresh", json={"refresh_token": other["refresh_token"]}).status_code == 401
    assert log_in(client, "user@hg.io").status_code == 401
    assert log_in(client, "user@hg.io", NEW).status_code == 200
    event = next(event for event in events() if event["action"] == "auth.password")
    assert (event["outcome"], event["resource"], event["payload"]) == ("success", "user:1", {"ended_sessions": 1})
    assert not any(word in str(events()) for word in (NEW, "Secret123", "user@hg.io"))


def test_a_change_needs_the_current_password(client, founder, events):
    answer = change(client, founder, "Secret124", NEW)
    assert (answer.status_code, answer.json["error"]["code"]) == (403, "AUTH_010")
    last = events()[-1]
    assert (last["action"], last["outcome"], last["reason"]) == ("auth.password", "denied", "AUTH_010")
    assert log_in(client, "user@hg.io").status_code == 200


@pytest.mark.parametrize("new", ["password1", "PASSWORD1", "user@hg.io"])
def test_a_guessable_password_is_not_taken(client, founder, code, new):
    for answer in (change(client, founder, "Secret123", new), reset(client, code, new)):
        assert (answer.status_code, answer.json["error"]["code"]) == (422, "AUTH_004")
        assert answer.json["error"]["details"][0]["path"] == "/new_password"
    assert reset(client, code).status_code == 204  # the code was not used up


def test_of_two_changes_at_once_one_is_made(start, founder):
    app = start().application
    with ThreadPoolExecutor(4) as pool:
        answers = list(
            pool.map(lambda n: change(app.test_client(), founder, "Secret123", f"a better one {n}"), range(4))
        )
    assert sorted(answer.status_code for answer in answers) == [204, 403, 403, 403]


def test_a_login_during_a_change_does_not_survive_it(start, client, founder, database):
    """The login has read the old password; the change commits before it can begin its session."""
    app = start().application
    held = psycopg2.connect(database.superuser_url.replace("postgresql+psycopg2", "postgresql"))
    try:
        with held.cursor() as cursor, ThreadPoolExecutor(1) as pool:
            new = PasswordHasher().hash(NEW)
            cursor.execute("UPDATE heartguard_core.identities SET password_hash = %s WHERE id = 1", (new,))
            login = pool.submit(log_in, app.test_client(), "user@hg.io")
            until(lambda: _waits(database), "the login waits for the row")
            held.commit()
            assert login.result(10).status_code == 401
    finally:
        held.close()


def _waits(database):
    with owner(database) as cursor:
        cursor.execute("SELECT count(*) FROM pg_locks WHERE NOT granted AND locktype = 'transactionid'")
        return cursor.fetchone()[0] > 0


def test_an_admin_hands_over_a_code_that_works_once(client, founder, events):
    body = {"email": "ana@hg.io", "password": "Another-pass-1"}
    client.post("/auth/register", json=body, headers=with_token(founder))
    ana = log_in(client, "ana@hg.io", "Another-pass-1").json
    xml = {**with_token(founder), "Accept": "application/xml", "Content-Type": "application/xml"}
    issued = client.post(
        "/auth/password/code", data=b"<ResetCodeRequest><user_id>2</user_id></ResetCodeRequest>", headers=xml
    )
    code = etree.fromstring(issued.data).findtext("code")
    assert re.fullmatch(r"([0-9A-HJKMNP-TV-Z]{5}-){4}[0-9A-HJKMNP-TV-Z]{5}", code)
    typed = code.lower().replace("-", " ").replace("0", "O").replace("1", "l")
    assert reset(client, typed).status_code == 204
    assert client.get("/auth/profile", headers=with_token(ana)).status_code == 401
    assert log_in(client, "ana@hg.io", NEW).status_code == 200
    assert reset(client, code, "another better one").status_code == 403
    assert log_in(client, "ana@hg.io", NEW).status_code == 200
    done = [(event["action"], event["outcome"], event["resource"]) for event in events()]
    assert ("auth.password_code", "success", "user:2") in done
    assert ("auth.password_reset", "success", "user:2") in done
    assert ("auth.password_reset", "denied", "user:unknown") in done
    assert code not in str(events())


def test_a_code_is_the_own_organizations_admins_to_give(client, founder):
    stranger = sign_up(client, "stranger@hg.io")
    member = {"email": "m@hg.io", "password": "Another-pass-1", "role": "manager"}
    client.post("/auth/register", json=member, headers=with_token(founder))
    manager = log_in(client, "m@hg.io", "Another-pass-1").json
    for tokens, user_id, status in ((stranger, 1, 404), (founder, 999, 404), (manager, 1, 403)):
        answer = client.post("/auth/password/code", json={"user_id": user_id}, headers=with_token(tokens))
        assert answer.status_code == status


def test_a_code_lives_half_an_hour_and_until_the_next(client, founder, code, clock):
    clock.forward(30 * 60 - 1)
    second = client.post("/auth/password/code", json={"user_id": 1}, headers=with_token(founder)).json["code"]
    assert reset(client, code).status_code == 403
    clock.forward(30 * 60)
    assert reset(client, second).status_code == 403


def test_a_password_change_invalidates_the_code(client, founder, code):
    change(client, founder, "Secret123", NEW)
    assert reset(client, code).status_code == 403


def test_twenty_parallel_resets_spend_a_code_once(start, founder, code):
    app = start().application
    with ThreadPoolExecutor(5) as pool:
        answers = list(pool.map(lambda n: reset(app.test_client(), code, f"a better one {n}"), range(20)))
    assert sorted(answer.status_code for answer in answers) == [204] + [403] * 19
    won = next(number for number, answer in enumerate(answers) if answer.status_code == 204)
    assert log_in(app.test_client(), "user@hg.io", f"a better one {won}").status_code == 200


def test_a_code_is_stored_as_a_hash(code, database):
    with owner(database) as cursor:
        cursor.execute("SELECT code_hash, t::text FROM heartguard_core.password_resets t")
        hashed, row = cursor.fetchone()
    assert bytes(hashed) == code_digest(code)
    assert code not in row
    assert code.replace("-", "") not in row


def test_an_inactive_account_is_not_reset(client, founder, code, database):
    with owner(database) as cursor:
        cursor.execute("UPDATE heartguard_core.users SET active = false")
    assert reset(client, code).status_code == 403


@pytest.fixture
def box():
    with mailbox() as server:
        yield server


@pytest.fixture
def writing(start, box):
    """Auth with a mail server, and a founder user@hg.io."""
    client = start(SMTP_URL=box.url())
    sign_up(client, "user@hg.io")
    return client


def forget(client, email):
    return client.post("/auth/password/forgot", json={"email": email})


def test_a_forgotten_password_is_replaced_by_mail(writing, box, events):
    answer = forget(writing, "USER@hg.io")
    assert (answer.status_code, answer.data) == (202, b"")
    message = box.wait()[0]
    assert message["To"] == "user@hg.io"
    code = re.search(r"([0-9A-Z]{5}-){4}[0-9A-Z]{5}", message.get_content())[0]
    assert "within 30 minutes" in message.get_content()
    assert reset(writing, code).status_code == 204
    assert log_in(writing, "user@hg.io", NEW).status_code == 200
    assert ("auth.password_code_sent", "user:1") in {(event["action"], event["resource"]) for event in events()}


def test_unknown_and_known_addresses_get_one_answer_and_only_one_a_mail(writing, box):
    answers = [forget(writing, email) for email in ("nobody@hg.io", "user@hg.io")]
    assert {(answer.status_code, answer.data) for answer in answers} == {(202, b"")}
    assert set(answers[0].headers.keys()) == set(answers[1].headers.keys())
    assert [message["To"] for message in box.wait()] == ["user@hg.io"]


def test_asking_again_and_again_sends_one_mail(writing, box, clock, database):
    for _ in range(5):
        assert forget(writing, "user@hg.io").status_code == 202
    until(lambda: _rests(database), "the mail is sent and the address rests")
    forget(writing, "user@hg.io")
    clock.forward(120)
    forget(writing, "user@hg.io")
    assert len(box.wait(2)) == 2


def _rests(database):
    with owner(database) as cursor:
        cursor.execute("SELECT due_at = expires_at FROM heartguard_core.mail_outbox")
        return cursor.fetchone() == (True,)


def test_a_slow_mail_server_slows_no_answer(writing, box):
    box.hold.clear()
    assert forget(writing, "user@hg.io").status_code == 202  # the server has not accepted the e-mail yet
    assert box.messages == []
    box.hold.set()
    box.wait()


def test_an_email_waits_for_an_unreachable_server_and_survives_a_restart(start, clock):
    with mailbox() as box:
        port, url = box.port, box.url()
    client = start(SMTP_URL=url)  # no server listens there now
    sign_up(client, "user@hg.io")
    forget(client, "user@hg.io")
    client.application.extensions[LIFECYCLE].close()
    clock.forward(600)
    with mailbox(port=port) as back:
        start(SMTP_URL=url)
        assert back.wait()[0]["To"] == "user@hg.io"


def test_without_a_mail_server_the_answer_is_the_same(client, founder, database):
    assert [forget(client, email).status_code for email in ("user@hg.io", "nobody@hg.io")] == [202, 202]
    with owner(database) as cursor:
        cursor.execute("SELECT count(*) FROM heartguard_core.mail_outbox")
        assert cursor.fetchone() == (0,)


def test_a_password_is_hashed_anew_when_the_parameters_have_changed(start, database):
    client = start(hasher=Argon2Hasher())
    sign_up(client, "user@hg.io")
    weak = PasswordHasher(time_cost=1, memory_cost=8 * 1024, parallelism=1)
    with owner(database) as cursor:
        cursor.execute("UPDATE heartguard_core.identities SET password_hash = %s", (weak.hash("Secret123"),))
    assert log_in(client, "user@hg.io", "wrong password").status_code == 401
    assert "m=8192,t=1" in stored_hash(database)
    assert log_in(client, "user@hg.io").status_code == 200
    assert "m=19456,t=2" in stored_hash(database)
    assert log_in(client, "user@hg.io").status_code == 200


def stored_hash(database):
    with owner(database) as cursor:
        cursor.execute("SELECT password_hash FROM heartguard_core.identities")
        return cursor.fetchone()[0]
