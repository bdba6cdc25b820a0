"""Takes a backup if the newest is a day old, and removes those beyond the number that is kept."""

import signal
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

from heartguard_cli.backup.create import existing, prune, take, taken_at
from heartguard_cli.backup.locations import location_at
from heartguard_cli.backup.settings import BackupSettings
from heartguard_cli.errors import CommandError
from heartguard_common.core.paths import REPO_ROOT
from heartguard_common.core.settings import SettingsError

# an hour less than a day: it is looked at once an hour, and must not drift through the day
INTERVAL = timedelta(hours=23, minutes=30)


def step(settings: BackupSettings, root: Path, now: datetime) -> str:
    """Take a backup if one is due at `now`; returns a sentence that says what was done. Raises `CommandError`."""
    where = location_at(settings.target, settings, root)
    newest = taken_at(names[-1]) if (names := existing(where)) else None
    if newest is not None and newest <= now < newest + INTERVAL:
        return f"nothing is due: the newest backup is {names[-1]}"
    taken = take(settings, root, now=now)
    if damaged := taken.manifest.damaged:
        # No older backup is removed then: it may have these objects intact.
        raise CommandError(
            f"took {taken.location} without {len(damaged)} media objects that can't be read, or are not what their rows"
            f" say, and removed no older one: {', '.join(damaged)}"
        )
    gone = prune(where, settings.backup_keep)
    absent = taken.manifest.absent
    lost = f"; {len(absent)} media objects have a row and no bytes: {', '.join(absent)}" if absent else ""
    return f"took {taken.location}" + (f", removed {', '.join(gone)}" if gone else "") + lost


def main() -> int:
    """0 when all is well, 1 with a sentence on standard error."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        print(step(BackupSettings.from_env(), REPO_ROOT, datetime.now(UTC)))
    except (CommandError, SettingsError, OSError) as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("interrupted, and nothing of it is left", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
