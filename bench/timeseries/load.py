"""Eight clients that send prepared batches, and the cost of that for each program."""

import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection

import psutil

CLIENTS = 8
POINTS = 1000
Send = Callable[[int], None]
"""Sends the batch with that number, and raises unless all its points are new; one for each client."""


@dataclass(frozen=True)
class Measured:
    """The result of one way of writing: points per second, milliseconds and CPU milliseconds a batch, resident MB."""

    name: str
    rate: float
    p50: float
    p99: float
    cpu: Mapping[str, float]
    memory: Mapping[str, float]


Spent = dict[int, tuple[float, float]]


def spent(pids: Sequence[int]) -> Spent:
    """CPU seconds and MB (PSS) of each process until now; one that has ended is left out."""
    found: Spent = {}
    for pid in pids:
        try:
            process = psutil.Process(pid)
            times = process.cpu_times()
            found[pid] = times.user + times.system, process.memory_full_info().pss / 1e6
        except psutil.NoSuchProcess:
            continue
    return found


def measure(
    name: str,
    senders: Sequence[Send],
    batches: Iterator[int],
    seconds: float,
    programs: Mapping[str, Callable[[], Sequence[int]]],
) -> Measured:
    """Run all senders for a number of seconds; each takes the next batch."""
    lock, latencies, troubles = threading.Lock(), [], []
    began = time.perf_counter()

    def run(send: Send) -> None:
        try:
            while time.perf_counter() - began < seconds:
                with lock:
                    batch = next(batches)
                started = time.perf_counter()
                send(batch)
                latencies.append(time.perf_counter() - started)
        except Exception as error:  # noqa: BLE001  raised again below, in the thread that waits
            troubles.append(error)

    before = {program: spent(pids()) for program, pids in programs.items()}
    threads = [threading.Thread(target=run, args=(send,)) for send in senders]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    elapsed = time.perf_counter() - began
    if troubles:
        raise troubles[0]
    after = {program: spent(pids()) for program, pids in programs.items()}
    ranked = sorted(latencies)
    return Measured(
        name,
        len(ranked) * POINTS / elapsed,
        ranked[len(ranked) // 2] * 1000,
        ranked[int(len(ranked) * 0.99)] * 1000,
        {program: _cpu(before[program], after[program]) / len(ranked) * 1000 for program in programs},
        {program: sum(memory for _, memory in after[program].values()) for program in programs},
    )


def _cpu(before: Spent, after: Spent) -> float:
    # Each connection to PostgreSQL has a process, which may be new.
    return sum(cpu - before.get(pid, (0.0, 0.0))[0] for pid, (cpu, _) in after.items())


@contextmanager
def http_senders(
    port: int, target: str, headers: Mapping[str, str], body: Callable[[int], bytes], new: bytes
) -> Iterator[list[Send]]:
    """A persistent connection for each client; an answer must contain `new` once for each point."""
    links = [HTTPConnection("127.0.0.1", port, timeout=30) for _ in range(CLIENTS)]

    def sender(link: HTTPConnection) -> Send:
        def send(batch: int) -> None:
            link.request("POST", target, body(batch), dict(headers))
            answer = link.getresponse()
            content = answer.read()
            if answer.status != 200 or content.count(new) != POINTS:
                raise RuntimeError(f"{answer.status}: {content[:300]!r}")

        return send

    try:
        yield [sender(link) for link in links]
    finally:
        for link in links:
            link.close()
