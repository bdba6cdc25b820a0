"""UUID version 7: ids that sort by the time they were made (RFC 9562 section 5.7)."""

import secrets
import threading
import uuid

from heartguard_common.core.clock import Clock, SystemClock

_lock = threading.Lock()
_last = 0


def uuid7(clock: Clock | None = None) -> str:
    """A new UUIDv7 as text; within one process later ids are always greater (method 3 of RFC 9562 6.2)."""
    global _last  # noqa: PLW0603  monotonicity is a property of the process, not of a caller
    now = (clock or SystemClock()).now_ns()
    milliseconds, rest = divmod(now, 1_000_000)
    stamp = milliseconds << 12 | (rest << 12) // 1_000_000
    with _lock:
        _last = stamp = max(stamp, _last + 1)
    value = (stamp >> 12) << 80 | 7 << 76 | (stamp & 0xFFF) << 64 | 0b10 << 62 | secrets.randbits(62)
    digits = f"{value:032x}"
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"


def is_uuid(text: str) -> bool:
    """Whether a path segment is a UUID in the usual 36-character spelling."""
    try:
        return str(uuid.UUID(text)) == text.lower()
    except ValueError:
        return False
