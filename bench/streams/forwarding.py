"""What it costs to hand streams over to the stream process, and what it would cost to forward them.

Run from the root: .venv/bin/python -m bench.streams.forwarding [--streams 2000] [--events 100]
Both are the gateway's side: one gives connections away, the other is a proxy that does no more than copy bytes. Counted
are memory and CPU time of that side and of the stream process together, not wall-clock time.
"""

import argparse
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

import psutil
import redis

from bench import report
from bench.streams.__main__ import memory, peer
from bench.streams.driven import Clients
from heartguard_common.streams.events import PointsEvent, Run
from heartguard_common.streams.publish import Publisher
from tests.people import enroll, found
from tests.servers import Postgres, Valkey, free_port
from tests.service.gateway.live import LiveSystem, live_system
from tests.tokens import bearer

FORWARDER = Path(__file__).with_name("forwarder.py")
ROWS = ("way", "KiB a stream", "sockets a stream", "CPU us to open", "CPU us a delivery")


def cpu(pids: list[int]) -> float:
    """The CPU time that the processes have used, in seconds."""
    return sum(sum(psutil.Process(pid).cpu_times()[:2]) for pid in pids)


def sockets(pids: list[int]) -> int:
    """How many files the processes have open."""
    return sum(psutil.Process(pid).num_fds() for pid in pids)


def measure(
    pids: list[int], port: int, org: int, streams: int, publish: list[PointsEvent], publisher: Publisher
) -> tuple[str, ...]:
    """A row of the table."""
    held, files, used = sum(map(memory, pids)), sockets(pids), cpu(pids)
    clients = Clients(port)
    try:
        opened = clients.tell({"open": [["/stream", bearer(org * 100 + 1, "admin", org)]] * streams})
        assert opened["open"] == streams, opened
        time.sleep(2)
        opening, each = cpu(pids) - used, (sum(map(memory, pids)) - held) / streams
        taken = (sockets(pids) - files) / streams
        used, seen = cpu(pids), 0
        for event in publish:
            publisher.publish(org, [event])
        deadline = time.monotonic() + 120
        while seen < streams * len(publish) and time.monotonic() < deadline:
            time.sleep(1)
            seen += clients.tell({"report": True})["events"]
        assert seen == streams * len(publish), seen
        delivering = cpu(pids) - used
        return f"{each:.1f}", f"{taken:.1f}", f"{opening / streams * 1e6:,.0f}", f"{delivering / seen * 1e6:.1f}"
    finally:
        clients.close()
        time.sleep(3)


def pids_of(live: LiveSystem) -> tuple[list[int], int]:
    """The processes of the gateway, and the stream process."""
    assert live.process is not None
    assert live.gateway.process is not None
    parent = psutil.Process(live.gateway.process.pid)
    return [parent.pid, *(it.pid for it in parent.children())], live.process.pid


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m bench.streams.forwarding",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--streams", type=int, default=2000)
    parser.add_argument("--events", type=int, default=100)
    asked = parser.parse_args()
    with ExitStack() as stack:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="heartguard-streams-")))
        postgres, valkey = Postgres(directory), Valkey(directory)
        for server in (postgres, valkey):
            server.start()
            stack.callback(server.stop)
        database = stack.enter_context(postgres.database())
        org = found(database)
        enroll(database, org, org * 100 + 1, "admin")
        publisher = Publisher(redis.Redis.from_url(valkey.url, decode_responses=True))
        run = Run("heart_rate", {"user_id": "7"}, ["sent"], None, [time.time_ns()], [time.time()])
        events = [PointsEvent(f"org_{org}", [run])] * asked.events
        limits = {"LIMITS": "streams=100000,streams_per_member=100000"}
        live = stack.enter_context(live_system(database, valkey.url, directory, influx=limits))
        gateway, streaming = pids_of(live)
        given = [*gateway, streaming], live.gateway.port, org, asked.streams, events, publisher
        measure(given[0], given[1], org, 10, events[:2], publisher)  # what is loaded once
        rows = [("handed over", *measure(*given))]
        port = free_port()
        with peer([sys.executable, str(FORWARDER), str(port), str(live.port)], port, directory) as pid:
            rows.append(("forwarded", *measure([pid, streaming], port, org, asked.streams, events, publisher)))
    print(report.table(ROWS, rows))


if __name__ == "__main__":
    main()
