"""Times as PostgreSQL's `timestamptz`."""

from datetime import UTC, datetime, timedelta

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def timestamptz(time_ns: int) -> datetime:
    """Nanoseconds since the epoch as a `timestamptz` parameter, rounded down to microseconds."""
    return _EPOCH + timedelta(microseconds=time_ns // 1000)


def nanoseconds(value: datetime) -> int:
    """A `timestamptz` column as nanoseconds since the epoch."""
    return (value - _EPOCH) // timedelta(microseconds=1) * 1000
