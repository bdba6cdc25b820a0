"""Alarms: the time from an acknowledged write to `raised`, what the evaluation costs, ingest with and without rules.

Run from the root: .venv/bin/python -m bench.alarms [--people 1000] [--many 10000] [--seconds 60] [--turns 7]. Starts a
PostgreSQL, a Valkey, the gateway, the influx and the alarm service with the numbers of workers that the product has.
Five rules look at each person; two of them are violated by every `--every`th batch of a person, and normal after the
next. The clients run on the same machine and take their share of it.
"""

import argparse
import json
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from http.client import HTTPConnection
from pathlib import Path
from statistics import median
from typing import Any, Self

import psutil

from bench import report
from heartguard_common.core.clock import NANOSECONDS, rfc3339
from tests.people import enroll, found, owner
from tests.servers import Database, Postgres, Valkey, until
from tests.service.gateway.stack import GunicornProcess, environ
from tests.tokens import bearer, settings_environ

HIGH, NORMAL = 160.0, 70.0
LIMITS = ",".join(
    f"{name}=9000000000"
    for name in ("points_per_day", "points_per_day_per_member", "stored_points", "series", "requests_per_minute")
)
_AT_ONCE = {"for_seconds": 0, "clear_after_seconds": 0}
RULES: Sequence[dict[str, Any]] = (
    {"condition": "above", "threshold": 150, "clear_threshold": 120, **_AT_ONCE},
    {"condition": "above", "threshold": 120, "clear_threshold": 110},
    {"condition": "above", "threshold": 100, "clear_threshold": 90, "activity": "resting"},
    {"condition": "below", "threshold": 40, "clear_threshold": 45, "activity": "resting"},
    {"condition": "no_data", "no_data_after_seconds": 900},
)
MEASURED = 0
"""The rule whose alarms are timed: one sample is enough to raise it."""
ROWS = ("load", "points/s", "alarms", "p50 s", "p99 s", "longest s", "CPU alarm", "CPU influx", "late sends")
Rates = dict[str, float]


@dataclass
class System:
    """The servers and services, and an organization whose people have rules."""

    database: Database
    gateway: GunicornProcess
    services: dict[str, GunicornProcess]

    def organization(self, people: int, rules: Sequence[dict[str, Any]]) -> "Organization":
        """A new organization with so many people, whose rules are on since an hour ago."""
        org_id = found(self.database)
        admin = org_id * 1_000_000
        enroll(self.database, org_id, admin, "admin")
        with owner(self.database) as cursor:
            cursor.execute(
                "INSERT INTO heartguard_core.users (id, org_id, email, role) OVERRIDING SYSTEM VALUE"
                " SELECT n, %s, 'member' || n || '@example.com', 'user' FROM generate_series(%s, %s) AS n",
                (org_id, admin + 1, admin + people),
            )
        organization = Organization(org_id, admin, range(admin + 1, admin + people + 1))
        for number, rule in enumerate(rules):
            document = {"name": f"rule {number}", "measurement": "heart_rate", "field": "bpm", "enabled": True, **rule}
            headers = organization.headers | {"Content-Type": "application/json"}
            answer = self.services["alarm"].ask("POST", "/alarms/rules", headers, json.dumps(document))
            assert answer.status == 201, answer.body
            organization.rules.append(json.loads(answer.body)["id"])
        with owner(self.database) as cursor:
            cursor.execute("UPDATE heartguard_core.alarm_rule_versions SET from_ns = from_ns - 3600000000000")
        return organization

    def wait(self) -> None:
        """Wait until every change has been evaluated."""
        until(lambda: self.one("SELECT count(*) FROM heartguard_core.changed_ranges") == 0, "the evaluation", 600)

    def one(self, statement: str) -> int:
        """The number that a statement finds."""
        with owner(self.database) as cursor:
            cursor.execute(statement)
            return int(cursor.fetchone()[0])

    def cpu_seconds(self) -> Rates:
        """The processor time of each service with its children, so far."""
        found_seconds = {}
        for name, service in (("gateway", self.gateway), *self.services.items()):
            assert service.process is not None
            parent = psutil.Process(service.process.pid)
            times = [it.cpu_times() for it in (parent, *parent.children(recursive=True))]
            found_seconds[name] = sum(it.user + it.system for it in times)
        return found_seconds


@dataclass
class Organization:
    """An organization: its admin, its people, and the ids of its rules."""

    org_id: int
    admin: int
    people: range
    rules: list[str] = field(default_factory=list)

    @property
    def headers(self) -> dict[str, str]:
        """A fresh token of the admin."""
        return bearer(self.admin, "admin", self.org_id)

    def point(self, person: int, time_ns: int, bpm: float) -> dict[str, Any]:
        """A point."""
        tags = {"user_id": str(person)}
        return {"measurement": "heart_rate", "tags": tags, "fields": {"bpm": bpm}, "timestamp": rfc3339(time_ns)}


