"""What others notice of clients that are slow on purpose, or send large bodies that are refused.

Run from the root: .venv/bin/python -m bench.slow_clients [--clients 1000] [--seconds 10] [--only KIND ...]. Starts the
product as a person does and asks it all the time for a login, auth's health, a batch of points, a read, an upload and
a download: first in peace, then beside so many clients of each kind. Exit 1 when a request of theirs fails, when a
median exceeds twice the quiet one and 10 ms, a 99th percentile five times the quiet one and 100 ms, or when memory,
files or connections are not given back.
"""

import http.client
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), *(str(ROOT / "services" / name / "src") for name in ("common", "cli", "gateway"))]

from bench import sheet  # noqa: E402
from bench.slow_clients import attack  # noqa: E402
from bench.slow_clients.callers import Account  # noqa: E402
from bench.slow_clients.held import Held, held  # noqa: E402
from bench.slow_clients.kinds import MIB, Target, kinds  # noqa: E402
from heartguard_cli.environment import SERVICES  # noqa: E402
from tests.clone import Clone  # noqa: E402
from tests.media_house import target_of  # noqa: E402

CALLERS = ("login", "health", "batch", "read", "upload", "download")
FILE_MIB = 20
POINTS = 40_000
RELEASED_SECONDS = 20.0
MEMORY_LEFT = 1.3  # times what was held before: allocators keep some
Heard = dict[str, dict[str, list[Any]]]


