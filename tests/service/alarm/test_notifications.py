"""From a stored point to a message that a real SMTP server has received."""

import importlib
import json
import re
from datetime import timedelta

from heartguard_alarm.settings import Settings
from heartguard_common.core.lifecycle import LIFECYCLE
from tests.mail import Mailbox
from tests.people import join, limit, owner
from tests.running_services import RunningServices
from tests.servers import Database, until
from tests.tokens import service_auth, settings_environ

from .notified import Notified, in_days, pass_time
from .test_evaluation import Ward, act, read, steady


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


def test_clearing_stops_repeats(notified: Notified, inbox: Mailbox) -> None:
    notified.policy((0, [notified.channel()]), repeat_seconds=3600)
    alarm = notified.raise_alarm()
    inbox.wait()
    pass_time(notified)
    inbox.wait(2)
    until(lambda: notified.statuses(alarm) == ["sent", "sent"], "two messages")
    assert [(it["step"], it["repeat"]) for it in notified.notifications(alarm)] == [(0, 0), (0, 1)]
    notified.write(*steady(130, 250, 100))
    notified.settle()
    pass_time(notified)
    until(lambda: notified.rows("SELECT count(*) FROM $alarm_escalations") == [(0,)], "the end of the repeats")
    assert len(inbox.messages) == 2


def test_alarms_of_one_group_wait_are_one_message_and_a_cleared_one_is_none(notified: Notified, inbox: Mailbox) -> None:
    notified.policy((0, [notified.channel()]), group_wait_seconds=3600, details=True)
    first = notified.raise_alarm()
    notified.make(name="Higher", threshold=125, severity="critical")
    notified.write(*steady(130, 140, 130))
    notified.settle()
    second = notified.alarm()
    assert first != second
    due = notified.rows("SELECT DISTINCT due_at > now() + interval '3000 s' FROM $alarm_escalations")
    assert due == [(True,)]
    assert len(notified.rows("SELECT DISTINCT due_at FROM $alarm_escalations")) == 1
    other = join(notified.database, notified.org, "user", full_name="Ann\nLee")
    notified.write(*steady(0, 120, 130), user_id=str(other))
    notified.settle()
    [cleared] = {it["id"] for it in read(notified, f"?user_id={other}&severity=critical").get_json()["items"]}
    notified.write(*steady(130, 250, 100), user_id=str(other))
    notified.settle()
    pass_time(notified)
    message = inbox.wait()[0]
    assert message["Subject"] == "HeartGuard: 2 alarms (critical)"
    text = message.get_content()
    assert [it for it in (first, second, cleared) if f"#/alarms/{it}" in text] == [first, second]
    assert text.index(second) < text.index(first)
    assert f"- critical: user:{notified.member}: heart_rate bpm 130 (Higher)" in text
    assert notified.notifications(cleared) == []
    until(lambda: notified.statuses(first) == notified.statuses(second) == ["sent"], "the state of the message")
    assert len({notified.notifications(it)[0]["message_id"] for it in (first, second)}) == 1
    assert len(inbox.messages) == 1


def test_a_retrospective_alarm_notifies_nobody_and_an_ended_one_somebody(notified: Notified, inbox: Mailbox) -> None:
    notified.policy((0, [notified.channel()]), (600, [notified.channel()]))
    notified.begin -= timedelta(minutes=60)
    notified.make()
    notified.write(*steady(0, 120, 130), *steady(130, 250, 100))
    notified.settle()
    assert notified.rows("SELECT retrospective FROM $alarm_episodes") == [(True,)]
    assert notified.rows("SELECT count(*) FROM $alarm_escalations") == [(0,)]
    notified.begin += timedelta(minutes=50)
    notified.write(*steady(0, 120, 130), *steady(130, 250, 100))
    inbox.wait()
    assert notified.alarm() in inbox.messages[0].get_content()
    pass_time(notified)
    until(lambda: notified.rows("SELECT count(*) FROM $alarm_escalations") == [(0,)], "the end")
    assert len(inbox.messages) == 1


