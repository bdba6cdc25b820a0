"""How a process of a service is replaced while it serves: its successor takes over the sockets it listens on.

`heartguard restart --rolling` sends signals to gunicorn's master. At SIGUSR2 it gives its sockets to the command, which
passes them on to the successor; at SIGWINCH its workers accept nothing more, and end when they have answered. A
successor accepts when it is ready. Connections wait in the sockets meanwhile, which are open all the time.
"""

import mmap
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from heartguard_common.core.lifecycle import LIFECYCLE
from heartguard_common.runtime import hand_over

SOCKET = "HEARTGUARD_HANDOVER"
"""The path of the command's socket; the supervisor's programs have it."""
TAKEN_OVER = "HEARTGUARD_TAKEN_OVER"
"""Set for a program that was started with the sockets of another."""
DRAIN_SECONDS = 30
"""How long requests may still take when a successor serves already; the gateway gives a service as long to answer."""
READY_SECONDS = 15.0
_POLL_SECONDS = 0.05
_draining = mmap.mmap(-1, 1)  # shared by a master and its workers


def prepare(server: Any) -> None:
    """Have gunicorn's master do, at these two signals, what is said above instead of what it does by itself."""
    server.handle_usr2 = lambda: _give_sockets(server)
    server.handle_winch = lambda: _drain(server)


def grace(usual: float) -> float:
    """The seconds that running requests have when a worker ends; `usual` where nothing takes over."""
    return float(DRAIN_SECONDS) if _draining[0] else usual


def await_readiness(worker: Any) -> None:
    """Return when a worker that took over is ready, or after `READY_SECONDS`; the others return at once.

    One that is ready leaves a file `ready-<pid>` beside its metrics, for the command. Workers that the master makes
    later, in place of one that has ended, do not wait: nobody else accepts then.
    """
    if not os.environ.get(TAKEN_OVER) or worker.age > worker.cfg.workers:
        return
    lifecycle = getattr(worker.wsgi, "extensions", {})[LIFECYCLE]
    deadline = time.monotonic() + READY_SECONDS
    while not all(health.ok for health in lifecycle.readiness()):
        if time.monotonic() > deadline:
            return
        time.sleep(_POLL_SECONDS)
    Path(os.environ["PROMETHEUS_MULTIPROC_DIR"], f"ready-{os.getpid()}").touch(mode=0o600)


def _give_sockets(server: Any) -> None:
    path = os.environ.get(SOCKET)
    if not path:
        server.log.warning("SIGUSR2 is ignored: nothing here takes sockets over")
        return
    descriptors = [listener.fileno() for listener in server.LISTENERS]
    words = [sys.executable, "-S", hand_over.__file__, path, os.environ["HEARTGUARD_PROGRAM"], *map(str, descriptors)]
    subprocess.Popen(words, pass_fds=descriptors, stdin=subprocess.DEVNULL)  # noqa: S603 - a file of ours


def _drain(server: Any) -> None:
    _draining[0] = 1
    server.num_workers = 0
    server.kill_workers(signal.SIGTERM)
