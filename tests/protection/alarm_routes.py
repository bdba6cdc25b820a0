"""Requests to the routes of alarms, and to those that feed them, for the matrix."""

from tests.protection.callers import DAY, RULE, Ask, Situation, asks


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
