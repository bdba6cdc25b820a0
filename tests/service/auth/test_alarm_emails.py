"""E-mails of the alarm service: one for each id, and what has become of it."""

import uuid
from typing import Any

from flask.testing import FlaskClient

from heartguard_auth.settings import Settings
from heartguard_auth.wiring import create_app
from heartguard_common.core.lifecycle import LIFECYCLE
from tests.mail import mailbox
from tests.people import LIGHT, found, identify, join
from tests.servers import Database, until
from tests.tokens import service_auth, settings_environ


def send(client: FlaskClient, email_id: str, org: int, **more: Any) -> Any:
    document = {"id": email_id, "org_id": org, "subject": "An alarm", "text": "Somebody called.", **more}
    return client.post("/auth/alarm-emails", json=document, headers=service_auth("alarm"))


def test_an_id_is_one_e_mail_and_is_remembered(database: Database, redis_url: str) -> None:
    org = found(database)
    ann, gone = join(database, org), join(database, org, active=False)
    stranger = join(database, found(database))
    for member in (ann, gone, stranger):
        identify(database, member, "none")
    with mailbox() as inbox:
        app = create_app(
            Settings.from_env(
                settings_environ(
                    "auth", database, redis_url, SMTP_URL=inbox.url(), LIMITS="codes_per_recipient_per_day=1"
                )
            ),
            hasher=LIGHT,
        )
        try:
            client, one, two = app.test_client(), str(uuid.uuid4()), str(uuid.uuid4())
            assert send(client, one, org, user_id=ann).get_json() == {"status": "waiting", "attempts": 0}
            until(lambda: send(client, one, org, user_id=ann).get_json()["status"] == "sent", "the e-mail")
            inbox.refused["ward@clinic.example"] = "550 no such mailbox"
            send(client, two, org, address="ward@clinic.example")
            until(lambda: send(client, two, org, address="ward@clinic.example").get_json()["status"] == "failed", "it")
            state = send(client, two, org, address="ward@clinic.example").get_json()
            assert state == {"status": "failed", "attempts": 1, "error": "SMTP 550: the recipient is refused"}
            for nobody in (gone, stranger, 999_999):
                refused = send(client, str(uuid.uuid4()), org, user_id=nobody)
                assert (refused.status_code, refused.get_json()["error"]["code"]) == (409, "AUTH_085")
            codes = [send(client, str(uuid.uuid4()), org, address="w@clinic.example", verifies=True) for _ in range(2)]
            assert [it.get_json()["status"] for it in codes] == ["waiting", "failed"]
            inbox.wait(2)
            assert inbox.messages[0]["Message-ID"].startswith(f"<{one}@")
        finally:
            app.extensions[LIFECYCLE].close()


def test_without_a_mail_server_nothing_is_sent(client: FlaskClient, database: Database) -> None:
    org = found(database)
    state = send(client, str(uuid.uuid4()), org, address="ward@clinic.example", verifies=True).get_json()
    assert state == {"status": "failed", "attempts": 0, "error": "no mail server is configured"}
