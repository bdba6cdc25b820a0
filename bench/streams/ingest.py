"""What a listener costs who writes: batches of 1,000 points by one client, with a listener and without, in turns.

Run from the root: .venv/bin/python -m bench.streams.ingest [--blocks 30] [--fsync always]. It takes half a minute. The
streams of other organizations are what `python -m bench.streams` adds. CPU time is that of each program for a batch.
"""

import argparse
import json
import statistics
import tempfile
import time
from collections import Counter
from collections.abc import Mapping
from contextlib import ExitStack, closing
from http.client import HTTPConnection
from pathlib import Path

import psutil

from bench import report
from bench.streams.driven import Clients
from tests.people import enroll, found
from tests.servers import Postgres, Valkey
from tests.service.gateway.live import LiveSystem, live_system
from tests.tokens import bearer

POINTS = 1000
BLOCK = 10
"""So many batches follow each other: what is left of one is part of the next one's time."""
SETTLED_SECONDS = 0.1


class Writer:
    """One client; each of its batches is of another day and organization."""

    def __init__(self, port: int) -> None:
        self._connection = HTTPConnection("127.0.0.1", port)
        self._day = 0

    def write(self, org: int) -> float:
        """The milliseconds until a batch was answered."""
        self._day += 1
        day = f"2024-{self._day // 28 % 12 + 1:02}-{self._day % 28 + 1:02}"
        hour = self._day // 336 % 24
        points = [
            {
                "measurement": "heart_rate",
                "tags": {"user_id": str(org * 100 + 1)},
                "fields": {"bpm": 60 + n % 40},
                "timestamp": f"{day}T{hour:02}:{n // 60:02}:{n % 60:02}Z",
            }
            for n in range(POINTS)
        ]
        body = json.dumps({"bucket": f"org_{org}", "points": points})
        headers = bearer(org * 100 + 1, "admin", org) | {"Content-Type": "application/json"}
        began = time.perf_counter()
        self._connection.request("POST", "/timeseries/write", body, headers)
        answer = self._connection.getresponse()
        assert answer.status == 200, answer.read()
        answer.read()
        return (time.perf_counter() - began) * 1000


def in_turns(
    port: int, watched: int, quiet: int, blocks: int, programs: Mapping[str, int]
) -> dict[int, tuple[float, Mapping[str, float]]]:
    """For both organizations the median of a batch in ms, and the CPU ms that each program took for one."""
    writer, took = Writer(port), {watched: list[float](), quiet: list[float]()}
    used = {org: Counter[str]() for org in took}
    for org in (watched, quiet):
        writer.write(org)
    for block in range(blocks):
        for org in (watched, quiet) if block % 2 else (quiet, watched):
            before = _used(programs)
            took[org] += [writer.write(org) for _ in range(BLOCK)]
            time.sleep(SETTLED_SECONDS)
            used[org].update({name: value - before[name] for name, value in _used(programs).items()})
    return {
        org: (statistics.median(times), {name: value / len(times) for name, value in used[org].items()})
        for org, times in took.items()
    }


def _used(programs: Mapping[str, int]) -> dict[str, float]:
    """The CPU ms of each program and its children so far."""
    found = {}
    for name, pid in programs.items():
        process = psutil.Process(pid)
        families = [process, *process.children(recursive=True)]
        found[name] = sum(sum(it.cpu_times()[:2]) for it in families) * 1000
    return found


def programs(live: LiveSystem, postgres: Postgres, valkey: Valkey) -> dict[str, int]:
    """The pids of what takes part."""
    started = {"gateway": live.gateway.process, "influx": live.influx.process, "the stream process": live.process}
    pids = {name: process.pid for name, process in started.items() if process is not None}
    return pids | {"PostgreSQL": postgres.pid, "Valkey": valkey.pid}


def main() -> None:
    """Measure, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--blocks", type=int, default=30)
    parser.add_argument("--fsync", default="always", help="Valkey's appendfsync")
    asked = parser.parse_args()
    with ExitStack() as stack:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="heartguard-ingest-")))
        postgres, valkey = Postgres(directory), Valkey(directory, asked.fsync)
        for server in (postgres, valkey):
            server.start()
            stack.callback(server.stop)
        database = stack.enter_context(postgres.database())
        watched, quiet = (found(database) for _ in range(2))
        for org in (watched, quiet):
            enroll(database, org, org * 100 + 1, "admin")
        live = stack.enter_context(live_system(database, valkey.url, directory))
        clients = stack.enter_context(closing(Clients(live.gateway.port)))
        clients.tell({"open": [["/stream", bearer(watched * 100 + 1, "admin", watched)]]})
        taking_part = programs(live, postgres, valkey) | {"the listener": clients.pid}
        result = in_turns(live.gateway.port, watched, quiet, asked.blocks, taking_part)
    (busy, work), (idle, less) = result[watched], result[quiet]
    rows = [("a batch, ms", f"{busy:.1f}", f"{idle:.1f}")]
    rows += [(f"CPU ms of {name}", f"{work[name]:.2f}", f"{less[name]:.2f}") for name in work]
    print(report.table((f"{POINTS:,} points", "with a listener", "without"), rows))
    print(f"\nWith a listener a client writes {100 * (1 - idle / busy):.0f} % less.")


if __name__ == "__main__":
    main()
