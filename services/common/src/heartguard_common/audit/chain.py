"""The canonical form of an audit event, and its hash, which links it to the previous event of its organization.

`version` names this form. A changed form needs a new number beside this one, because stored events keep their hash.
The migration that chained the first events has its own copy of version 1, which never changes.
"""

import hashlib
import json
from collections.abc import Mapping
from decimal import Decimal

VERSION = 1
GENESIS = bytes(32)
# The largest integer that RFC 8785 represents exactly; larger JSON numbers are rounded to doubles.
SAFE_INTEGER = 2**53 - 1

_encode = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode


def canonical(event: Mapping[str, object], sequence: int, recorded_us: int, previous: bytes) -> bytes:
    """The bytes that are hashed: the RFC 8785 text of all columns of an event except `hash` and `seal`.

    `event` has the columns of `audit_events` by name, `time_ns` as an int and `payload` as a map of scalars;
    `recorded_us` is `recorded_at` in microseconds since 1970; `previous` is the hash of the previous event, 32 zero
    bytes for the first. Raises TypeError for a payload that is not a map of scalars.
    """
    # The members are in the order of RFC 8785 (by UTF-16 code units), so that they need not be sorted.
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


def event_hash(event: Mapping[str, object], sequence: int, recorded_us: int, previous: bytes) -> bytes:
    """The hash of an event at its position in the chain: SHA-256 of its canonical form, 32 bytes."""
    return hashlib.sha256(canonical(event, sequence, recorded_us, previous)).digest()


def _payload(payload: object) -> dict[str, object]:
    if not isinstance(payload, dict):
        raise TypeError("its payload is not a map")
    # Code points and UTF-16 code units give the same order for ASCII, not for characters beyond U+FFFF.
    ordered = sorted(payload) if all(map(str.isascii, payload)) else sorted(payload, key=_utf16)
    return {name: _scalar(payload[name]) for name in ordered}


def _utf16(name: str) -> bytes:
    return name.encode("utf-16-be")


def _scalar(value: object) -> object:
    """A scalar as it is hashed: a number that RFC 8785 can't represent exactly is `{"number": its digits}`."""
    if value is None or isinstance(value, (str, bool)):
        return value
    if isinstance(value, float):
        # The shortest decimal that reads back as the same double (RFC 8785 3.2.2.3); a whole number becomes an integer,
        # because the database stores decimals and returns 1e22 as an integer.
        decimal = Decimal(repr(value))
        value = int(decimal) if decimal == decimal.to_integral_value() else decimal
    if isinstance(value, Decimal):
        return {"number": format(value, "f")}
    if isinstance(value, int):
        return value if -SAFE_INTEGER <= value <= SAFE_INTEGER else {"number": str(value)}
    raise TypeError("its payload holds more than scalars")
