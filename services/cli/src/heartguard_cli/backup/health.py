"""Whether backups succeed, for the health check of the container that makes them.

`python -m heartguard_cli.backup.health` ends with 1 when the last one failed or is too old.
"""

import json
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

from heartguard_common.core.paths import REPO_ROOT

FILE = REPO_ROOT / "var/backups/last.json"
"""Where `backup.last` writes."""
OLDEST = timedelta(hours=26)
"""One a day, looked at once an hour, and time to make it."""


def problem(file: Path, now: datetime) -> str | None:
    """What is wrong at `now`; None where nothing is, and before the first backup. Raises OSError, ValueError."""
    if not file.exists():
        return None
    known = json.loads(file.read_bytes())
    if known["result"] != "ok":
        return f"the last backup failed: {known['error']}"
    if datetime.fromisoformat(known["succeeded"]) < now - OLDEST:
        return f"the last backup was made at {known['succeeded']}"
    return None


def main() -> int:
    """The exit code, with a sentence on standard error."""
    found = problem(FILE, datetime.now(UTC))
    if found:
        print(found, file=sys.stderr)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
