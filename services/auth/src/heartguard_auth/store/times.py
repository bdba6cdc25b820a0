"""Instants as PostgreSQL takes and gives them."""

from datetime import UTC, datetime, timedelta

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def moment(time_ns: int) -> datetime:
    """Nanoseconds since the epoch as a `timestamptz` parameter; what is under a microsecond is dropped."""
    return _EPOCH + timedelta(microseconds=time_ns // 1000)


def nanoseconds(value: datetime) -> int:
    """A `timestamptz` column as nanoseconds since the epoch."""
    return (value - _EPOCH) // timedelta(microseconds=1) * 1000
