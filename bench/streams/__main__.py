"""Live streams: memory of each, time from write to event, the most deliveries, and what a listener costs writers.

Run from the root: .venv/bin/python -m bench.streams [--streams 10000] [--organizations 100] [--seconds 20] [--no-peers]
Beside a plain Flask on gevent and a plain ASGI application (uvicorn, redis.asyncio), which do no more than to send what
Redis publishes. All run on one machine with the clients; compare the rows.
"""

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import psutil
import redis

from bench import report
from bench.gateway import gateways
from bench.streams.driven import Clients
from bench.streams.ingest import in_turns, programs
from heartguard_common.streams.events import PointsEvent, Run
from heartguard_common.streams.publish import Publisher
from tests.people import enroll, found
from tests.servers import Database, Postgres, Valkey, free_port, until
from tests.service.gateway.live import LiveSystem, live_system
from tests.tokens import bearer

HERE = Path(__file__).resolve().parent
ROWS = ("server", "KiB a stream", "opened/s", "deliveries/s at most", "p99 ms at that")
BLOCKS = 20


def memory(pid: int) -> float:
    """The memory of a process in KiB, its share of shared pages included."""
    return float(psutil.Process(pid).memory_full_info().pss) / 1024


def measure(pid: int, port: int, targets: list[list[Any]], publish: Callable[[int, float], object], orgs: int) -> Any:
    """Open the streams, then publish as fast as they are delivered; the row, and the clients, which stay connected."""
    before, clients = memory(pid), Clients(port)
    opened = clients.tell({"open": targets})
    assert opened["open"] - opened["closed"] > 0.95 * len(targets), opened
    time.sleep(2)
    each = (memory(pid) - before) / len(targets)
    clients.tell({"report": True})
    rounds = max(2, 100_000 // len(targets))
    for _ in range(rounds):
        for org in range(orgs):
            publish(org, time.time())
    expected, deadline, total = rounds * len(targets), time.monotonic() + 60, {}
    time.sleep(3)
    while time.monotonic() < deadline:
        part = clients.tell({"report": True})
        if not part["events"]:
            break
        seconds = total.get("seconds", 0) + part["seconds"]
        total = part | {"events": total.get("events", 0) + part["events"], "seconds": seconds}
        time.sleep(1)
    print(f"  {total.get('events', 0)} of {expected} events", file=sys.stderr)
    rate = total["events"] / max(total["seconds"], 0.001)
    row = (f"{each:.1f}", f"{len(targets) / opened['seconds']:,.0f}", f"{rate:,.0f}", f"{total['p99'] * 1000:,.0f}")
    return row, clients


def paced(live: LiveSystem, orgs: list[int], clients: Clients, each: int, seconds: float) -> tuple[float, float, float]:
    """Write for 2,000 deliveries a second; how many there were, and p50 and p99 from write to event in ms."""
    wanted, began, number = 2000 / each, time.time(), 0
    clients.tell({"report": True})
    connection = HTTPConnection("127.0.0.1", live.gateway.port)
    while (now := time.time()) - began < seconds:
        if number > (now - began) * wanted:
            time.sleep(0.002)
            continue
        org = orgs[number % len(orgs)]
        point = {"measurement": "heart_rate", "tags": {"user_id": str(org * 100 + 1)}, "fields": {"sent": time.time()}}
        body = json.dumps({"bucket": f"org_{org}", "points": [point]})
        headers = bearer(org * 100 + 1, "admin", org) | {"Content-Type": "application/json"}
        connection.request("POST", "/timeseries/write", body, headers)
        answer = connection.getresponse()
        assert answer.status == 200, answer.read()
        answer.read()
        number += 1
    time.sleep(3)
    seen = clients.tell({"report": True})
    return seen["events"] / seconds, seen["p50"] * 1000, seen["p99"] * 1000


@contextmanager
def peer(command: list[str], port: int, directory: Path) -> Iterator[int]:
    """A plain server, from its start to its end; gives its pid."""
    with (directory / "peer.log").open("ab") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log)
    try:
        until(
            lambda: any(it.laddr.port == port for it in psutil.Process(process.pid).net_connections()), "the peer", 30
        )
        yield process.pid
    finally:
        process.kill()
        process.wait()


