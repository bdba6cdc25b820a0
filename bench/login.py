"""The cost of a login compared with its argon2id hash, and whether its time depends on the e-mail address.

Run it from the root: python -m bench.login. It starts PostgreSQL, Valkey and one worker of auth by itself, and
takes less than two minutes. CPU time is that of the worker, so that other load on the machine matters little. The
worker and the separate hash both have the allocator settings that the start script gives every service.
"""

import http.client
import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import psutil

from bench import report
from heartguard_auth.accounts.store.password_hasher import Argon2Hasher
from heartguard_cli.programs import MEMORY
from tests.servers import Postgres, Valkey
from tests.service.gateway.stack import GunicornProcess
from tests.tokens import forwarded_for, settings_environ

ROOT = Path(__file__).resolve().parent.parent

PASSWORD = "Secret123"
ACCOUNTS = 20
PAIRS = 150  # of a known and an unknown address
LOGINS = 200


def milliseconds(seconds: float) -> float:
    return seconds * 1000


@contextmanager
def auth() -> Iterator[GunicornProcess]:
    with tempfile.TemporaryDirectory() as scratch:
        directory = Path(scratch)
        postgres, valkey = Postgres(directory), Valkey(directory)
        postgres.start()
        valkey.start()
        try:
            with postgres.database() as database:
                environ = settings_environ(
                    "auth", database, valkey.url, JWT_SECRET="", HEARTGUARD_ENV="production", **MEMORY
                )
                with GunicornProcess(environ, directory / "auth.log", workers=1, service="auth").running() as running:
                    yield running
        finally:
            valkey.stop()
            postgres.stop()


class Caller:
    """A persistent connection with another client address for each request, as a gateway would report it."""

    def __init__(self, port: int, network: int) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", port)
        self._network, self._count = network, 0

    def post(self, path: str, email: str, password: str) -> tuple[int, float]:
        """The status, and the seconds until the whole answer was received."""
        self._count += 1
        address = f"10.{self._network}.{self._count // 250}.{self._count % 250}"
        headers = {"Content-Type": "application/json", **forwarded_for(address)}
        body = json.dumps({"email": email, "password": password})
        began = time.perf_counter()
        self._connection.request("POST", f"/auth/{path}", body, headers)
        answer = self._connection.getresponse()
        answer.read()
        return answer.status, time.perf_counter() - began


def known(number: int) -> str:
    return f"person{number % ACCOUNTS}@example.com"


def costs(caller: Caller, worker: psutil.Process) -> tuple[float, float, float]:
    """Mean CPU seconds of a hash here and of a login there, in turns, and the median latency of a login."""
    hasher = Argon2Hasher()
    stored = hasher.hash(PASSWORD)
    hashes, walls, spent = 0.0, [], 0.0

    def verify() -> float:
        began = time.thread_time()
        assert hasher.verify(stored, PASSWORD)
        return time.thread_time() - began

    # In a thread, as in the worker: there malloc gives the 19 MiB back after each hash, and the pages cost time.
    other = ThreadPoolExecutor(1)
    for number in range(LOGINS):
        hashes += other.submit(verify).result()
        began = sum(worker.cpu_times()[:2])
        status, seconds = caller.post("login", known(number), PASSWORD)
        assert status == 200
        spent += sum(worker.cpu_times()[:2]) - began
        walls.append(seconds)
    other.shutdown()
    return hashes / LOGINS, spent / LOGINS, statistics.median(walls)


def timing(caller: Caller) -> tuple[float, float]:
    """The medians of a wrong password for known and for unknown addresses, alternating."""
    found: dict[bool, list[float]] = {True: [], False: []}
    for number in range(PAIRS):
        for is_known in (True, False) if number % 2 else (False, True):
            email = known(number) if is_known else f"nobody{number}@example.com"
            status, seconds = caller.post("login", email, "wrong-password")
            assert status == 401
            found[is_known].append(seconds)
    return statistics.median(found[True]), statistics.median(found[False])


def throughput(port: int) -> float:
    """Logins per second of four callers at once."""

    def some(network: int) -> None:
        mine = Caller(port, network)
        for number in range(LOGINS // 4):
            assert mine.post("login", known(network * 5 + number), PASSWORD)[0] == 200

    began = time.perf_counter()
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(some, range(2, 6)))
    return LOGINS // 4 * 4 / (time.perf_counter() - began)


def main() -> None:
    options = report.parser("login", __doc__).parse_args()
    with auth() as running:
        caller = Caller(running.port, 1)
        for number in range(ACCOUNTS):
            assert caller.post("register", known(number), PASSWORD)[0] == 201
            assert caller.post("login", known(number), PASSWORD)[0] == 200
        assert running.process is not None
        worker = psutil.Process(running.process.pid).children()[0]
        known_s, unknown_s = timing(caller)
        cost, login, wall = costs(caller, worker)
        rate = throughput(running.port)
    difference = abs(known_s - unknown_s) / min(known_s, unknown_s)
    times = {
        f"wrong password, known address (median of {PAIRS})": known_s,
        "wrong password, unknown address": unknown_s,
        f"one argon2id hash, CPU (mean of {LOGINS}, in turns)": cost,
        "one login, CPU": login,
        "latency of a login, one caller (median)": wall,
    }
    text = report.table(("what", "ms"), [(name, f"{milliseconds(it):.2f}") for name, it in times.items()])
    text += (
        f"\n\nKnown and unknown addresses differ by {difference:.1%} (at most 10%), auth adds {login / cost - 1:.1%} "
        f"to the hash (under 15%), and four callers get {rate:.1f} logins/s."
    )
    panels = {
        "CPU ms": {"argon2id alone": milliseconds(cost), "login": milliseconds(login)},
        "wrong password, ms": {"known address": milliseconds(known_s), "unknown": milliseconds(unknown_s)},
    }
    report.write(options.out, "login", text, panels)


if __name__ == "__main__":
    if not os.environ.items() >= MEMORY.items():
        # The allocator reads its settings once, when a process begins.
        os.execve(sys.executable, [sys.executable, "-m", "bench.login", *sys.argv[1:]], {**os.environ, **MEMORY})
    main()
