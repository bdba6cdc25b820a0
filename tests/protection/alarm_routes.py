"""Requests to the routes of alarms, and to those that feed them, for the matrix."""

import uuid

from tests.protection.callers import DAY, RULE, SILENCE, Ask, Situation, asks


@asks("POST", "/alarms/rules")
def make_rule(_: Situation) -> Ask:
    return Ask("/alarms/rules", "AlarmRuleRequest", RULE)


@asks("POST", "/alarms/rules/defaults")
def add_default_rules(_: Situation) -> Ask:
    return Ask("/alarms/rules/defaults")


@asks("GET", "/alarms/rules/{rule_id}")
@asks("DELETE", "/alarms/rules/{rule_id}")
def ask_for_rule(case: Situation) -> Ask:
    return Ask(f"/alarms/rules/{case.thing('alarm rule', case.admin)}")


@asks("PATCH", "/alarms/rules/{rule_id}")
def change_rule(case: Situation) -> Ask:
    return Ask(f"/alarms/rules/{case.thing('alarm rule', case.admin)}", "AlarmRuleUpdate", {"threshold": 125})


@asks("POST", "/timeseries/changes")
def take_changes(_: Situation) -> Ask:
    return Ask("/timeseries/changes", "ChangeClaim", {"limit": 1})


@asks("POST", "/timeseries/readings")
def read_readings(case: Situation) -> Ask:
    whom = {"org_id": case.me.org_id, "user_id": case.me.user_id, "measurement": "heart_rate"}
    return Ask("/timeseries/readings", "ReadingsRequest", {**whom, **DAY})


NO_ALARM = "/alarms/0198c0de-0000-7000-8000-000000000000"


@asks("GET", "/alarms/{alarm_id}")
def read_alarm(_: Situation) -> Ask:
    return Ask(NO_ALARM)


@asks("POST", "/alarms/{alarm_id}/acknowledge")
def acknowledge_alarm(_: Situation) -> Ask:
    return Ask(f"{NO_ALARM}/acknowledge", "AlarmAcknowledgement", {"note": "on my way"})


@asks("POST", "/alarms/{alarm_id}/notes")
def note_alarm(_: Situation) -> Ask:
    return Ask(f"{NO_ALARM}/notes", "AlarmNote", {"note": "called"})


@asks("POST", "/alarms/{alarm_id}/close")
def close_alarm(_: Situation) -> Ask:
    return Ask(f"{NO_ALARM}/close", "AlarmClosure", {"reason": "a loose strap"})


@asks("POST", "/alarms/rules/rehearse")
def rehearse_rule(case: Situation) -> Ask:
    return Ask("/alarms/rules/rehearse", "AlarmRehearsalRequest", {"rule": RULE, "user_id": case.me.user_id, **DAY})


@asks("POST", "/alarms/channels")
def make_channel(case: Situation) -> Ask:
    asked = {"name": "Doctor", "kind": "email", "user_id": case.me.user_id}
    return Ask("/alarms/channels", "AlarmChannelRequest", asked)


@asks("GET", "/alarms/channels/{channel_id}")
@asks("DELETE", "/alarms/channels/{channel_id}")
def ask_for_channel(case: Situation) -> Ask:
    return Ask(f"/alarms/channels/{case.thing('alarm channel', case.admin)}")


@asks("PATCH", "/alarms/channels/{channel_id}")
def change_channel(case: Situation) -> Ask:
    path = f"/alarms/channels/{case.thing('alarm channel', case.admin)}"
    return Ask(path, "AlarmChannelUpdate", {"language": "es"})


@asks("POST", "/alarms/channels/{channel_id}/verify")
def verify_channel(case: Situation) -> Ask:
    path = f"/alarms/channels/{case.thing('alarm channel', case.admin)}/verify"
    return Ask(path, "AlarmChannelCode", {"code": "K7QF2-9XRTM"})


@asks("POST", "/alarms/channels/{channel_id}/code")
def send_code_again(case: Situation) -> Ask:
    return Ask(f"/alarms/channels/{case.thing('alarm channel', case.admin)}/code")


@asks("POST", "/alarms/channels/{channel_id}/test")
def try_channel(case: Situation) -> Ask:
    return Ask(f"/alarms/channels/{case.thing('alarm channel', case.admin)}/test")


@asks("POST", "/alarms/policies")
def make_policy(case: Situation) -> Ask:
    channel = case.thing("alarm channel", case.admin)
    asked = {"name": "Ward", "steps": [{"after_seconds": 0, "channels": [channel]}]}
    return Ask("/alarms/policies", "AlarmPolicyRequest", asked)


@asks("GET", "/alarms/policies/{policy_id}")
@asks("DELETE", "/alarms/policies/{policy_id}")
def ask_for_policy(case: Situation) -> Ask:
    return Ask(f"/alarms/policies/{case.thing('alarm policy', case.admin)}")


@asks("PATCH", "/alarms/policies/{policy_id}")
def change_policy(case: Situation) -> Ask:
    return Ask(f"/alarms/policies/{case.thing('alarm policy', case.admin)}", "AlarmPolicyUpdate", {"details": True})


@asks("POST", "/alarms/silences")
def make_silence(_: Situation) -> Ask:
    return Ask("/alarms/silences", "AlarmSilenceRequest", SILENCE)


@asks("DELETE", "/alarms/silences/{silence_id}")
def end_silence(case: Situation) -> Ask:
    return Ask(f"/alarms/silences/{case.thing('alarm silence', case.admin)}")


@asks("GET", "/alarms/{alarm_id}/notifications")
def read_notifications(_: Situation) -> Ask:
    return Ask(f"{NO_ALARM}/notifications")


@asks("POST", "/auth/alarm-emails")
def send_alarm_email(case: Situation) -> Ask:
    whom = {"id": str(uuid.uuid4()), "org_id": case.me.org_id, "user_id": case.me.user_id}
    return Ask("/auth/alarm-emails", "AlarmEmail", {**whom, "subject": "An alarm", "text": "An alarm was raised."})
