"""SIGKILL under load: whose turn it is, for how long, and the system that survives it.

HEARTGUARD_KILL_SECONDS is how long a test goes on: a few seconds by default, 60 for the long form.
"""

import os
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from tests.clone import Clone
from tests.servers import until
from tests.system.writer import Member, founder

SECONDS = float(os.environ.get("HEARTGUARD_KILL_SECONDS", "8"))
STOP_SECONDS = 1.0 if SECONDS < 60 else 5.0


@contextmanager
def running(directory: Path, **environment: str) -> Iterator[Clone]:
    """A copy of the product in a directory, started with these settings."""
    copy = Clone.make(directory)
    try:
        started = copy.start(**environment)
        assert started.returncode == 0, started.stdout + started.stderr
        yield copy
    finally:
        copy.stop()


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Clone]:
    with running(tmp_path_factory.mktemp("killed")) as copy:
        yield copy


@pytest.fixture
def member(clone: Clone) -> Member:
    return founder(clone)


def first(clone: Clone, program: str) -> list[int]:
    """The process the supervisor started; its children find out by themselves."""
    return [clone.pid(program)]


def whole(clone: Clone, program: str) -> list[int]:
    """The program with all its children, so that nothing of it finishes what it was doing."""
    return clone.family(program)


Kill = tuple[str, Callable[[Clone, str], list[int]]]


def kill_in_turn(clone: Clone, kills: Sequence[Kill], seconds: float) -> None:
    """SIGKILL one program after the other, spread over `seconds`; ends when all are ready again."""
    began = time.monotonic()
    for place, (program, victims) in enumerate(kills):
        before = clone.pid(program)
        for pid in victims(clone, program):
            # A child may have noticed the end of its parent meanwhile.
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        until(lambda program=program, before=before: clone.replaced(program, before), f"return of {program}")
        time.sleep(max(0.0, began + (place + 1) * seconds / len(kills) - time.monotonic()))
    until(clone.all_ready, "readiness after all were killed")


def stop_in_turn(clone: Clone, programs: Sequence[str]) -> None:
    """Stop one program with its children after the other, each for a second (in the long form five)."""
    for program in programs:
        pids = clone.family(program)
        for what, pause in ((signal.SIGSTOP, STOP_SECONDS), (signal.SIGCONT, 0.2)):
            for pid in pids:
                with suppress(ProcessLookupError):
                    os.kill(pid, what)
            time.sleep(pause)
