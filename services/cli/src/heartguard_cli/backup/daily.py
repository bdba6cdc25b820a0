"""The program that takes a backup once a day: `python -m heartguard_cli.backup.daily`.

It sleeps nearly all the time, so it loads nothing but the standard library; a backup is a process of its own.
"""

import json
import os
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime
from typing import NoReturn

DAY_SECONDS = 86_400.0
FIRST_SECONDS = 300.0
RETRY_SECONDS = 3600.0


def main() -> NoReturn:
    """Run until SIGTERM: the first time after five minutes, if the newest backup is a day old by then."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    time.sleep(FIRST_SECONDS)
    while True:
        time.sleep(_step())


def _step() -> float:
    """Let a backup be taken if one is due; seconds until the next look."""
    started = time.monotonic()
    command = [sys.executable, "-m", "heartguard_cli.backup.schedule"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as child:
        try:
            output, errors = child.communicate()
        finally:
            # when stopped: an incomplete backup is removed by the process that began it
            child.terminate()
    seconds = time.monotonic() - started
    failed = child.returncode != 0
    line = {
        "timestamp": datetime.now(UTC).isoformat(),
        "level": "error" if failed else "info",
        "service": os.environ.get("HEARTGUARD_PROGRAM", "backup"),
        "request_id": None,
        "message": (errors if failed else output).strip()[-2000:],
        "seconds": round(seconds, 1),
    }
    print(json.dumps(line), file=sys.stderr, flush=True)
    return RETRY_SECONDS


if __name__ == "__main__":
    main()
