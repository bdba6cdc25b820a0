"""The running system as the measurements see it: its processes, its audit events, its settings, its sessions."""

import threading
import time
from collections.abc import Mapping, Sequence
from http.client import HTTPConnection
from typing import Any

import psutil

from bench.timeseries.__main__ import Bench
from heartguard_common.core.registry import SERVICES
from tests.system.writer import FOUNDER

PROGRAMS = (*SERVICES, "consumer", "valkey", "postgres")
QUIET_SECONDS = 0.5
LONGEST_SECONDS = 60.0

Cpu = Mapping[str, float]


def cpu_of(pids: Sequence[int]) -> float:
    """CPU seconds of processes until now, without those that have ended."""
    found = 0.0
    for pid in pids:
        try:
            times = psutil.Process(pid).cpu_times()
        except psutil.NoSuchProcess:
            continue
        found += times.user + times.system
    return found


def family(pid: int) -> list[int]:
    """A process and all that it has started."""
    return [pid, *(child.pid for child in psutil.Process(pid).children(recursive=True))]


class Product:
    """The system that `bench.timeseries` starts."""

    def __init__(self, bench: Bench) -> None:
        self.bench = bench
        self.ports = bench.clone.ports
        self.token = f"Bearer {bench.member.token}"

    def cpu(self) -> Cpu:
        """CPU seconds of each program until now, workers and PostgreSQL's connections included."""
        return {name: cpu_of(family(self.bench.clone.pid(name))) for name in PROGRAMS}

    def query(self, statement: str, values: object = None) -> Any:
        """The first row of a statement."""
        with self.bench.connection, self.bench.connection.cursor() as cursor:
            cursor.execute(statement, values)
            return cursor.fetchone()

    def events(self, action: str, at_least: int = 0) -> int:
        """How many access events of an action the trail has, once it has so many and no more arrive."""
        ends = time.monotonic() + LONGEST_SECONDS
        found, since = -1, time.monotonic()
        while time.monotonic() < ends:
            statement = "SELECT count(*) FROM heartguard_core.audit_events WHERE kind = 'access' AND action = %s"
            if found != (found := int(self.query(statement, (action,))[0])) or found < at_least:
                since = time.monotonic()
            elif time.monotonic() - since > QUIET_SECONDS:
                break
            time.sleep(0.1)
        return found

    def durability(self) -> list[str]:
        """The settings that would lose acknowledged data in a crash; empty where all are as they are delivered."""
        wanted = {"fsync": "on", "synchronous_commit": "on", "full_page_writes": "on"}
        found = [name for name, value in wanted.items() if self.query(f"SHOW {name}")[0] != value]
        text = (self.bench.clone.layout.var / "valkey/valkey.conf").read_text()
        return found + [line for line in ("appendonly yes", "appendfsync always") if line not in text]

    def log_in(self) -> str:
        """The Authorization header of a new session."""
        _, tokens = self.bench.clone.call("gateway", "POST", "/auth/login", FOUNDER)
        return f"Bearer {tokens['access_token']}"

    def log_out(self, authorization: str) -> None:
        """End the session."""
        status, answer = self.bench.clone.call("gateway", "POST", "/auth/logout", {}, authorization.split()[1])
        if status not in (200, 204):
            raise RuntimeError(f"{status}: {answer}")


class Revoked(threading.Thread):
    """Sends requests with a session of its own, ends it during the load, and measures the time until it is refused."""

    def __init__(self, product: Product, port: int, after: float) -> None:
        super().__init__()
        self._product, self._port, self._after = product, port, after
        self._session = product.log_in()
        self.answers = 0
        self.seconds: float | None = None

    def run(self) -> None:
        """Send requests until one is refused, or until three seconds after the logout."""
        link = HTTPConnection("127.0.0.1", self._port, timeout=20)
        began, revoked = time.monotonic(), 0.0
        while not revoked or time.monotonic() - revoked < 3:
            if not revoked and time.monotonic() - began > self._after:
                self._product.log_out(self._session)
                revoked = time.monotonic()
            link.request("GET", "/users/me", headers={"Authorization": self._session})
            answer = link.getresponse()
            answer.read()
            self.answers += 1
            if answer.status == 401:
                self.seconds = time.monotonic() - revoked
                break
            time.sleep(0.01)
        link.close()