def test_an_alarm_that_is_active_again_goes_on_with_the_next_step(notified: Notified, inbox: Mailbox) -> None:
    chief = notified.channel(notified.member_with("chief@clinic.example"))
    notified.policy((0, [notified.channel()]), (7200, [chief]), group_wait_seconds=3600)
    alarm = notified.raise_alarm()
    for recipients in (["doctor@clinic.example"], ["doctor@clinic.example", "chief@clinic.example"]):
        notified.write(*steady(130, 250, 100))
        notified.settle()
        pass_time(notified)
        until(lambda: notified.rows("SELECT count(*) FROM $alarm_escalations") == [(0,)], "the end")
        assert inbox.recipients == recipients[:-1]
        notified.write(*steady(130, 250, 130))  # late: what had cleared it was wrong
        notified.settle()
        pass_time(notified)
        inbox.wait(len(recipients))
        assert inbox.recipients == recipients
        until(lambda: set(notified.statuses(alarm)) == {"sent"}, "the state of the messages")
    assert [it["step"] for it in notified.notifications(alarm)] == [0, 1]
    assert notified.transitions().count("escalated") == 1


def test_an_alarm_keeps_being_notified_when_a_later_one_is_merged_into_it(notified: Notified, inbox: Mailbox) -> None:
    notified.policy((0, [notified.channel()]), group_wait_seconds=3600)
    first = notified.raise_alarm()
    notified.write(*steady(130, 250, 100))
    notified.settle()
    pass_time(notified)
    until(lambda: notified.rows("SELECT count(*) FROM $alarm_escalations") == [(0,)], "the end of the first one")
    notified.write(*steady(260, 400, 130))
    second = notified.alarm()
    notified.write(*steady(130, 250, 130))
    notified.settle()
    assert first != second
    assert notified.rows("SELECT id::text FROM $alarm_episodes WHERE withdrawn_at IS NULL") == [(first,)]
    pass_time(notified)
    assert f"#/alarms/{first}" in inbox.wait()[0].get_content()


def test_messages_are_in_the_language_of_the_recipient(notified: Notified, inbox: Mailbox) -> None:
    with owner(notified.database) as cursor:
        cursor.execute(
            "INSERT INTO heartguard_core.user_preferences (user_id, key, value, position)"
            """ VALUES (%s, 'language', '"es"', 0)""",
            (notified.doctor,),
        )
    notified.policy((0, [notified.channel(language="en")]))
    notified.raise_alarm()
    assert inbox.wait()[0]["Subject"] == "HeartGuard: 1 alarma (aviso)"


def test_an_address_gets_nothing_but_a_code_before_it_is_verified(notified: Notified, inbox: Mailbox) -> None:
    asked = {"name": "Ward", "kind": "email", "address": "ward@clinic.example", "language": "es"}
    channel = notified.ask("POST", "/channels", asked, 201)
    assert (channel["shown"], channel["verified"]) == ("w...@clinic.example", False)
    assert "ward@clinic" not in str(notified.rows("SELECT * FROM $alarm_channels"))
    code = re.search(r"[2-9A-Z]{5}-[2-9A-Z]{5}", inbox.wait()[0].get_content())
    assert code is not None
    steps = [{"after_seconds": 0, "channels": [channel["id"]]}]
    refused = notified.ask("POST", "/policies", {"name": "Ward", "steps": steps}, 422)
    assert [it["path"] for it in refused["error"]["details"]] == ["/steps/0/channels/0"]
    notified.ask("POST", f"/channels/{channel['id']}/test", status=409)
    for _ in range(4):
        notified.ask("POST", f"/channels/{channel['id']}/verify", {"code": "AAAAA-AAAAA"}, 422)
    found = notified.ask("POST", f"/channels/{channel['id']}/verify", {"code": code[0].lower().replace("-", " ")})
    assert found["verified"]
    notified.policy((0, [channel["id"]]))
    notified.raise_alarm()
    inbox.wait(2)
    assert inbox.recipients[1] == "ward@clinic.example"
    assert inbox.messages[1]["Subject"].startswith("HeartGuard: 1 alarma")
    notified.ask("DELETE", f"/channels/{channel['id']}", status=409)