@dataclass(frozen=True)
class Numbers:
    """What one caller saw: milliseconds, and what failed."""

    median: float
    p99: float
    failures: list[str]
    asked: int

    @classmethod
    def of(cls, heard: dict[str, list[Any]]) -> "Numbers":
        """From a caller's own list."""
        times = sorted(float(it) * 1000 for it in heard["seconds"]) or [0.0]
        return cls(times[len(times) // 2], times[int(len(times) * 0.99)], heard["failures"], len(times))

    def __str__(self) -> str:
        text = f"{self.median:.0f} / {self.p99:.0f}"
        return f"{text}, {len(self.failures)} of {self.asked} failed" if self.failures else text


class Product:
    """A started copy, the attackers' organization and another one."""

    def __init__(self, clone: Clone) -> None:
        self.clone = clone
        self.port = clone.ports["gateway"]
        self.target = self._target()
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
        email, password, token, org = self._member("bystander")
        return Account(email, password, token, org, self._link(token, MIB))

    def _target(self) -> Target:
        _, _, token, org = self._member("attacker")
        bucket = f"org_{org}"
        for first in range(0, POINTS, 5000):
            stamps = [
                time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(1_760_000_000 + first + it)) for it in range(5000)
            ]
            points = [{"measurement": "heart_rate", "fields": {"bpm": 72}, "timestamp": stamp} for stamp in stamps]
            self._call("POST", "/timeseries/write", {"bucket": bucket, "points": points}, token)
        query = {"bucket": bucket, "measurement": "heart_rate", "limit": 100_000}
        query |= {"range_start": "2025-10-09T00:00:00Z", "range_stop": "2025-10-11T00:00:00Z"}
        return Target(token, org, self._link(token, FILE_MIB * MIB), json.dumps(query))

    def held(self) -> Held:
        """What the gateway and the services hold now."""
        return held({name: self.clone.family(name) for name in SERVICES})

    @contextmanager
    def attacked(self, clients: int, behaviours: list[attack.Behaviour], ends: dict[str, Any]) -> Iterator[None]:
        """All of them connected, until left; `ends` gets how their connections ended."""
        command = [sys.executable, "-m", "bench.slow_clients.attack", attack.plan(self.port, clients, behaviours)]
        process = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        try:
            assert process.stdout is not None
            process.stdout.readline()
            yield
        finally:
            printed = process.communicate(timeout=60)[0].strip()
            ends.update(json.loads(printed) if printed else {})

    def called(self, seconds: float) -> Heard:
        """What the callers hear for so long."""
        account = json.dumps(asdict(self.account))
        command = [sys.executable, "-m", "bench.slow_clients.callers", str(self.port), account]
        process = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        time.sleep(seconds)
        heard: Heard = json.loads(process.communicate(timeout=120)[0])
        return heard

    def released(self, before: Held) -> Held:
        """What is still held when all attackers have gone, at best within the time for it."""
        deadline = time.monotonic() + RELEASED_SECONDS
        while True:
            now = self.held()
            if now.within(before, MEMORY_LEFT) or time.monotonic() > deadline:
                return now
            time.sleep(0.5)


def broken(quiet: Mapping[str, Numbers], found: Mapping[str, Numbers]) -> list[str]:
    """Which callers noticed too much."""
    wrong = []
    for name, numbers in found.items():
        if numbers.median > max(2 * quiet[name].median, 10):
            wrong.append(f"{name}: median {numbers.median:.0f} ms, {quiet[name].median:.0f} in peace")
        if numbers.p99 > max(5 * quiet[name].p99, 100):
            wrong.append(f"{name}: 99th percentile {numbers.p99:.0f} ms, {quiet[name].p99:.0f} in peace")
        if numbers.failures:
            wrong.append(f"{name}: {len(numbers.failures)} of {numbers.asked} failed ({numbers.failures[0]})")
    return wrong


def main() -> int:
    """Measure, print and keep the table."""
    parser = sheet.parser("slow_clients", __doc__)
    parser.add_argument("--clients", type=int, default=1000, help="of each kind")
    parser.add_argument("--seconds", type=float, default=10, help="measured beside each kind")
    parser.add_argument("--only", nargs="+", metavar="KIND", help="only these kinds")
    options = parser.parse_args()
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    with tempfile.TemporaryDirectory() as directory:
        clone = Clone.make(Path(directory) / "copy")
        try:
            up = clone.start()
            if up.returncode:
                raise RuntimeError(up.stdout + up.stderr)
            return _measure(Product(clone), options)
        finally:
            clone.stop()


def _measure(product: Product, options: Any) -> int:
    product.called(2)  # what is done for the first time is slow for nobody's fault
    before = product.held()
    quiet = {name: Numbers.of(heard) for name, heard in product.called(options.seconds).items()}
    rows: list[tuple[object, ...]] = [("nobody", *(quiet[name] for name in CALLERS), before, "")]
    wrong: list[str] = []
    bars: dict[str, float] = {"nobody": quiet["read"].p99}
    for kind, behaviours in kinds(product.target).items():
        if options.only and kind not in options.only:
            continue
        ends: dict[str, Any] = {}
        with product.attacked(options.clients, behaviours, ends):
            found = {name: Numbers.of(heard) for name, heard in product.called(options.seconds).items()}
            meanwhile = product.held()
        after = product.released(before)
        rows.append((kind, *(found[name] for name in CALLERS), meanwhile, after))
        print(f"{kind}: {ends}", flush=True)
        bars[kind] = found["read"].p99
        wrong += [f"{kind}: {fault}" for fault in broken(quiet, found)]
        if not after.within(before, MEMORY_LEFT):
            wrong.append(f"{kind}: held before: {before}; {RELEASED_SECONDS:.0f} s afterwards: {after}")
    head = ("slow clients", *(f"{name} ms" for name in CALLERS), "held meanwhile", "afterwards")
    text = f"{options.clients:,} clients of each kind, {options.seconds:g} s each; median / 99th percentile.\n\n"
    text += sheet.table(head, rows)
    text += "\n\n" + ("\n".join(f"- {fault}" for fault in wrong) if wrong else "All bounds hold.")
    sheet.write(options.out, "slow_clients", text, {"p99 of a read, ms": bars})
    return 1 if wrong else 0


if __name__ == "__main__":
    raise SystemExit(main())
