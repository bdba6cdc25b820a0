"""Wait until an embedded server answers."""

import time
from collections.abc import Callable

from heartguard_cli.errors import CommandError
from heartguard_cli.layout import Layout
from heartguard_cli.program_logs import SILENCE, last_error, size
from heartguard_cli.supervision import States, crashing

STORES_SECONDS = 60.0
CRASHING_SECONDS = 5.0


def await_answer(answers: Callable[[], bool], name: str, layout: Layout, states: Callable[[], States]) -> None:
    """Wait until `answers` is true. Raises `CommandError` with the last error of the program's log."""
    started = time.monotonic()
    log = layout.log / f"{name}.log"
    offset = size(log)
    while not answers():
        waited = time.monotonic() - started
        reason = last_error(log, offset)
        # a query that outlives its killed server holds the cluster until its time-out
        ends_by_itself = "shared memory" in reason or waited < CRASHING_SECONDS or reason == SILENCE
        if waited > STORES_SECONDS or (not ends_by_itself and crashing(states(), name)):
            raise CommandError(f"{name} does not start: {reason} (var/log/{name}.log)")
        time.sleep(0.05)
