"""The canonical form of an audit event and its hash: what the chain of an organization is made of.

`version` names this form; another one would get another number beside it, because old events keep their hash for
ever. The migration that chained the first events has a copy of version 1 that never changes.
"""

import hashlib
import json
from collections.abc import Mapping
from decimal import Decimal

VERSION = 1
GENESIS = bytes(32)
# What RFC 8785 can say exactly: beyond it, JSON numbers are rounded to doubles.
SAFE_INTEGER = 2**53 - 1

_encode = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode


def canonical(event: Mapping[str, object], sequence: int, recorded_us: int, previous: bytes) -> bytes:
    """The bytes that are hashed: the RFC 8785 text of all columns of an event but `hash` and `seal`.

    `event` has the columns of `audit_events` by name, `time_ns` as an int and `payload` as a map of scalars;
    `recorded_us` is `recorded_at` in microseconds since 1970; `previous` the hash of the event before, 32 zero bytes
    for the first. Raises TypeError for a payload that is no map of scalars.
    """
    # Written in the order of RFC 8785 (names by their UTF-16 code units), so that nothing has to be sorted.
    return _encode(
        {
            "action": event["action"],
            "actor": event["actor"],
            "actor_hash": event["actor_hash"],
            "event_id": event["event_id"],
            "gateway_request_id": event["gateway_request_id"],
            "kind": event["kind"],
            "org_id": event["org_id"],
            "outcome": event["outcome"],
            "payload": _payload(event["payload"]),
            "previous_hash": previous.hex(),
            "reason": event["reason"],
            "recorded_us": recorded_us,
            "request_id": event["request_id"],
            "resource": event["resource"],
            "sequence": sequence,
            "service": event["service"],
            "time_ns": str(event["time_ns"]),
            "version": VERSION,
        }
    ).encode()


def link(event: Mapping[str, object], sequence: int, recorded_us: int, previous: bytes) -> bytes:
    """The hash of an event in its place: SHA-256 of its canonical form, 32 bytes."""
    return hashlib.sha256(canonical(event, sequence, recorded_us, previous)).digest()


def _payload(payload: object) -> dict[str, object]:
    if not isinstance(payload, dict):
        raise TypeError("its payload is no map")
    # The order of code points, but that of UTF-16 is another beyond U+FFFF.
    ordered = sorted(payload) if all(map(str.isascii, payload)) else sorted(payload, key=_utf16)
    return {name: _scalar(payload[name]) for name in ordered}


def _utf16(name: str) -> bytes:
    return name.encode("utf-16-be")


def _scalar(value: object) -> object:
    """A scalar as it is hashed: a number that RFC 8785 can't say exactly is `{"number": its decimal digits}`."""
    if value is None or isinstance(value, (str, bool)):
        return value
    if isinstance(value, float):
        # The shortest decimal that reads back as the same double (RFC 8785 3.2.2.3), whole ones as integers: the
        # database keeps decimals, and gives 1e22 back as an integer.
        decimal = Decimal(repr(value))
        value = int(decimal) if decimal == decimal.to_integral_value() else decimal
    if isinstance(value, Decimal):
        return {"number": format(value, "f")}
    if isinstance(value, int):
        return value if -SAFE_INTEGER <= value <= SAFE_INTEGER else {"number": str(value)}
    raise TypeError("its payload holds more than scalars")
