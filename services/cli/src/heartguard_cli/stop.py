"""Stop the system without Docker."""

import time

from heartguard_cli import locks
from heartguard_cli.layout import Layout
from heartguard_cli.programs import BESIDE, PROGRAMS
from heartguard_cli.progress import stage
from heartguard_cli.supervision import Supervisor
from heartguard_common.core.registry import SERVICES

STOP_SECONDS = 15.0
STOP_ORDER = ((tuple(SERVICES), "TERM"), (BESIDE, "TERM"), (("valkey",), "TERM"), (("postgres",), "INT"))


def down(layout: Layout) -> bool:
    """End everything in order; False when nothing was running. Raises `CommandError` for what does not end."""
    if not layout.run.exists():
        return False
    with locks.exclusive(layout.run / "start.lock"):
        supervisor = Supervisor(layout)
        if not supervisor.listening() and not locks.running(layout, PROGRAMS):
            return False
        with stage("stopping"):
            shut_down(layout, supervisor)
    return True


def shut_down(layout: Layout, supervisor: Supervisor) -> None:
    """End the supervisor and every program. Raises `CommandError` for one that does not end."""
    supervisor.shut_down()
    deadline = time.monotonic() + STOP_SECONDS
    while supervisor.listening() and time.monotonic() < deadline:
        time.sleep(0.05)
    locks.wait_free(layout, PROGRAMS, 2)
    _end_leftovers(layout)
    layout.started_with.unlink(missing_ok=True)


def _end_leftovers(layout: Layout) -> None:
    """End in order what an earlier supervisor that was killed has left behind."""
    for names, signal_name in STOP_ORDER:
        if locks.running(layout, names):
            locks.end(layout, names, signal_name, 6.0)
