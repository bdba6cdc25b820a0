"""The files in which the backup command says what became of backups."""

import json
from pathlib import Path

from heartguard_audit.domain.backups import BackupStatus, LastBackup, VerifiedBackup
from heartguard_audit.store.system_metrics import LAST_BACKUP, succeeded
from heartguard_common.core.clock import NANOSECONDS, parse_rfc3339, rfc3339
from heartguard_common.core.errors import UNAVAILABLE, ServiceError

LONGEST = 1024
MOST_DAMAGED = 100
_STATUS: dict[str, BackupStatus] = {"ok": "succeeded", "failed": "failed"}


class BackupFiles:
    """`last.json` and, beside it, `verified.json`."""

    def __init__(self, last_backup: Path = LAST_BACKUP) -> None:
        self._last = last_backup
        self._verified = last_backup.with_name("verified.json")

    def last(self) -> LastBackup:
        """What is known. Raises GEN_503 where a file can't be read."""
        known, verified = _read(self._last), _read(self._verified)
        ended = succeeded(known, self._last.parent)
        size, seconds = known.get("bytes"), known.get("seconds")
        return LastBackup(
            status=_STATUS.get(str(known.get("result")), "none"),
            succeeded_at=None if ended is None else rfc3339(round(ended * 1000) * NANOSECONDS // 1000),
            began_at=_time(known.get("began")),
            ended_at=_time(known.get("ended")),
            seconds=float(seconds) if isinstance(seconds, int | float) else None,
            size=size if isinstance(size, int) else None,
            error=_text(known.get("error")),
            place=_text(known.get("place")),
            encrypted=known.get("encrypted") is True,
            verified=_verification(verified),
        )


def _read(file: Path) -> dict[str, object]:
    try:
        return dict(json.loads(file.read_bytes()))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, TypeError) as error:
        raise ServiceError(UNAVAILABLE) from error


def _verification(known: dict[str, object]) -> VerifiedBackup | None:
    time, place, damaged = _time(known.get("time")), _text(known.get("place")), known.get("damaged")
    if time is None or place is None or not isinstance(damaged, list):
        return None
    names = tuple(name for it in damaged[:MOST_DAMAGED] if (name := _text(it)))
    return VerifiedBackup(time, place, names, known.get("opened") is True)


def _time(value: object) -> str | None:
    return rfc3339(parse_rfc3339(value)) if isinstance(value, str) else None


def _text(value: object) -> str | None:
    """What a document may contain of a text: no control characters, which XML has no way to write."""
    if not isinstance(value, str):
        return None
    return "".join(it if it.isprintable() else " " for it in value).strip()[:LONGEST] or None
