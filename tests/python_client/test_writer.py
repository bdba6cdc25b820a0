"""The durable queue: nothing that was put in is lost or stored twice, also when its process is killed."""

import itertools
import os
import signal
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

import sources
from heartguard_client import BatchingWriter, Client, Password, Point, PointQueue, QueueFullError
from heartguard_client.points import heart_rate
from tests.cut_connections import KillingWire
from tests.python_client.conftest import PASSWORD, Person
from tests.servers import free_port, until

BEGIN = datetime(2024, 6, 1, 10, tzinfo=UTC)
ENDLESS = 1_000_000
PROGRAM = """
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from heartguard_client import BatchingWriter, Client, Password, PointQueue
from heartguard_client.points import heart_rate

url, email, password, user, bucket, path, first, count = sys.argv[1:]
queue = PointQueue(Path(path))
begin = datetime(2024, 6, 1, 10, tzinfo=UTC)
print("ready", flush=True)
sys.stdin.readline()
with Client(url, Password(email, password)) as client, BatchingWriter(client, queue, bucket, batch=20) as writer:
    for number in range(int(first), int(first) + int(count)):
        writer.write(heart_rate(int(user), begin + timedelta(seconds=number), 60 + number % 60))
        print(number, flush=True)
    sys.exit(0 if writer.flush(30) else 1)
"""


def stored(client: Client, person: Person) -> list[float]:
    """The values of all stored points, in the order of time."""
    found = client.samples(person.bucket, "heart_rate", BEGIN, BEGIN + timedelta(days=1))
    return [float(it.fields["bpm"] or 0) for it in found]


def test_a_writer_that_is_killed_while_it_sends_loses_and_doubles_nothing(client, person, tmp_path):
    port = int(person.url.rpartition(":")[2])
    acknowledged: list[int] = []
    with KillingWire(port) as wire:
        for piece, last in itertools.product((1, 2, 3, 4, 5, 6), ("lost", "delivered")):
            assert _run(wire, person, tmp_path, acknowledged, piece, last) == -signal.SIGKILL
        # Nobody kills the last one: it sends what the others have left.
        assert _run(wire, person, tmp_path, acknowledged, ENDLESS, "lost") == 0
    expected = [60 + number % 60 for number in sorted(set(acknowledged))]
    found = stored(client, person)
    # The kill may come between the write to the disk and the line that says so: one point more for each run at most.
    assert len(expected) <= len(found) <= len(expected) + 12
    assert PointQueue(tmp_path / "queue.db").rejected() == []
    moments = [it.time for it in client.samples(person.bucket, "heart_rate", BEGIN, BEGIN + timedelta(days=1))]
    assert len(set(moments)) == len(moments)
    wanted = {(BEGIN + timedelta(seconds=number)).isoformat().replace("+00:00", "Z") for number in acknowledged}
    assert wanted <= set(moments)


def _run(wire: KillingWire, person: Person, folder: Path, acknowledged: list[int], piece: int, last: str) -> int:
    """Write 60 points more by a process that is killed at a piece of its traffic; returns its exit code."""
    first = max(acknowledged, default=-1) + 100
    url = f"http://127.0.0.1:{wire.port}"
    values = (url, person.email, PASSWORD, str(person.id), person.bucket, str(folder / "queue.db"), str(first), "60")
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sources.SOURCES)}
    with subprocess.Popen(
        [sys.executable, "-c", PROGRAM, *values],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=environment,
    ) as program:
        assert program.stdin is not None
        assert program.stdout is not None
        assert program.stdout.readline() == "ready\n"
        wire.arm(piece, last)  # type: ignore[arg-type]
        wire.aim(program.pid)
        program.stdin.write("go\n")
        program.stdin.flush()
        acknowledged += [int(line) for line in program.stdout if line.strip().isdecimal()]
        return program.wait(60)


def test_points_wait_while_the_server_is_away(person, tmp_path):
    away = f"http://127.0.0.1:{free_port()}"
    queue = PointQueue(tmp_path / "queue.db")
    with Client(away, Password(person.email, PASSWORD)) as client:
        writer = BatchingWriter(client, queue, person.bucket, interval=0.01)
        writer.write(heart_rate(person.id, BEGIN, 72))
        until(lambda: writer.last_error is not None, "an attempt has failed")
        assert not writer.close(0.5)
    assert len(queue) == 1
    with person.client() as client, BatchingWriter(client, queue, person.bucket) as writer:
        assert writer.flush()
        assert stored(client, person) == [72]


def test_a_wrong_point_keeps_no_other_out(client, person, tmp_path):
    queue = PointQueue(tmp_path / "queue.db")
    rejected = []
    with BatchingWriter(client, queue, person.bucket, on_rejected=rejected.append) as writer:
        writer.write(
            heart_rate(person.id, BEGIN, 71),
            {"measurement": "", "tags": {}, "fields": {}},  # against the contract: refuses its whole batch
            heart_rate(person.id, BEGIN + timedelta(seconds=1), 72),
            Point("heart_rate", BEGIN, {"bpm": "fast"}, {"user_id": str(person.id)}),  # a verdict on this point alone
        )
        assert writer.flush()
    assert stored(client, person) == [71, 72]
    assert queue.rejected() == rejected
    assert [it.point["measurement"] for it in rejected] == ["", "heart_rate"]


def test_two_processes_may_send_from_one_queue(client, person, tmp_path):
    path = tmp_path / "queue.db"
    queues = [PointQueue(path) for _ in range(2)]
    queues[0].put(person.bucket, [heart_rate(person.id, BEGIN + timedelta(seconds=n), 60) for n in range(200)])
    writers = [BatchingWriter(client, queue, person.bucket, batch=10, interval=0.01) for queue in queues]
    for writer in writers:
        writer.flush()
    until(lambda: len(queues[0]) == 0, "everything is sent")
    for writer in writers:
        writer.close()
    assert len(stored(client, person)) == 200


def test_a_full_queue_refuses_a_call_as_a_whole(tmp_path):
    queue = PointQueue(tmp_path / "queue.db", limit=3)
    points = [heart_rate(1, BEGIN + timedelta(seconds=number), 60) for number in range(2)]
    queue.put("org_1", points)
    with pytest.raises(QueueFullError, match="at most 3"):
        queue.put("org_1", points)
    assert len(queue) == 2


def test_a_point_without_a_time_gets_one_when_it_is_queued(tmp_path):
    queue = PointQueue(tmp_path / "queue.db", clock=lambda: 1_717_236_000.0)
    queue.put("org_1", [{"measurement": "heart_rate", "fields": {"bpm": 72}}])
    batch = queue.next_batch(10)
    assert batch is not None
    assert batch.points[0]["timestamp"] == "2024-06-01T10:00:00Z"
    assert queue.next_batch(10) == batch  # the same points under the same key, until it is finished
