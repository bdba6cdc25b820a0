"""What happens to alarms becomes events of live streams: after the commit, and only while somebody listens."""

from typing import Any

import pytest
import redis

from heartguard_common.contract.contracts import Contracts
from heartguard_common.streams.events import decode, stream_key
from tests.running_services import RunningServices
from tests.servers import Database, until
from tests.service.alarm.test_evaluation import Ward, act, read, stack, steady, ward
from tests.service.alarm.test_notifications import Notified
from tests.tokens import NOWHERE, service_auth

__all__ = ["stack", "ward"]
MESSAGE = Contracts.load()["StreamAlarm"]


class Listener:
    """Who watches an organization, and what of its alarms is published."""

    def __init__(self, ward: Ward, url: str) -> None:
        self.ward, self._redis = ward, redis.Redis.from_url(url)

    def listen(self) -> None:
        headers = service_auth("gateway")
        answer = self.ward.stack.client("influx").post(
            "/timeseries/listeners", json={"org_id": self.ward.org}, headers=headers
        )
        assert answer.status_code == 200, answer.data

    def entries(self, *topics: str) -> list[Any]:
        """Person and document of each event, or the reason of a `reset`."""
        found = []
        for _, entry in self._redis.xrange(stream_key(self.ward.org)):
            topic, data = entry[b"t"].decode(), entry[b"d"]
            if topic == "reset" and topic in (topics or ("reset",)):
                found.append(data.decode())
            elif topic in (topics or ("alarms",)):
                event = decode(topic, data)
                found.append([event.person, event.document])
        return found

    def events(self, count: int) -> list[dict[str, Any]]:
        """The documents, once there are so many."""
        until(lambda: len(self.entries()) >= count, f"{count} events")
        found = [document for person, document in self.entries() if person == self.ward.member]
        for document in found:
            assert MESSAGE.decode(MESSAGE.encode(document, "application/xml"), "application/xml") == document
        return found


@pytest.fixture
def listener(ward: Ward, redis_url: str) -> Listener:
    return Listener(ward, redis_url)


def test_each_transition_is_published_with_the_alarm_as_it_is_then(ward: Ward, listener: Listener) -> None:
    ward.make()
    ward.write(*steady(0, 30, 130))
    listener.listen()
    ward.write(*steady(40, 120, 130))
    (raised,) = listener.events(1)
    alarm = raised["alarm"]
    assert (raised["kind"], raised["number"], alarm["active"], alarm["acknowledged"]) == ("raised", 1, True, False)
    assert alarm == read(ward).get_json()["items"][0]
    assert act(ward, alarm["id"], "acknowledge", {"note": "On my way."}).status_code == 200
    assert act(ward, alarm["id"], "acknowledge").status_code == 200  # changes nothing
    assert act(ward, alarm["id"], "notes", {"note": "Sleeps."}).status_code == 200
    ward.write(*steady(130, 250, 100))
    *_, acknowledged, noted, cleared = listener.events(4)
    assert [it["kind"] for it in (acknowledged, noted, cleared)] == ["acknowledged", "noted", "cleared"]
    assert [it["number"] for it in (acknowledged, noted, cleared)] == [2, 3, 4]
    assert (acknowledged["note"], acknowledged["actor"]) == ("On my way.", acknowledged["alarm"]["acknowledged_by"])
    assert (acknowledged["alarm"]["active"], cleared["alarm"]["active"]) == (True, False)
    history = read(ward, f"/{alarm['id']}").get_json()["history"]
    shown = [raised, acknowledged, noted, cleared]
    assert [{name: it[name] for name in ("kind", "at", "actor", "note") if name in it} for it in shown] == history


def test_a_step_of_the_notification_policy_is_published(
    stack: RunningServices, database: Database, redis_url: str
) -> None:
    notified = Notified(stack, database)
    channel = notified.channel()
    notified.policy((0, [channel]), (1, [channel]))
    listener = Listener(notified, redis_url)
    listener.listen()
    notified.raise_alarm()
    assert [it["kind"] for it in listener.events(2)] == ["raised", "escalated"]


def test_nothing_is_published_where_nobody_listens(ward: Ward, listener: Listener) -> None:
    ward.make()
    ward.write(*steady(0, 120, 130))
    assert len(ward.episodes()) == 1
    assert listener.entries() == []
    assert ward.rows("SELECT count(*) FROM $stream_batches") == [(0,)]


def test_without_redis_the_alarm_is_raised_and_the_stream_says_reset(ward: Ward, listener: Listener) -> None:
    ward.make()
    listener.listen()
    ward.stack.start("alarm", REDIS_URL=NOWHERE.replace("http", "redis"))
    ward.write(*steady(0, 120, 130))
    assert ward.episodes() == [(0, None)]
    assert ward.transitions() == ["raised"]
    until(lambda: listener.entries("reset") == ["lost"], "the reset")
    until(lambda: ward.rows("SELECT count(*) FROM $stream_batches") == [(0,)], "no note is left")


def test_erased_alarms_are_taken_out_of_the_stream(ward: Ward, listener: Listener, database: Database) -> None:
    ward.make()
    listener.listen()
    ward.write(*steady(0, 120, 130))
    listener.events(1)
    body = {"org_id": ward.org, "user_id": ward.member}
    answer = ward.stack.client("alarm").post("/alarms/erasures", json=body, headers=service_auth("user"))
    assert answer.status_code == 200, answer.data
    assert listener.entries() == ["removed"]
