"""What can happen to a program: it is killed, it hangs (shorter or longer), it gets little of the processor."""

import os
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

from heartguard_common.core.registry import SERVICES
from tests.clone import Clone
from tests.servers import until

HANG_SECONDS = 2.0
STALL_SECONDS = 35.0  # longer than the gateway waits for an answer, and gunicorn for a worker's sign of life
SLOW_SECONDS = 3.0
SLOW_REST, SLOW_TURN = 0.09, 0.01  # a tenth of the time is left to it
STORES = ("postgres", "valkey")
PROGRAMS = (*SERVICES, "consumer", *STORES)


def kill(clone: Clone, program: str) -> None:
    """SIGKILL the program and its children; ends when the supervisor has begun it anew."""
    before = clone.pid(program)
    for pid in clone.family(program):
        with suppress(ProcessLookupError):  # a child may have noticed the end of its parent
            os.kill(pid, signal.SIGKILL)
    until(lambda: clone.replaced(program, before), f"return of {program}")


def hang(clone: Clone, program: str) -> None:
    """Stop it with all its connections open, and let it go on before anybody gives up."""
    _stop(clone, program, HANG_SECONDS)


def stall(clone: Clone, program: str) -> None:
    """Stop it for so long that everybody who waits for it has given up."""
    _stop(clone, program, STALL_SECONDS)


def _stop(clone: Clone, program: str, seconds: float) -> None:
    family = clone.family(program)
    _send(family, signal.SIGSTOP)
    try:
        time.sleep(seconds)
    finally:
        _send(family, signal.SIGCONT)


def slow(clone: Clone, program: str) -> None:
    """Let it run a tenth of the time."""
    family = clone.family(program)
    ends = time.monotonic() + SLOW_SECONDS
    while time.monotonic() < ends:
        _send(family, signal.SIGSTOP)
        time.sleep(SLOW_REST)
        _send(family, signal.SIGCONT)
        time.sleep(SLOW_TURN)


def _send(family: list[int], what: signal.Signals) -> None:
    for pid in family:
        with suppress(ProcessLookupError):
            os.kill(pid, what)


@dataclass(frozen=True)
class Fault:
    """A program, and what happens to it."""

    program: str
    inflict: Callable[[Clone, str], None]

    def __str__(self) -> str:
        return f"{self.inflict.__name__} {self.program}"

    def elsewhere(self, clone: Clone) -> str:
        """The URL of a route that needs nothing of this program."""
        gateway = f"http://127.0.0.1:{clone.ports['gateway']}"
        if self.program == "gateway":
            return f"http://127.0.0.1:{clone.ports['user']}{SERVICES['user'].prefix}/health"
        if self.program in STORES:
            return gateway + "/gateway/health"
        return gateway + ("/organization" if self.program == "user" else "/users/me")


SHORT = (
    Fault("influx", kill),
    Fault("postgres", hang),
    Fault("media", hang),
    Fault("valkey", kill),
    Fault("consumer", kill),
    Fault("user", slow),
)
ALL = tuple(Fault(program, inflict) for program in PROGRAMS for inflict in (kill, hang, slow, stall))
