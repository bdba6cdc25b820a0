"""What holds messages back: silences and quiet hours."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from flask.testing import FlaskClient

from tests.mail import Mailbox
from tests.servers import until

from .conftest import Auth
from .notified import Notified, in_days
from .test_evaluation import steady

DAYS = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]


def test_a_silenced_alarm_is_notified_when_the_silence_is_ended(notified: Notified, inbox: Mailbox) -> None:
    notified.policy((0, [notified.channel()]), (600, [notified.channel()]))
    other = {"user_id": notified.doctor, "reason": "on leave", "ends_at": in_days(1)}
    notified.ask("POST", "/silences", other, 201)
    asked = {"user_id": notified.member, "reason": "An exercise test.", "ends_at": in_days(1)}
    silence = notified.ask("POST", "/silences", asked, 201)
    alarm = notified.raise_alarm()
    until(lambda: notified.statuses(alarm) == ["silenced"], "the silenced message")
    assert (len(notified.ask("GET", "/silences")["items"]), inbox.messages) == (2, [])
    notified.ask("DELETE", f"/silences/{silence['id']}", status=204)
    inbox.wait()
    until(lambda: notified.statuses(alarm) == ["sent"], "the message after the silence")
    notified.ask("DELETE", f"/silences/{silence['id']}", status=404)


@pytest.mark.parametrize(
    ("asked", "path"),
    [
        ({"ends_at": "2026-01-01T00:00:00Z"}, "/ends_at"),
        ({"starts_at": "2030-01-01T00:00:00Z", "ends_at": "2030-02-01T00:00:00Z"}, "/ends_at"),
        ({"user_id": 999_999, "ends_at": "soon"}, "/user_id"),
        ({"rule_id": "0198c0de-0000-7000-8000-000000000000", "ends_at": "soon"}, "/rule_id"),
    ],
)
def test_a_silence_that_makes_no_sense_is_refused(client: FlaskClient, auth: Auth, asked: Any, path: str) -> None:
    document = {"reason": "why not", **asked}
    document["ends_at"] = document["ends_at"].replace("soon", in_days(1))
    answer = client.post("/alarms/silences", json=document, headers=auth["manager"])
    assert (answer.status_code, answer.get_json()["error"]["code"]) == (422, "ALARM_014")
    assert [it["path"] for it in answer.get_json()["error"]["details"]] == [path]


def test_quiet_hours_hold_back_what_is_not_critical(notified: Notified, inbox: Mailbox) -> None:
    now = datetime.now(UTC)
    begin, end = now - timedelta(hours=1), now + timedelta(hours=2)
    quiet = {"zone": "UTC", "ranges": [{"days": DAYS, "start": f"{begin:%H:%M}", "stop": f"{end:%H:%M}"}]}
    notified.policy((0, [notified.channel()]), quiet_hours=quiet)
    alarm = notified.raise_alarm()
    minute = end.replace(second=0, microsecond=0)
    held = "SELECT due_at FROM $alarm_escalations"
    until(lambda: notified.rows(held) == [(minute,)], "the end of the quiet hours as the time of the step")
    assert notified.statuses(alarm) == []
    notified.make(name="Very high", threshold=125, severity="critical")
    notified.write(*steady(130, 140, 130))
    assert inbox.wait()[0]["Subject"] == "HeartGuard: 1 alarm (critical)"
    assert notified.rows(held) == [(minute,)]
