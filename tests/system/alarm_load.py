"""People whose heart rates cross a threshold, written through the gateway, and what alarms have to come of them.

`checks` of a test compare what is in PostgreSQL afterwards; what notifies of alarms can add its own.
"""

import random
import threading
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Self

import psycopg2
import requests

from heartguard_cli.embedded.postgres import PostgresCluster
from heartguard_cli.urls import libpq
from tests.clone import Clone
from tests.system.writer import BEGIN, Member
from tests.unit.alarm.reference import Asked, episodes

PASSWORD = "Correct-horse-9"
PAUSE = 0.25
BATCH = 4
STEP_SECONDS = 5
EVER, AFTER = "1970-01-01T00:00:00Z", "2100-01-01T00:00:00Z"
Rules = Sequence[Mapping[str, str | int]]
RULES: Rules = (
    {"condition": "above", "threshold": 120, "clear_threshold": 110, "for_seconds": 60, "clear_after_seconds": 30},
    {"condition": "above", "threshold": 140, "clear_threshold": 140, "for_seconds": 0, "clear_after_seconds": 0},
    {"condition": "below", "threshold": 80, "clear_threshold": 85, "for_seconds": 20, "clear_after_seconds": 60},
)
MAX_GAP = 30
Rows = list[tuple[Any, ...]]


def rows(clone: Clone, statement: str) -> Rows:
    """What PostgreSQL answers to a statement, past the services; `$` stands for the schema."""
    cluster = PostgresCluster(clone.layout.var / "pg", clone.ports["postgres"])
    with psycopg2.connect(libpq(cluster.url())) as connection, connection.cursor() as cursor:
        cursor.execute(statement.replace("$", "heartguard_core."))
        return list(cursor.fetchall())


def make_rules(clone: Clone, admin: Member, rules: Rules = RULES) -> list[str]:
    """Rules that are on, as if they had been made before the first point; their ids."""
    made = []
    for number, rule in enumerate(rules):
        document = {"name": f"rule {number}", "measurement": "heart_rate", "field": "bpm", "enabled": True}
        document |= {"max_gap_seconds": MAX_GAP, **rule}
        answer = requests.post(f"{admin.url}/alarms/rules", json=document, headers=admin.headers, timeout=10)
        assert answer.status_code == 201, answer.text
        made.append(str(answer.json()["id"]))
    begin_ns = int(BEGIN.timestamp()) * 10**9
    rows(clone, f"UPDATE $alarm_rule_versions SET from_ns = {begin_ns} RETURNING version")
    return made


def add_person(clone: Clone, admin: Member, number: int) -> int:
    """A member without a session; their number."""
    document = {"email": f"person{number}@heartguard.example", "password": PASSWORD, "role": "user"}
    status, answer = clone.call("gateway", "POST", "/auth/register", document, token=admin.token)
    assert status == 201, answer
    return int(answer["user_id"])


@dataclass
class HeartRates:
    """Writes one person's heart rate until it is stopped: late, twice, with pauses; what fails is not sent again."""

    admin: Member
    person: int
    seed: int
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
        chance, second, value = random.Random(self.seed), 0, 95.0
        held: list[dict[str, Any]] = []
        while not self._stop.wait(PAUSE):
            if chance.random() < 0.25:
                value = chance.choice([75.0, 95.0, 115.0, 130.0, 145.0])
            batch = []
            for _ in range(BATCH):
                second += STEP_SECONDS if chance.random() < 0.98 else 2 * MAX_GAP
                batch.append(self._point(second, value + chance.choice([-3, 0, 0, 3])))
            if chance.random() < 0.2:
                held += batch  # comes late
                continue
            self._write(batch)
            if held and chance.random() < 0.3:
                self._write(held)
                held = held if chance.random() < 0.3 else []

    def _point(self, second: int, value: float) -> dict[str, Any]:
        moment = datetime.fromtimestamp(BEGIN.timestamp() + second, BEGIN.tzinfo).isoformat()
        tags = {"user_id": str(self.person)}
        return {"measurement": "heart_rate", "tags": tags, "fields": {"bpm": value}, "timestamp": moment}

    def _write(self, points: list[dict[str, Any]]) -> None:
        self.sent += 1
        answer = None
        with suppress(requests.RequestException):
            answer = self.admin.write(points)
        self.unanswered += answer is None or answer.status_code != 200


def expected(admin: Member, person: int, rules: Rules = RULES) -> list[list[tuple[int, int | None]]]:
    """By rule, the episodes of what is stored of a person, in seconds."""
    begin = int(BEGIN.timestamp())
    found = admin.points(EVER, AFTER, tags={"user_id": str(person)})
    points = {int(datetime.fromisoformat(it["time"]).timestamp()): float(it["fields"]["bpm"]) for it in found}
    asked = [
        Asked(
            since=begin,
            above=rule["condition"] == "above",
            threshold=float(str(rule["threshold"])),
            clear=float(str(rule["clear_threshold"])),
            duration=int(str(rule["for_seconds"])),
            clear_after=int(str(rule["clear_after_seconds"])),
            max_gap=MAX_GAP,
        )
        for rule in rules
    ]
    return [episodes(points, [it]) for it in asked]


def found_episodes(clone: Clone, person: int, rule_ids: list[str]) -> list[list[tuple[int, int | None]]]:
    """By rule, the episodes that stand, in seconds."""
    found: dict[str, list[tuple[int, int | None]]] = {it: [] for it in rule_ids}
    statement = "SELECT rule_id, start_ns, end_ns FROM $alarm_episodes WHERE withdrawn_at IS NULL "
    for rule_id, start, end in rows(clone, f"{statement} AND user_id = {person} ORDER BY start_ns"):
        found[str(rule_id)].append((start // 10**9, None if end is None else end // 10**9))
    return [found[it] for it in rule_ids]


def one_beginning_each(clone: Clone) -> None:
    """Each episode, also a withdrawn one, was raised once, and has an audit event for each of its transitions."""
    raised = "SELECT episode_id FROM $alarm_transitions WHERE kind IN ('raised', 'retrospective')"
    begun = Counter(str(it[0]) for it in rows(clone, raised))
    assert begun == Counter(str(it[0]) for it in rows(clone, "SELECT id FROM $alarm_episodes"))
