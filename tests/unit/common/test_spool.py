"""The spool keeps its lines and their order, whenever a process ends."""

import errno
import os
import resource
import threading

import pytest

from heartguard_common.stores.spool import BATCH, Spool


class RefusedError(Exception):
    """The receiver refuses further lines."""


@pytest.fixture
def path(tmp_path):
    return tmp_path / "deep" / "user.events"


@pytest.fixture
def spool(path):
    return Spool(path)


def drained(spool):
    lines = []
    spool.drain(lines.extend)
    return lines


def test_lines_are_read_once_in_order(spool):
    lines = [b"one", b"two", b"three"]
    for line in lines:
        spool.append(line)
    assert not spool.empty()
    assert drained(spool) == lines
    assert spool.empty()
    assert drained(spool) == []


def test_an_unwritten_spool_is_empty(spool, path):
    assert spool.empty()
    assert not path.exists()


def test_another_process_reads_stored_lines(spool, path):
    spool.append(b"one")
    assert drained(Spool(path)) == [b"one"]
    assert spool.empty()


def test_a_spool_file_is_private(spool, path):
    spool.append(b"one")
    assert path.stat().st_mode & 0o777 == 0o600


def refusing(taken, batches):
    """A receiver that accepts a number of batches."""
    left = iter(range(batches))

    def send(lines):
        if next(left, None) is None:
            raise RefusedError
        taken.extend(lines)

    return send


def test_a_refused_batch_is_sent_again_before_newer_lines_and_once(spool):
    lines = [b"%d" % number for number in range(2 * BATCH + 50)]
    for line in lines:
        spool.append(line)
    taken = []
    for batches in (0, 1, 0, 1):
        with pytest.raises(RefusedError):
            spool.drain(refusing(taken, batches))
    assert not spool.empty()
    spool.append(b"newer")
    assert taken + drained(spool) == [*lines, b"newer"]
    assert spool.empty()


def test_a_full_disk_keeps_the_remaining_lines_in_place(spool):
    lines = [b"%d" % number for number in range(BATCH + 50)]
    for line in lines:
        spool.append(line)
    usual = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20, usual[1]))
    try:
        with pytest.raises(RefusedError):
            spool.drain(refusing([], 1))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, usual)
    assert drained(spool) == lines


def test_writers_do_not_wait_for_the_drainer(spool, path):
    spool.append(b"one")
    taken, drained_beside = [], []

    def send(lines):
        if not taken:
            other = Spool(path)
            other.append(b"two")
            drained_beside.append(other.drain(taken.extend))
        taken.extend(lines)

    assert spool.drain(send) == 2
    assert (taken, drained_beside) == ([b"one", b"two"], [0])


def test_half_a_last_line_was_not_acknowledged_and_is_ignored(spool, path):
    spool.append(b"one")
    with path.open("ab") as file:
        file.write(b'{"half": ')
    spool.append(b"two")
    assert drained(spool) == [b"one", b"two"]


def test_half_a_single_line_is_dropped(spool, path):
    path.parent.mkdir()
    path.write_bytes(b'{"half": ')
    assert drained(spool) == []
    assert spool.empty()


def test_a_partial_write_keeps_the_lines_before_it(spool, path):
    spool.append(b"one")
    before = path.read_bytes()
    usual = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (len(before) + 3, usual[1]))
    try:
        with pytest.raises(OSError, match=os.strerror(errno.ENOSPC)):
            spool.append(b"too long")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, usual)
    assert path.read_bytes() == before
    spool.append(b"two")
    assert drained(spool) == [b"one", b"two"]


def test_parallel_writers_and_a_drainer_lose_and_double_nothing(path):
    out = []
    done = threading.Event()

    def write(name):
        own = Spool(path)
        for number in range(50):
            own.append(b"%s-%d" % (name, number))

    def drain():
        own = Spool(path)
        while not done.is_set():
            own.empty()
            own.drain(out.extend)

    writers = [threading.Thread(target=write, args=(name,)) for name in (b"a", b"b")]
    drainers = [threading.Thread(target=drain) for _ in range(2)]
    for thread in (*writers, *drainers):
        thread.start()
    for thread in writers:
        thread.join()
    done.set()
    for thread in drainers:
        thread.join()
    Spool(path).drain(out.extend)
    for name in (b"a", b"b"):
        assert [line for line in out if line.startswith(name)] == [b"%s-%d" % (name, number) for number in range(50)]
    assert len(out) == 100
