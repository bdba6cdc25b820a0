"""Rules and alarms by the client, against the running system."""

import time

import pytest

from heartguard_client import Client, ConflictError, NotFoundError, Point
from heartguard_client.messages import AlarmRuleRequest
from tests.python_client.conftest import Person
from tests.servers import until

RULE: AlarmRuleRequest = {
    "name": "High",
    "measurement": "heart_rate",
    "field": "bpm",
    "condition": "above",
    "threshold": 120,
    "for_seconds": 0,
    "clear_after_seconds": 0,
}


def test_a_rule_is_made_changed_and_deleted(client: Client) -> None:
    made = client.alarms.make_rule(RULE)
    assert (made["enabled"], made["version"]) == (False, 1)
    changed = client.alarms.change_rule(made["id"], {"threshold": 130, "enabled": True})
    assert (changed["threshold"], changed["version"]) == (130, 2)
    assert [it["version"] for it in client.alarms.rule(made["id"])["versions"]] == [2, 1]
    defaults = client.alarms.add_default_rules()
    assert {it["enabled"] for it in defaults} == {False}
    assert len(client.alarms.add_default_rules()) == len(defaults)
    assert [it["id"] for it in client.alarms.rules()] == [made["id"], *(it["id"] for it in defaults)]
    client.alarms.delete_rule(made["id"])
    with pytest.raises(NotFoundError):
        client.alarms.rule(made["id"])


def test_an_alarm_is_found_acknowledged_noted_and_closed(client: Client, person: Person) -> None:
    rule = client.alarms.make_rule({**RULE, "enabled": True})
    begin_ns = time.time_ns()
    points = [
        Point("heart_rate", begin_ns + second * 10**9, {"bpm": bpm}, {"user_id": str(person.id)})
        for second, bpm in enumerate((130, 131, 90, 140))
    ]
    assert client.write(person.bucket, points) == []
    until(lambda: len(list(client.alarms.list())) == 2, "two alarms")
    active, over = client.alarms.list(rule_id=rule["id"], limit=1)  # two pages
    assert (active["active"], over["active"]) == (True, False)
    assert list(client.alarms.list(active=True)) == [active]
    assert client.alarms.acknowledge(over["id"], "I saw it.")["acknowledged_by"] == f"user:{person.id}"
    assert list(client.alarms.list(acknowledged=False, user_id=person.id)) == [active]
    client.alarms.note(over["id"], "He ran.")
    assert client.alarms.close(over["id"], "Sport")["closed"] is True
    read = client.alarms.read(over["id"])
    assert [it["kind"] for it in read["history"]][-3:] == ["acknowledged", "noted", "closed"]
    assert [it["value"] for it in read["values"]] == [130, 131, 90]
    assert client.write(person.bucket, [Point("heart_rate", points[3].time, {"bpm": 80}, points[3].tags)]) == []
    until(lambda: list(client.alarms.list(active=True)) == [], "the withdrawal")
    with pytest.raises(ConflictError):
        client.alarms.acknowledge(active["id"])
    span = {"range_start": read["start"], "range_stop": read["end"]}
    tried = client.alarms.rehearse({"rule": RULE, "user_id": person.id, **span})  # type: ignore[typeddict-item]
    assert (tried["samples"], tried["alarms"]) == (2, 1)