def test_five_wrong_codes_are_the_end_of_a_code_and_another_can_be_sent(notified: Notified, inbox: Mailbox) -> None:
    channel = notified.ask("POST", "/channels", {"name": "W", "kind": "email", "address": "w@clinic.example"}, 201)
    path = f"/channels/{channel['id']}"
    code = re.search(r"[2-9A-Z]{5}-[2-9A-Z]{5}", inbox.wait()[0].get_content())
    for _ in range(5):
        notified.ask("POST", f"{path}/verify", {"code": "AAAAA-AAAAA"}, 422)
    assert code is not None
    notified.ask("POST", f"{path}/verify", {"code": code[0]}, 422)
    assert not notified.ask("POST", f"{path}/code")["verified"]
    inbox.wait(2)
    assert inbox.recipients[1] == "w@clinic.example"
    later = re.search(r"[2-9A-Z]{5}-[2-9A-Z]{5}", inbox.messages[1].get_content())
    assert later is not None
    notified.ask("POST", f"{path}/verify", {"code": code[0]}, 422)
    assert notified.ask("POST", f"{path}/verify", {"code": later[0]})["verified"]
    assert notified.ask("POST", f"{path}/code")["verified"]
    notified.raise_alarm()  # what would have been sent for the last request would be sent before its message
    assert len(inbox.messages) == 2


def test_codes_that_are_sent_again_count_as_messages_of_the_day(notified: Notified, inbox: Mailbox) -> None:
    channel = notified.ask("POST", "/channels", {"name": "W", "kind": "email", "address": "w@clinic.example"}, 201)
    limit(notified.database, notified.org, alarm_channel_tests_per_day=1)
    notified.ask("POST", f"/channels/{channel['id']}/code")
    refused = notified.ask("POST", f"/channels/{channel['id']}/code", status=429)
    assert refused["error"]["code"] == "GEN_429_LIMIT"
    assert len(inbox.wait(2)) == 2


def test_a_channel_that_fails_is_told_of_by_another(notified: Notified, inbox: Mailbox) -> None:
    chief = notified.channel(notified.member_with("chief@clinic.example"), name="Chief")
    doctor = notified.channel(name="Doctor's mail")
    notified.policy((0, [doctor]), (3600, [chief]))
    inbox.refused["doctor@clinic.example"] = "550 no such mailbox"
    alarm = notified.raise_alarm()
    message = inbox.wait()[0]
    assert inbox.recipients == ["chief@clinic.example"]
    assert message["Subject"] == "HeartGuard can't reach the channel Doctor's mail"
    assert f"#/alarms/{alarm}" in message.get_content()
    [failed] = notified.notifications(alarm)
    assert (failed["status"], failed["error"]) == ("failed", "SMTP 550: the recipient is refused")
    letters = notified.rows("SELECT queue, item, due_at FROM $dead_letters WHERE service = 'alarm'")
    assert letters == [("messages", failed["message_id"], None)]


def test_a_message_that_was_sent_but_not_recorded_keeps_its_id(notified: Notified, inbox: Mailbox) -> None:
    notified.policy((0, [notified.channel()]))
    alarm = notified.raise_alarm()
    until(lambda: notified.statuses(alarm) == ["sent"], "the message")
    # As if alarm and auth had been killed after the mail server took it, and before either had stored that.
    with owner(notified.database) as cursor:
        cursor.execute("DELETE FROM heartguard_core.mail_outbox")
        cursor.execute("UPDATE heartguard_core.alarm_messages SET status = 'waiting', ended_at = NULL, due_at = now()")
    inbox.wait(2)
    assert inbox.messages[0]["Message-ID"] == inbox.messages[1]["Message-ID"]
    until(lambda: notified.statuses(alarm) == ["sent"], "the message again")
    with owner(notified.database) as cursor:  # and where only alarm was: auth knows that it was sent
        cursor.execute("UPDATE heartguard_core.alarm_messages SET status = 'waiting', ended_at = NULL, due_at = now()")
    until(lambda: notified.statuses(alarm) == ["sent"], "the message a third time")
    assert len(inbox.messages) == 2


def test_two_processes_make_and_send_each_message_once(notified: Notified, inbox: Mailbox) -> None:
    channels = [notified.channel(notified.member_with(f"doctor{number}@clinic.example")) for number in range(5)]
    notified.policy((0, channels), (3600, channels))
    second = importlib.import_module("heartguard_alarm.wiring").create_app(
        Settings.from_env(
            settings_environ("alarm", notified.database, notified.stack.redis_url, **notified.stack.environ)
        )
    )
    try:
        alarm = notified.raise_alarm()
        until(lambda: notified.statuses(alarm) == ["sent"] * 5, "the first step")
        pass_time(notified)
        until(lambda: notified.statuses(alarm) == ["sent"] * 10, "the second step")
    finally:
        second.extensions[LIFECYCLE].close()
    assert len(inbox.messages) == len({it["Message-ID"] for it in inbox.messages}) == 10
    assert notified.rows("SELECT count(*) FROM $alarm_messages") == [(10,)]