class Connection:
    """A connection of one client that stays open."""

    def __init__(self, port: int, organization: Organization) -> None:
        self._connection = HTTPConnection("127.0.0.1", port, timeout=60)
        self._headers = organization.headers | {"Content-Type": "application/json"}
        self._bucket = f"org_{organization.org_id}"

    def write(self, points: list[dict[str, Any]]) -> None:
        """Write points; raises `AssertionError` unless they are stored."""
        body = json.dumps({"bucket": self._bucket, "points": points})
        self._connection.request("POST", "/timeseries/write", body, self._headers)
        answer = self._connection.getresponse()
        content = answer.read()
        assert answer.status == 200, content
        assert json.loads(content)["inserted"] == len(points), content

    def close(self) -> None:
        """Close it."""
        self._connection.close()


class Watch:
    """Notes when each alarm of a rule can be seen in the database, by looking every 20 ms."""

    def __init__(self, database: Database, rule_id: str) -> None:
        self._database, self._rule_id = database, rule_id
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self.seen: dict[tuple[int, int], float] = {}

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        statement = "SELECT user_id, raised_ns FROM heartguard_core.alarm_episodes WHERE rule_id = %s AND id > %s"
        with owner(self._database) as cursor:
            while not self._stop.wait(0.02):
                # An id that a transaction commits late is not skipped: the last seconds are looked at again.
                cursor.execute(statement, (self._rule_id, _uuid7_before(time.time() - 30)))
                now = time.time()
                for person, raised_ns in cursor.fetchall():
                    self.seen.setdefault((person, raised_ns), now)


def _uuid7_before(seconds: float) -> str:
    """The smallest UUIDv7 of a time."""
    digits = f"{max(0, int(seconds * 1000)):012x}"
    return f"{digits[:8]}-{digits[8:]}-7000-8000-000000000000"


