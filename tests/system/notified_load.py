"""People whose heart rates are alarming now, who is notified of that, and what must hold of the messages afterwards."""

import random
import re
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.message import EmailMessage
from itertools import count, islice
from typing import Any, Self

import requests

from tests.clone import Clone
from tests.servers import until
from tests.system.alarm_load import Rules, rows
from tests.system.writer import Member

PAUSE = 0.25
HIGH = 150.0
# Whoever stays at HIGH +- 3 is above both thresholds, so that an alarm that was raised stays active.
RULES: Rules = (
    {"condition": "above", "threshold": 120, "clear_threshold": 110, "for_seconds": 2, "clear_after_seconds": 2},
    {"condition": "above", "threshold": 140, "clear_threshold": 140, "for_seconds": 0, "clear_after_seconds": 0},
)
STEPS = ((0, 1), (3, 2))
"""Of each step of the policy: after how many seconds, and how many of the channels."""
GROUP_WAIT_SECONDS, REPEAT_SECONDS = 1, 6
PATIENCE_SECONDS = 60
"""An alarm that is active for longer than the group wait and this is notified, whatever was killed meanwhile."""
FIRST_PLACES = 3
"""How many (repeat, step) an alarm that stays active must get to: the steps, and the first of the next repeat."""
_LINK = re.compile(r"/portal/#/alarms/([0-9a-f-]{36})")


def notify(admin: Member, recipients: Sequence[int]) -> list[str]:
    """Have members notified of every alarm by e-mail; returns the channels, in the order of the recipients."""
    channels = []
    for it in recipients:
        document = {"name": f"member {it}", "kind": "email", "user_id": it}
        channels.append(str(_post(admin, "/alarms/channels", document, 201)["id"]))
    steps = [{"after_seconds": after, "channels": channels[:number]} for after, number in STEPS]
    policy = {"name": "all", "steps": steps, "default": True, "group_wait_seconds": GROUP_WAIT_SECONDS}
    _post(admin, "/alarms/policies", policy | {"repeat_seconds": REPEAT_SECONDS}, 201)
    return channels


def acknowledge_all(admin: Member) -> int:
    """Acknowledge every alarm that is active, which ends its escalation; returns how many there were."""
    query = {"active": "true", "acknowledged": "false", "limit": "200"}
    alarms = admin.answer("GET", "/alarms", params=query).json()["items"]
    for it in alarms:
        admin.answer("POST", f"/alarms/{it['id']}/acknowledge", json={})
    return len(alarms)


def _post(admin: Member, path: str, document: Mapping[str, Any], status: int) -> dict[str, Any]:
    answer = requests.post(admin.url + path, json=document, headers=admin.headers, timeout=10)
    assert answer.status_code == status, answer.text
    return dict(answer.json())


@dataclass
class PresentHeartRate:
    """Writes a person's heart rate, a point for each second as it passes; what fails is sent again with the next.

    It goes up and down; after `rises` seconds, where that is given, it is high and stays so.
    """

    admin: Member
    person: int
    seed: int
    rises: float | None = None
    unanswered: int = 0
    sent: int = 0
    _stop: threading.Event = field(default_factory=threading.Event)

    def __enter__(self) -> Self:
        self._thread = threading.Thread(target=self._run)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        chance, began, value = random.Random(self.seed), time.monotonic(), 95.0
        last, waiting = int(time.time()), list[dict[str, Any]]()
        while not self._stop.wait(PAUSE):
            now = int(time.time())
            for second in range(last + 1, now + 1):
                if self.rises is not None:
                    value = HIGH if time.monotonic() - began > self.rises else 95.0
                elif chance.random() < 0.15:
                    value = chance.choice([75.0, 95.0, 130.0, 145.0])
                waiting.append(self._point(second, value + chance.choice([-3, 0, 0, 3])))
            last = max(last, now)
            if waiting and self._written(waiting):
                waiting = []

    def _point(self, second: int, value: float) -> dict[str, Any]:
        moment = datetime.fromtimestamp(second, UTC).isoformat()
        tags = {"user_id": str(self.person)}
        return {"measurement": "heart_rate", "tags": tags, "fields": {"bpm": value}, "timestamp": moment}

    def _written(self, points: list[dict[str, Any]]) -> bool:
        self.sent += 1
        with suppress(requests.RequestException):
            if self.admin.write(points).status_code == 200:
                return True
        self.unanswered += 1
        return False


def wait_for_messages(clone: Clone, arrived: Callable[[], bool], what: str) -> None:
    """Wait until `arrived`; every 5 s what is tried again later, or was claimed by a killed process, becomes due."""
    for _ in range(30):
        for table, waits in (("mail_outbox", "NOT done"), ("alarm_messages", "status = 'waiting'")):
            later = "due_at > now() AND due_at < 'infinity'"
            rows(clone, f"UPDATE ${table} SET due_at = now() WHERE {waits} AND {later} RETURNING id")
        with suppress(TimeoutError):
            until(arrived, what, 5)
            return
    raise TimeoutError(what)


