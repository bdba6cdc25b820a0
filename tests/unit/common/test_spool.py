"""The spool: what it took stays, in order, whatever ends in the middle."""

import errno
import os
import resource
import threading

import pytest

from heartguard_common.spool import Spool


class RefusedError(Exception):
    """The receiver takes no more."""


@pytest.fixture
def path(tmp_path):
    return tmp_path / "deep" / "user.events"


@pytest.fixture
def spool(path):
    return Spool(path)


def drained(spool):
    lines = []
    spool.drain(lines.append)
    return lines


def test_lines_come_out_once_in_the_order_they_went_in(spool):
    lines = [b"one", b"two", b"three"]
    for line in lines:
        spool.append(line)
    assert not spool.empty()
    assert drained(spool) == lines
    assert spool.empty()
    assert drained(spool) == []


def test_a_spool_that_was_never_written_is_empty(spool, path):
    assert spool.empty()
    assert not path.exists()


def test_another_process_finds_what_this_one_stored(spool, path):
    spool.append(b"one")
    assert drained(Spool(path)) == [b"one"]
    assert spool.empty()


def test_a_line_is_for_its_owner_alone(spool, path):
    spool.append(b"one")
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_receiver_that_refuses_gets_everything_again_before_what_is_newer(spool):
    for line in (b"one", b"two"):
        spool.append(line)
    taken = []

    def once(line):
        if taken:
            raise RefusedError
        taken.append(line)

    with pytest.raises(RefusedError):
        spool.drain(once)
    assert not spool.empty()
    spool.append(b"three")
    assert drained(spool) == [b"one", b"two", b"three"]


def test_half_a_line_at_the_end_was_never_acknowledged_and_spoils_nothing(spool, path):
    spool.append(b"one")
    with path.open("ab") as file:
        file.write(b'{"half": ')
    spool.append(b"two")
    assert drained(spool) == [b"one", b"two"]


def test_half_a_line_alone_is_dropped(spool, path):
    path.parent.mkdir()
    path.write_bytes(b'{"half": ')
    assert drained(spool) == []
    assert spool.empty()


def test_a_disk_that_takes_half_a_line_keeps_what_was_there(spool, path):
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


def test_writers_and_a_drainer_at_once_lose_and_double_nothing(path):
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
            own.drain(out.append)

    writers = [threading.Thread(target=write, args=(name,)) for name in (b"a", b"b")]
    drainers = [threading.Thread(target=drain) for _ in range(2)]
    for thread in (*writers, *drainers):
        thread.start()
    for thread in writers:
        thread.join()
    done.set()
    for thread in drainers:
        thread.join()
    Spool(path).drain(out.append)
    for name in (b"a", b"b"):
        assert [line for line in out if line.startswith(name)] == [b"%s-%d" % (name, number) for number in range(50)]
    assert len(out) == 100