@dataclass
class Load:
    """Batches of `points` for each person every `period` seconds, `together` people in a request."""

    organization: Organization
    points: int
    period: float
    every: int
    together: int = 1
    acknowledged: dict[tuple[int, int], float] = field(default_factory=dict)
    sent: int = 0
    late: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _next: int = 0

    def run(self, port: int, seconds: float, clients: int = 16) -> None:
        """Send for so many seconds, evenly; a request that begins more than a second late is counted."""
        people = self.organization.people
        self._turns = -(-len(people) // self.together)
        began = time.time()
        threads = [threading.Thread(target=self._client, args=(port, began, seconds)) for _ in range(clients)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    def _client(self, port: int, began: float, seconds: float) -> None:
        connection = Connection(port, self.organization)
        while True:
            with self._lock:
                place, self._next = self._next, self._next + 1
            due = began + place * self.period / self._turns
            if due > began + seconds:
                break
            time.sleep(max(0.0, due - time.time()))
            if time.time() - due > 1:
                self.late += 1
            self._send(connection, place)
        connection.close()

    def _send(self, connection: Connection, place: int) -> None:
        turn, first = place // self._turns, place % self._turns * self.together
        now_ns, points, raised = time.time_ns(), list[dict[str, Any]](), list[tuple[int, int]]()
        for person in self.organization.people[first : first + self.together]:
            high = (turn + person) % self.every == 0
            step_ns = int(self.period * NANOSECONDS / self.points)
            for number in range(self.points):
                time_ns = (now_ns - (self.points - 1 - number) * step_ns) // 1000 * 1000
                points.append(self.organization.point(person, time_ns, HIGH if high else NORMAL))
                if high and number == 0:
                    raised.append((person, time_ns))
        connection.write(points)
        now = time.time()
        with self._lock:
            self.sent += len(points)
            self.acknowledged |= dict.fromkeys(raised, now)


def measure(system: System, name: str, load: Load, seconds: float) -> tuple[object, ...]:
    """Send a load for so many seconds; the row of the table."""
    system.wait()
    before, began = system.cpu_seconds(), time.time()
    with Watch(system.database, load.organization.rules[MEASURED]) as watch:
        load.run(system.gateway.port, seconds)
        after, took = system.cpu_seconds(), time.time() - began
        system.wait()
        time.sleep(0.2)
    delays = sorted(max(0.0, watch.seen[it] - at) for it, at in load.acknowledged.items() if it in watch.seen)
    missing = len(load.acknowledged) - len(delays)
    assert missing == 0, f"{missing} of {len(load.acknowledged)} alarms were not raised"
    assert delays, "no alarm was due in that time: more --seconds, or a smaller --every"
    share = {name: (after[name] - before[name]) / took for name in after}
    return (
        name,
        f"{load.sent / took:,.0f}",
        f"{len(delays):,}",
        *(f"{delays[int(len(delays) * part)]:.2f}" for part in (0.5, 0.99)),
        f"{delays[-1]:.2f}",
        f"{share['alarm']:.0%}",
        f"{share['influx']:.0%}",
        load.late,
    )


def ingest(system: System, with_rules: Organization, without: Organization, turns: int, seconds: float) -> Rates:
    """Points a second (median) of one client that writes batches of 1,000 points, in turns with and without rules.

    Each batch is for all people of the organization.
    """
    found_rates: dict[str, list[float]] = {"with": [], "without": []}
    for _ in range(turns):
        for name, organization in (("with", with_rules), ("without", without)):
            system.wait()
            found_rates[name].append(_written(system.gateway.port, organization, seconds))
    return {name: median(rates) for name, rates in found_rates.items()}


def _written(port: int, organization: Organization, seconds: float) -> float:
    connection, written, began = Connection(port, organization), 0, time.perf_counter()
    while time.perf_counter() - began < seconds:
        now_ns = time.time_ns() // 1000 * 1000
        each = 1000 // len(organization.people)
        # Within a millisecond, so that they are later than those of the batch before.
        points = [
            organization.point(person, now_ns - number * 10_000, NORMAL)
            for person in organization.people
            for number in range(each)
        ]
        connection.write(points)
        written += len(points)
    connection.close()
    return written / (time.perf_counter() - began)


@contextmanager
def running_system(directory: Path) -> Iterator[System]:
    """The servers and services, from their start to their end."""
    with ExitStack() as stack:
        postgres, valkey = Postgres(directory), Valkey(directory)
        for server in (postgres, valkey):
            server.start()
            stack.callback(server.stop)
        database = stack.enter_context(postgres.database())
        own = {"HEARTGUARD_ENV": "production", "LIMITS": LIMITS, "RATE_LIMIT": "1000000/min"}
        services: dict[str, GunicornProcess] = {}
        for name in ("influx", "alarm"):
            settings = settings_environ(name, database, valkey.url) | own
            if services:
                settings["INFLUX_SERVICE_URL"] = f"http://127.0.0.1:{services['influx'].port}"
            service = GunicornProcess(settings, directory / f"{name}.log", workers=1, service=name)
            services[name] = stack.enter_context(service.running())
        url = f"http://127.0.0.1:{services['influx'].port}"
        settings = environ(valkey.url, url, directory / "spool", RATE_LIMIT="1000000/min", LIMITS=LIMITS)
        gateway = stack.enter_context(GunicornProcess(settings, directory / "gateway.log").running())
        yield System(database, gateway, services)


def main() -> None:
    """Measure, and write the report."""
    parser = report.parser("alarms", __doc__)
    parser.add_argument("--people", type=int, default=1_000, help="people with a batch of 10 points every 10 s")
    parser.add_argument("--fast", type=int, default=200, help="people with a point a second")
    parser.add_argument("--many", type=int, default=10_000, help="people, 20 of them in a request; 0: leave this out")
    parser.add_argument("--seconds", type=float, default=60.0, help="the length of each load")
    parser.add_argument("--every", type=int, default=4, help="every how many batches of a person are violations")
    parser.add_argument("--turns", type=int, default=7, help="turns of ingest with and without rules")
    parser.add_argument("--turn-seconds", type=float, default=5.0)
    parser.add_argument("--batch-people", type=int, default=10, help="people in a batch of 1,000 points, 1 to 1,000")
    asked = parser.parse_args()
    with (
        tempfile.TemporaryDirectory(prefix="heartguard-alarms-") as directory,
        running_system(Path(directory)) as system,
    ):
        rows, rates = _measured(system, asked)
    less = 1 - rates["with"] / rates["without"]
    text = report.table(ROWS, rows)
    text += "\n\nFive rules a person; p50, p99 and longest from the acknowledged write to the alarm in the database. "
    text += f"Batches of 1,000 points of {asked.batch_people} people: {rates['with']:,.0f} points/s with rules, "
    text += f"{rates['without']:,.0f} without, "
    text += f"{less:.1%} less."
    report.write(asked.out, "alarms", text, {"p99 s": {str(row[0]): float(str(row[4])) for row in rows}})


def _measured(system: System, asked: argparse.Namespace) -> tuple[list[tuple[object, ...]], Rates]:
    loads: list[tuple[str, int, Callable[[Organization], Load]]] = [
        (
            f"{asked.people:,} people, 10 points every 10 s",
            asked.people,
            lambda organization: Load(organization, 10, 10.0, asked.every),
        ),
        (f"{asked.fast:,} people, a point a second", asked.fast, lambda found: Load(found, 1, 1.0, 5 * asked.every)),
    ]
    if asked.many:
        name = f"{asked.many:,} people, 10 points every 10 s, 20 people in a request"
        loads.append((name, asked.many, lambda found: Load(found, 10, 10.0, asked.every, together=20)))
    rows = [
        measure(system, name, make(system.organization(people, RULES)), asked.seconds) for name, people, make in loads
    ]
    with_rules, without = system.organization(asked.batch_people, RULES), system.organization(asked.batch_people, ())
    return rows, ingest(system, with_rules, without, asked.turns, asked.turn_seconds)


if __name__ == "__main__":
    main()
