"""A PostgreSQL that answers while a command runs: the one of the running system, or the embedded one for this alone."""

import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from heartguard_cli import locks
from heartguard_cli.errors import CommandError
from heartguard_cli.programs import PROGRAMS, System

if TYPE_CHECKING:
    from heartguard_cli.supervision import States

CHECKPOINT_SECONDS = 600.0  # for a PostgreSQL that has just been filled from a backup


@contextmanager
def database(system: System, *, stopped: bool = False) -> Iterator[None]:
    """PostgreSQL answers inside the block: the one that runs, or the embedded one, started for the block alone.

    With `stopped`, nothing of the system may run before or inside it. Raises `CommandError`.
    """
    layout, cluster = system.layout, system.postgres
    layout.make()
    if not stopped and (cluster is None or locks.held(layout.lock("postgres"))):
        yield
        return
    with locks.exclusive(layout.run / "start.lock"):
        if running := locks.running(layout, PROGRAMS):
            raise CommandError(f"HeartGuard is running ({', '.join(running)}): ./stop_services.sh first")
        if cluster is None:
            yield
            return
        # loaded here: supervisor's client takes 0.05 s, and while the system runs it is not needed
        from heartguard_cli.waiting import await_answer  # noqa: PLC0415

        cluster.make()
        with (layout.log / "postgres.log").open("ab") as log:
            server = subprocess.Popen(cluster.command(), stdout=log, stderr=log, stdin=subprocess.DEVNULL, cwd="/")
        try:
            await_answer(cluster.answers, "postgres", layout, lambda: _as_state(server))
            cluster.make_database()
            yield
        finally:
            server.send_signal(signal.SIGINT)
            try:
                server.wait(CHECKPOINT_SECONDS)
            except subprocess.TimeoutExpired:
                raise CommandError(
                    f"PostgreSQL (pid {server.pid}) is still writing to the disk: wait until it has ended"
                ) from None


def _as_state(server: "subprocess.Popen[bytes]") -> "States":
    return {"postgres": {"statename": "RUNNING" if server.poll() is None else "EXITED"}}
