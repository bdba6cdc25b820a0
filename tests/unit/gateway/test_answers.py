"""Long answers between a service that is fast and a reader who is not."""

import hashlib
import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import gevent
import pytest
from gevent.event import Event

from heartguard_gateway.answers import MIB, AnswerLimits, Answers, Pace, Reader, ReaderCutError
from heartguard_gateway.byte_budget import ByteBudget
from heartguard_gateway.lanes import Lanes

BLOCK = 64 * 1024
DATA = random.Random(3).randbytes(3 * MIB)


class Service:
    """Gives its blocks as fast as they are taken; `more` are waited for, `error` is how it ends."""

    def __init__(self, data: bytes = DATA, error: Exception | None = None, more: Event | None = None) -> None:
        self._data, self._error, self._more = data, error, more
        self.given = 0
        self.free = False

    def __iter__(self) -> Iterator[bytes]:
        for place in range(0, len(self._data), BLOCK):
            self.given = min(place + BLOCK, len(self._data))
            yield self._data[place : self.given]
        if self._more is not None:
            self._more.wait()
        if self._error is not None:
            raise self._error

    def close(self) -> None:
        self.free = True


class Stack:
    """Answers of one worker, with a clock that the test sets, and one service's lanes."""

    def __init__(self, directory: Path, **limits: Any) -> None:
        self.now = 0.0
        self.cut: list[str] = []
        self.why: list[str] = []
        self.lanes = Lanes(2, 1)
        self.kept: list[Any] = []
        limits = {"spare": 0, **limits}
        self.answers = Answers(directory, AnswerLimits(**limits), count=self.why.append, monotonic=lambda: self.now)

    def keep(self, service: Service, length: int | None = None, holder: str = "a") -> Any:
        reader = Reader(holder, self.lanes, lambda: self.cut.append(holder))
        answer = self.answers.keep(service, length, reader)
        self.kept += [] if answer is None else [answer]
        return answer

    def empty(self) -> bool:
        gevent.sleep(0)
        return (self.answers.memory.used, self.answers.disk.used, self.lanes.busy) == (0, 0, 0)


Make = Callable[..., Stack]


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Make]:
    made: list[Stack] = []

    def new(directory: Path = tmp_path, **limits: Any) -> Stack:
        made.append(Stack(directory, **limits))
        return made[-1]

    yield new
    for answer in (answer for stack in made for answer in stack.kept):
        answer.close()


@pytest.mark.parametrize("length", [len(DATA), None])
def test_a_service_is_free_before_the_reader_has_read_anything(make: Make, tmp_path: Path, length: int | None) -> None:
    stack, service = make(), Service()
    answer = stack.keep(service, length)
    gevent.sleep(0.05)
    assert service.free
    assert stack.answers.memory.used <= stack.answers.limits.one
    assert not list(tmp_path.iterdir())  # the file has no name
    assert hashlib.sha256(b"".join(answer)).digest() == hashlib.sha256(DATA).digest()
    answer.close()
    assert stack.empty()


def test_a_reader_that_keeps_up_needs_no_file(make: Make, tmp_path: Path) -> None:
    stack = make(tmp_path / "nowhere")
    answer = stack.keep(Service())
    assert b"".join(answer) == DATA
    assert (stack.why, stack.lanes.busy) == ([], 0)
    answer.close()


def test_blocks_keep_their_order_when_the_file_empties_in_between(make: Make) -> None:
    stack, more = make(one=BLOCK), Event()
    service = Service(more=more)
    answer = stack.keep(service)
    found = b""
    for place, block in enumerate(answer):
        found += block
        gevent.sleep(0.001 if place % 7 == 0 else 0)
        if len(found) == len(DATA):
            assert stack.answers.disk.used == 0
            more.set()
    assert found == DATA


def test_when_the_service_breaks_off_the_reader_gets_the_blocks_before_and_no_end(make: Make) -> None:
    stack = make()
    answer = stack.keep(Service(error=ValueError("broken")))
    gevent.sleep(0.05)
    found = []
    with pytest.raises(ValueError, match="broken"):
        found.extend(answer)
    assert b"".join(found) == DATA
    answer.close()
    assert stack.empty()


