"""A started HeartGuard, the organization that attacks it, and another one whose requests are measured."""

import http.client
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from typing import Any

from bench.slow_clients import attack
from bench.slow_clients.callers import Account
from bench.slow_clients.kinds import MIB, Target
from bench.slow_clients.usage import Held, held
from heartguard_common.core.paths import REPO_ROOT
from heartguard_common.core.registry import SERVICES
from tests.clone import Clone
from tests.media_stack import target_of

RELEASED_SECONDS = 20.0
MEMORY_LEFT = 1.3  # times the memory before: allocators keep some
Heard = dict[str, dict[str, list[Any]]]


class Product:
    """A started copy, the attackers' organization and another one."""

    def __init__(self, clone: Clone, file_mib: int = 20, points: int = 5_000) -> None:
        self.clone = clone
        self.port = clone.ports["gateway"]
        self.target = self._target(file_mib, points)
        self.account = self._account()

    def _call(self, method: str, path: str, document: object = None, token: str | None = None) -> dict[str, Any]:
        status, answer = self.clone.call("gateway", method, path, document, token)
        if status >= 300:
            raise RuntimeError(f"{method} {path} was answered with {status}: {answer}")
        return answer

    def _member(self, name: str) -> tuple[str, str, str, int]:
        email, password = f"{name}@heartguard.example", "Correct-horse-9"
        org = self._call("POST", "/auth/register", {"email": email, "password": password})["org_id"]
        token = self._call("POST", "/auth/login", {"email": email, "password": password})["access_token"]
        return email, password, str(token), int(org)

    def _link(self, token: str, size: int) -> str:
        """The path of a signed URL of a new file."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/octet-stream"}
        connection.request("PUT", "/media/upload?file_name=large.bin", b"\x07" * size, headers)
        item = json.loads(connection.getresponse().read())["id"]
        connection.close()
        return target_of(str(self._call("GET", f"/media/items/{item}/download", token=token)["url"]))

    def _account(self) -> Account:
        _, _, token, org = self._member("bystander")
        # Logins beyond sessions_per_member end the oldest session, which would be that of `token`.
        email, password, _, _ = self._member("visitor")
        return Account(email, password, token, org, self._link(token, MIB))

    def _target(self, file_mib: int, number: int) -> Target:
        _, _, token, org = self._member("attacker")
        bucket = f"org_{org}"
        for first in range(0, number, 5000):
            stamps = [
                time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(1_760_000_000 + first + it)) for it in range(5000)
            ]
            points = [{"measurement": "heart_rate", "fields": {"bpm": 72}, "timestamp": stamp} for stamp in stamps]
            self._call("POST", "/timeseries/write", {"bucket": bucket, "points": points}, token)
        query = {"bucket": bucket, "measurement": "heart_rate", "limit": 100_000}
        query |= {"range_start": "2025-10-09T00:00:00Z", "range_stop": "2025-10-11T00:00:00Z"}
        return Target(token, org, self._link(token, file_mib * MIB), json.dumps(query))

    def held(self) -> Held:
        """The current usage of the gateway and the services."""
        return held({name: self.clone.family(name) for name in SERVICES})

    @contextmanager
    def attacked(self, clients: int, behaviours: list[attack.Behaviour], ends: dict[str, Any]) -> Iterator[None]:
        """A context in which all of them are connected; `ends` gets how their connections ended."""
        command = [sys.executable, "-m", "bench.slow_clients.attack", attack.plan(self.port, clients, behaviours)]
        process = subprocess.Popen(command, cwd=REPO_ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        try:
            assert process.stdout is not None
            process.stdout.readline()
            yield
        finally:
            printed = process.communicate(timeout=120)[0].strip()
            ends.update(json.loads(printed) if printed else {})

    def called(self, seconds: float) -> Heard:
        """The results of the callers during that time."""
        account = json.dumps(asdict(self.account))
        command = [sys.executable, "-m", "bench.slow_clients.callers", str(self.port), account]
        process = subprocess.Popen(command, cwd=REPO_ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        time.sleep(seconds)
        heard: Heard = json.loads(process.communicate(timeout=120)[0])
        return heard

    def released(self, before: Held, seconds: float = RELEASED_SECONDS) -> Held:
        """The usage after all attackers have disconnected, as soon as it is released or the time is over."""
        deadline = time.monotonic() + seconds
        while True:
            now = self.held()
            if now.within(before, MEMORY_LEFT) or time.monotonic() > deadline:
                return now
            time.sleep(0.5)
