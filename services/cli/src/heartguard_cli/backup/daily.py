"""The program that takes a backup once a day: `python -m heartguard_cli.backup.daily`.

It rests nearly always, so it loads nothing but the standard library, and a backup is a process of its own.
"""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from datetime import UTC, datetime

DAY_SECONDS = 86_400.0
FIRST_SECONDS = 300.0
RETRY_SECONDS = 3600.0


def main() -> int:
    """Run until SIGTERM: the first time after five minutes, if the newest backup is a day old by then."""
    ended = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: ended.set())
    wait = FIRST_SECONDS
    while not ended.wait(wait):
        wait = _step()
    return 0


def _step() -> float:
    """Let a backup be taken if one is due; seconds until the next look."""
    started = time.monotonic()
    command = [sys.executable, "-m", "heartguard_cli.backup.due"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    seconds = time.monotonic() - started
    failed = done.returncode != 0
    line = {
        "timestamp": datetime.now(UTC).isoformat(),
        "level": "error" if failed else "info",
        "service": os.environ.get("HEARTGUARD_PROGRAM", "backup"),
        "request_id": None,
        "message": (done.stderr if failed else done.stdout).strip()[-2000:],
        "seconds": round(seconds, 1),
    }
    print(json.dumps(line), file=sys.stderr, flush=True)
    return RETRY_SECONDS


if __name__ == "__main__":
    sys.exit(main())