def ours(
    database: Database, postgres: Postgres, valkey: Valkey, directory: Path, streams: int, count: int, seconds: float
) -> Any:
    orgs = [found(database) for _ in range(count + 2)]
    for org in orgs:
        enroll(database, org, org * 100 + 1, "admin")
    *watched, alone, quiet = orgs
    targets = [["/stream", bearer(org * 100 + 1, "admin", org)] for org in watched for _ in range(streams // count)]
    limits = {"LIMITS": "streams=100000,streams_per_member=100000"}
    with live_system(database, valkey.url, directory, influx=limits) as live:
        assert live.process is not None
        publisher = Publisher(redis.Redis.from_url(valkey.url, decode_responses=True))

        def publish(place: int, now: float) -> None:
            org = watched[place]
            run = Run("heart_rate", {"user_id": "7"}, ["sent"], None, [time.time_ns()], [now])
            publisher.publish(org, [PointsEvent(f"org_{org}", [run])])

        row, clients = measure(live.process.pid, live.gateway.port, targets, publish, count)
        try:
            rate, middle, high = paced(live, watched, clients, streams // count, seconds)
            clients.tell({"open": [["/stream", bearer(alone * 100 + 1, "admin", alone)]]})
            result = in_turns(live.gateway.port, alone, quiet, BLOCKS, programs(live, postgres, valkey))
        finally:
            clients.close()
    return row, (rate, middle, high), (result[alone][0], result[quiet][0])


def plain(command: list[str], valkey: Valkey, directory: Path, streams: int, count: int) -> Any:
    port, client = free_port(), redis.Redis.from_url(valkey.url)
    targets = [[f"/stream?org={org}", {}] for org in range(count) for _ in range(streams // count)]
    with peer([*command, str(port), valkey.url], port, directory) as pid:
        publish = lambda org, now: client.publish(f"org:{org}", json.dumps({"sent": now}, separators=(",", ":")))  # noqa: E731
        row, clients = measure(pid, port, targets, publish, count)
        clients.close()
    return row


def main() -> None:
    parser = report.parser("streams", __doc__)
    parser.add_argument("--streams", type=int, default=10_000)
    parser.add_argument("--organizations", type=int, default=100)
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--no-peers", action="store_true")
    asked = parser.parse_args()
    rows = []
    with ExitStack() as stack:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="heartguard-streams-")))
        postgres, valkey = Postgres(directory), Valkey(directory)
        for server in (postgres, valkey):
            server.start()
            stack.callback(server.stop)
        database = stack.enter_context(postgres.database())
        row, wrote, batch = ours(
            database, postgres, valkey, directory, asked.streams, asked.organizations, asked.seconds
        )
        rows.append(("HeartGuard", *row))
        if not asked.no_peers:
            gateways.install()
            for name, python in (("gevent", sys.executable), ("asgi", str(gateways.PYTHON))):
                command = [python, str(HERE / f"{name}_peer.py")]
                found_row = plain(command, valkey, directory, asked.streams, asked.organizations)
                rows.append(({"gevent": "Flask on gevent", "asgi": "uvicorn"}[name], *found_row))
    text = report.table(ROWS, rows)
    text += f"\n\n{asked.streams:,} streams of {asked.organizations} organizations. Written through the gateway: "
    text += f"{wrote[0]:,.0f} deliveries/s, from write to event p50 {wrote[1]:.0f} ms, p99 {wrote[2]:.0f} ms. "
    text += f"A batch of 1,000 points: {batch[0]:.1f} ms with a listener, {batch[1]:.1f} ms without."
    report.write(asked.out, "streams", text, {"KiB a stream": {str(it[0]): float(it[1]) for it in rows}})


if __name__ == "__main__":
    main()
