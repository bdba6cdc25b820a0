"""From a stored point to a message that a real SMTP server has received."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.mail import Mailbox, mailbox
from tests.people import identify, join, owner
from tests.running_services import RunningServices, running_services
from tests.servers import Database, until

from .test_evaluation import Ward, act, read, steady


@pytest.fixture
def inbox() -> Iterator[Mailbox]:
    with mailbox() as found:
        yield found


@pytest.fixture
def stack(database: Database, redis_url: str, inbox: Mailbox) -> Iterator[RunningServices]:
    with running_services(database, redis_url, "auth", "influx", "alarm", SMTP_URL=inbox.url()) as running:
        yield running


class Notified(Ward):
    """A ward whose doctor gets e-mails."""

    def __init__(self, stack: RunningServices, database: Database) -> None:
        super().__init__(stack, database)
        self.doctor = self.member_with("doctor@clinic.example")

    def member_with(self, email: str) -> int:
        member = join(self.database, self.org, "manager", email=email, full_name="Dr. Ruiz")
        identify(self.database, member, "none")
        return member

    def ask(self, method: str, path: str, document: Any = None, status: int = 200) -> Any:
        answer = self.stack.client("alarm").open(f"/alarms{path}", method=method, json=document, headers=self.admin)
        assert answer.status_code == status, answer.data
        return answer.get_json()

    def channel(self, member: int | None = None, **more: Any) -> str:
        asked = {"name": "Doctor", "kind": "email", "user_id": member or self.doctor, **more}
        return str(self.ask("POST", "/channels", asked, 201)["id"])

    def policy(self, *steps: tuple[int, list[str]], **more: Any) -> str:
        asked = {"name": "Ward", "steps": [{"after_seconds": after, "channels": its} for after, its in steps]}
        settings = {"group_wait_seconds": 0, "repeat_seconds": 0, "default": True, **more}
        return str(self.ask("POST", "/policies", asked | settings, 201)["id"])

    def alarm(self) -> str:
        """The id of the newest alarm, once there is one."""
        self.settle()
        return str(read(self).get_json()["items"][0]["id"])

    def notifications(self, alarm: str) -> list[dict[str, Any]]:
        return list(self.ask("GET", f"/{alarm}/notifications")["items"])

    def statuses(self, alarm: str) -> list[str]:
        return [it["status"] for it in self.notifications(alarm)]

    def raise_alarm(self) -> str:
        self.make()
        self.write(*steady(0, 120, 130))
        return self.alarm()


@pytest.fixture
def notified(stack: RunningServices, database: Database) -> Notified:
    return Notified(stack, database)


def test_a_member_gets_an_e_mail_with_a_link_and_without_name_or_value(notified: Notified, inbox: Mailbox) -> None:
    notified.policy((0, [notified.channel()]))
    alarm = notified.raise_alarm()
    message = inbox.wait()[0]
    assert inbox.recipients == ["doctor@clinic.example"]
    assert message["Subject"] == "HeartGuard: 1 alarm (warning)"
    text = message.get_content()
    assert f"http://heartguard.test/portal/#/alarms/{alarm}" in text
    assert not any(it in text for it in ("130", "bpm", "High", "user:"))
    until(lambda: notified.statuses(alarm) == ["sent"], "the state of the message")
    [sent] = notified.notifications(alarm)
    assert message["Message-ID"].startswith(f"<{sent['message_id']}@")
    actions = notified.rows("SELECT event::jsonb ->> 'action' FROM $audit_outbox")
    assert ("alarm.notified",) in actions
    assert notified.rows("SELECT count(*) FROM $alarm_escalations") == [(0,)]


def test_the_next_step_follows_until_somebody_acknowledges(notified: Notified, inbox: Mailbox) -> None:
    chief = notified.channel(notified.member_with("chief@clinic.example"))
    first = notified.channel()
    notified.policy((0, [first]), (3600, [chief]), (7200, [first, chief]))
    alarm = notified.raise_alarm()
    inbox.wait()
    pass_time(notified)
    inbox.wait(2)
    assert inbox.recipients == ["doctor@clinic.example", "chief@clinic.example"]
    assert notified.transitions() == ["raised", "escalated"]
    assert act(notified, alarm, "acknowledge").status_code == 200
    pass_time(notified)
    until(lambda: notified.rows("SELECT count(*) FROM $alarm_escalations") == [(0,)], "the end of the escalation")
    assert [(it["step"], it["channel_id"]) for it in notified.notifications(alarm)] == [(0, first), (1, chief)]


def pass_time(notified: Notified) -> None:
    """As if the time of the next step had come."""
    until(lambda: bool(notified.rows("SELECT 1 FROM $alarm_escalations WHERE due_at > now()")), "the next step")
    with owner(notified.database) as cursor:
        cursor.execute("UPDATE heartguard_core.alarm_escalations SET due_at = now()")