def test_who_leaves_in_the_middle_leaves_nothing_behind(make: Make) -> None:
    for length in (len(DATA), None):
        stack, service = make(), Service(more=Event())
        answer = stack.keep(service, length)
        next(iter(answer))
        answer.close()
        answer.close()
        assert service.free
        assert stack.empty()
    unread = stack.keep(service := Service())  # not even begun
    unread.close()
    assert service.free
    assert stack.empty()


def test_without_room_few_answers_wait_and_others_are_refused(make: Make) -> None:
    stack = make(disk=0)
    first, second = Service(), Service()
    answer = stack.keep(first, len(DATA), "a")
    assert stack.keep(Service(), len(DATA), "a") is None  # a holder's share
    assert stack.keep(second, len(DATA), "b") is not None
    assert stack.keep(Service(), len(DATA), "c") is None  # all lanes
    gevent.sleep(0.05)
    assert not first.free
    assert first.given <= stack.answers.limits.one + 2 * BLOCK
    assert b"".join(answer) == DATA
    answer.close()
    assert stack.lanes.busy == 1


def test_a_small_answer_needs_no_disk(make: Make) -> None:
    stack, data = make(disk=0), DATA[:MIB]
    found = [(service := Service(data), stack.keep(service, MIB)) for _ in range(5)]
    gevent.sleep(0.05)
    for service, answer in found:
        assert service.free
        assert b"".join(answer) == data
        answer.close()
    assert stack.empty()


def test_an_answer_of_unknown_length_that_finds_no_room_on_its_way_is_cut(make: Make) -> None:
    stack = make(disk=0)
    taken = stack.keep(Service(), None, "a")
    gevent.sleep(0.05)
    late = stack.keep(other := Service(), None, "a")
    gevent.sleep(0.05)
    assert (stack.cut, stack.why, other.free) == (["a"], ["no room"], True)
    with pytest.raises(ReaderCutError):
        list(late)
    assert b"".join(taken) == DATA


@pytest.mark.parametrize(
    ("limits", "why", "cut_at"),
    [
        ({"ordinary": Pace(20, 4096)}, "slow", 20 + BLOCK / 4096),
        ({"disk": 20 * MIB, "crowded": Pace(10, 65_536)}, "crowded", 10 + 1),
        ({"disk": 0, "waited_for": Pace(5, 65_536)}, "waited for", 5 + 1),
    ],
)
def test_who_reads_too_slowly_is_cut_off(make: Make, limits: dict[str, Any], why: str, cut_at: float) -> None:
    stack, service = make(**limits), Service()
    answer = stack.keep(service, len(DATA))
    next(blocks := iter(answer))
    stack.now = cut_at - 0.01
    stack.answers.sweep()
    assert stack.cut == []
    stack.now = cut_at + 0.01
    stack.answers.sweep()
    stack.answers.sweep()
    gevent.sleep(0)
    assert (stack.cut, stack.why, service.free) == (["a"], [why], True)
    blocks.close()  # type: ignore[attr-defined]
    answer.close()
    assert stack.empty()


def test_the_time_that_a_service_takes_is_not_the_readers(make: Make) -> None:
    stack, more = make(), Event()
    answer = stack.keep(Service(more=more))
    reading = gevent.spawn(b"".join, answer)
    gevent.sleep(0.05)
    stack.now = 1000.0
    stack.answers.sweep()
    more.set()
    assert reading.get(timeout=60) == DATA
    assert stack.why == []


def test_a_full_disk_is_left_alone(make: Make) -> None:
    stack = make(spare=1 << 62)
    assert stack.keep(Service(), len(DATA)) is not None
    assert (stack.answers.disk.used, stack.lanes.busy) == (0, 1)


def test_there_is_always_room_for_one_who_has_none() -> None:
    room = ByteBudget(1024)
    taken = []
    for place in range(4):
        before = room.used
        while room.take(str(place), 1):
            pass
        taken.append(room.used - before)
    assert taken == [256, 192, 144, 108]
    assert room.take("new", 81)
    assert not room.take("new", 1)
    assert not room.take("0", 1)
    for holder, size in zip((*"0123", "new"), (*taken, 81), strict=True):
        room.give(holder, size)
    assert room.used == 0