def test_what_is_due_beyond_the_limit_waits_and_is_not_lost(notified: Notified, inbox: Mailbox) -> None:
    limit(notified.database, notified.org, alarm_messages_per_hour=0)
    notified.policy((0, [notified.channel()]))
    alarm = notified.raise_alarm()
    later = "SELECT due_at > now() + interval '30 s' FROM $alarm_escalations"
    until(lambda: notified.rows(later) == [(True,)], "a step that waits")
    assert notified.statuses(alarm) == []
    limit(notified.database, notified.org, alarm_messages_per_hour=1)
    pass_time(notified)
    inbox.wait()


def test_an_alarm_that_is_acknowledged_before_its_message_is_sent(notified: Notified, inbox: Mailbox) -> None:
    notified.policy((0, [notified.channel()]))
    notified.stack.closed.add("auth")
    alarm = notified.raise_alarm()
    # An attempt that has begun may still be made when auth answers again.
    failed = "an attempt that has failed, after which the message waits"
    until(lambda: ["error" in it for it in notified.notifications(alarm)] == [True], failed)
    assert notified.statuses(alarm) == ["waiting"]
    assert act(notified, alarm, "acknowledge").status_code == 200
    notified.stack.closed.clear()
    with owner(notified.database) as cursor:
        cursor.execute("UPDATE heartguard_core.alarm_messages SET due_at = now()")
    until(lambda: notified.statuses(alarm) == ["cancelled"], "the end of the message")
    assert inbox.messages == []


def test_a_deleted_person_is_in_no_channel_policy_or_message(notified: Notified, inbox: Mailbox) -> None:
    channels = notified.channel(), notified.channel(notified.member_with("chief@clinic.example"))
    policy = notified.policy((0, [channels[0]]), (600, list(channels)))
    silence = {"user_id": notified.member, "reason": "An exercise test.", "ends_at": in_days(1)}
    notified.raise_alarm()
    inbox.wait()
    notified.ask("POST", "/silences", silence, 201)
    for person, kinds in ((notified.member, {"alarm", "alarm_silence"}), (notified.doctor, {"alarm_channel"})):
        path = f"/alarms/exports?org_id={notified.org}&user_id={person}"
        lines = notified.stack.client("alarm").get(path, headers=service_auth("user")).data.splitlines()
        assert {json.loads(it)["kind"] for it in lines} == {*kinds, "end"}
        document = {"org_id": notified.org, "user_id": person}
        erased = notified.stack.client("alarm").post("/alarms/erasures", json=document, headers=service_auth("user"))
        assert erased.status_code == 200, erased.data
    tables = ("alarm_notifications", "alarm_escalations", "alarm_silences", "alarm_episodes")
    assert [notified.rows(f"SELECT count(*) FROM ${it}") for it in tables] == [[(0,)]] * 4
    assert [it["id"] for it in notified.ask("GET", "/channels")["items"]] == [channels[1]]
    steps = notified.ask("GET", f"/policies/{policy}")["steps"]
    assert steps == [{"after_seconds": 600, "channels": [channels[1]]}]
    whole = notified.stack.client("alarm").post(
        "/alarms/erasures", json={"org_id": notified.org}, headers=service_auth("organization")
    )
    assert whole.status_code == 200, whole.data
    left = ("alarm_channels", "alarm_policies", "alarm_messages")
    assert [notified.rows(f"SELECT count(*) FROM ${it}") for it in left] == [[(0,)]] * 3


def test_what_fails_for_one_organization_does_not_stop_the_others(
    notified: Notified, inbox: Mailbox, mail_stack: RunningServices, database: Database
) -> None:
    notified.policy((0, [notified.channel()]), group_wait_seconds=3600)
    notified.raise_alarm()
    with owner(database) as cursor:  # nothing that a request could store
        cursor.execute("UPDATE heartguard_core.alarm_policies SET settings = '{}'")
    pass_time(notified)
    other = Notified.__new__(Notified)
    Ward.__init__(other, mail_stack, database)
    other.doctor = other.member_with("other@clinic.example")
    other.policy((0, [other.channel()]))
    other.raise_alarm()
    inbox.wait()
    assert inbox.recipients == ["other@clinic.example"]