def active_ones_are_notified(clone: Clone) -> bool:
    """Whether of each active alarm the messages of the first places have been sent."""
    last = list(islice(_places(), FIRST_PLACES))[-1]
    wanted = sum(STEPS[step][1] for _, step in islice(_places(), FIRST_PLACES))
    behind = rows(
        clone,
        f"""
        SELECT e.id FROM $alarm_episodes AS e LEFT JOIN (
            $alarm_notifications AS n JOIN $alarm_messages AS m ON m.id = n.message_id AND m.status = 'sent'
                AND (n.repeat, n.step) <= {last}
        ) ON n.episode_id = e.id
        WHERE e.end_ns IS NULL AND e.withdrawn_at IS NULL GROUP BY e.id HAVING count(n.step) < {wanted}
        """,
    )
    return not behind


def nothing_waits(clone: Clone) -> bool:
    """Whether no step, no message and no e-mail is left."""
    waiting = (
        "SELECT 1 FROM $alarm_escalations",
        "SELECT 1 FROM $alarm_messages WHERE status = 'waiting'",
        "SELECT 1 FROM $mail_outbox WHERE NOT done",
    )
    return not any(rows(clone, it) for it in waiting)


def one_row_for_each_step(clone: Clone, channels: Sequence[str]) -> None:
    """Each alarm has one row for each channel of each (repeat, step) up to its last one, at least one where it must."""
    found: dict[str, dict[tuple[int, int], list[str]]] = defaultdict(lambda: defaultdict(list))
    for episode, repeat, step, channel in rows(
        clone, "SELECT episode_id, repeat, step, channel_id FROM $alarm_notifications"
    ):
        found[str(episode)][repeat, step].append(str(channel))
    for told in found.values():
        assert sorted(told) == list(islice(_places(), len(told)))
        for (_, step), used in told.items():
            assert sorted(used) == sorted(channels[: STEPS[step][1]])
    escalated = Counter(str(it[0]) for it in rows(clone, _ESCALATED))
    assert escalated == Counter({it: sum(step > 0 for _, step in told) for it, told in found.items()})
    untold = rows(clone, _UNTOLD.format(seconds=GROUP_WAIT_SECONDS + PATIENCE_SECONDS))
    assert untold == []


_ESCALATED = "SELECT episode_id FROM $alarm_transitions WHERE kind = 'escalated'"
# An alarm that is over without having been cleared had ended when it was found: it is notified once.
_UNTOLD = """
SELECT e.id FROM $alarm_episodes AS e
LEFT JOIN (SELECT episode_id, min(at) AS at FROM $alarm_transitions WHERE kind = 'cleared' GROUP BY episode_id) AS c
    ON c.episode_id = e.id
WHERE NOT e.retrospective AND e.withdrawn_at IS NULL
    AND (e.end_ns IS NULL OR c.at IS NULL OR c.at > e.found_at + interval '{seconds} s')
    AND NOT EXISTS (SELECT FROM $alarm_notifications AS n WHERE n.episode_id = e.id)
"""


def one_message_id_each(clone: Clone, recipients: Mapping[str, str], emails: Sequence[EmailMessage]) -> None:
    """Each message that was sent has arrived; all copies have its id, recipient and alarms, and nothing else has come.

    `recipients` are the addresses by channel.
    """
    stored = {str(key): (status, recipients[str(channel)]) for key, status, channel in rows(clone, _MESSAGES)}
    assert {status for status, _ in stored.values()} <= {"sent", "cancelled"}
    about: dict[str, set[str]] = defaultdict(set)
    for message, episode in rows(clone, _ABOUT):
        about[str(message)].add(str(episode))
    copies: dict[str, set[tuple[str, str, str]]] = defaultdict(set)
    for it in emails:
        message = it["Message-ID"].removeprefix("<").partition("@")[0]
        copies[message].add((it["To"], it["Subject"], it.get_content()))
    assert {it for it, (status, _) in stored.items() if status == "sent"} <= set(copies) <= set(stored)
    for message, theirs in copies.items():
        [(to, _, text)] = theirs
        links = _LINK.findall(text)
        assert links
        assert set(links) <= about[message]
        assert to == stored[message][1]


_MESSAGES = "SELECT id, status, channel_id FROM $alarm_messages"
# A report tells of the alarms of the message that was not sent. The join shows only alarms that exist.
_ABOUT = """
SELECT m.id, e.id FROM $alarm_messages AS m JOIN $alarm_notifications AS n ON n.message_id = coalesce(m.reports, m.id)
JOIN $alarm_episodes AS e ON e.id = n.episode_id
"""


def _places() -> Iterator[tuple[int, int]]:
    """(repeat, step) in the order in which they are due."""
    return ((repeat, step) for repeat in count() for step in range(len(STEPS)))
