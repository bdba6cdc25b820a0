"""Events of the trail and the rules about them."""

import hashlib
import hmac
import ipaddress
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from heartguard_common.audit.events import AuditEvent, Scalar, decode
from heartguard_common.core.api_key_form import API_KEY, REDACTED
from heartguard_common.core.clock import parse_rfc3339
from heartguard_common.core.ids import is_uuid
from heartguard_common.messages import Payload

KINDS = frozenset({"access", "change", "reported"})
GATEWAY = "gateway"
OUTCOMES = frozenset({"success", "denied", "failure"})
LENGTHS: Mapping[str, int] = {"actor": 320, "action": 128, "service": 64, "resource": 512, "reason": 256}
MAX_ENTRIES = 64
MAX_KEY = 128
MAX_TEXT = 4096
MAX_NUMBER = 1.7e308
# What a bigint of PostgreSQL holds: nanoseconds from 1677 to 2262.
EARLIEST_NS, LATEST_NS = -(2**63), 2**63 - 1

_WORD = r"[^\s@<>\"'()\[\]{},;:/\\]"
# An address begins where a word begins. Without that condition a long word without an @ would take quadratic time.
_EMAIL = re.compile(rf"(?<!{_WORD})({_WORD}){_WORD}*@({_WORD}+)")
_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")
_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,128}", re.ASCII)


class NotAnEventError(ValueError):
    """The input is not an event that can be stored; the text says why and quotes nothing of it."""


@dataclass(frozen=True)
class Recorded:
    """An event in the trail; `sequence` is its place in the trail of its organization, from 1 without a gap."""

    sequence: int
    event: AuditEvent


@dataclass(frozen=True)
class Entry:
    """One entry of a queue (the stream or the outbox): its id there, and its line, None where it has none."""

    id: bytes
    line: bytes | None


@dataclass(frozen=True)
class Search:
    """Which events of one trail are requested: those that satisfy all conditions.

    `org_id` None means the trail of no organization. Times are nanoseconds, half-open: since <= time < until.
    `before` is the sequence that the last page ended with: events come newest first.
    """

    org_id: int | None
    equals: Mapping[str, str]
    since_ns: int | None = None
    until_ns: int | None = None
    before: int | None = None


class Mask:
    """Masks addresses and API keys in a text, and computes the keyed hash by which addresses can be searched for."""

    def __init__(self, secret: str) -> None:
        self._secret = secret.encode()

    def text(self, text: str, longest: int = MAX_TEXT) -> str:
        """The text, cut to `longest` characters: `anna@hg.io` becomes `a***@hg.io`, an IP address its /24 or /48."""
        return (_network(text) or _EMAIL.sub(r"\1***@\2", API_KEY.sub(REDACTED, text)))[:longest]

    def hash(self, text: str) -> str | None:
        """HMAC-SHA256 (RFC 2104) of the first address in a text, upper and lower case alike; None without one."""
        found = _EMAIL.search(text)
        address = found[0] if found else text if _network(text) else None
        if address is None:
            return None
        return hmac.new(self._secret, address.casefold().encode(), hashlib.sha256).hexdigest()


def _network(text: str) -> str | None:
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return None
    if address.version == 4:
        return str(ipaddress.IPv4Network((int(address), 24), strict=False))
    return str(ipaddress.IPv6Network((int(address), 48), strict=False))


def within_range(time_ns: int) -> int:
    """The time, or the nearest one that the trail can hold."""
    return max(EARLIEST_NS, min(LATEST_NS, time_ns))


def read_event(line: bytes) -> AuditEvent:
    """The event of a line, in the form in which the trail stores it. Raises `NotAnEventError` where it is not one.

    Text that a caller may have chosen never causes a refusal: control characters, which neither JSON nor XML of the
    contract can hold, are replaced, and texts that are too long are cut.
    """
    try:
        event = decode(line)
        _require(event)
        return replace(event, **_texts(event), payload=_payload(event.payload))
    except NotAnEventError:
        raise
    except Exception as error:  # any error in reading a line means that it is not an event
        raise NotAnEventError("is not the JSON of an event") from error


def _require(event: AuditEvent) -> None:
    sound = {
        "id": isinstance(event.id, str) and is_uuid(event.id),
        "time": isinstance(event.time, str) and EARLIEST_NS <= parse_rfc3339(event.time) <= LATEST_NS,
        "kind": event.kind in KINDS,
        "outcome": event.outcome in OUTCOMES,
        "org_id": event.org_id is None or (type(event.org_id) is int and 1 <= event.org_id < 2**31),
        **{name: bool(getattr(event, name)) for name in ("actor", "action", "service")},
        # Only the gateway records access events, and it records no changes.
        "kind and service": event.kind == "reported" or (event.kind == "access") is (event.service == GATEWAY),
    }
    wrong = [name for name, right in sound.items() if not right]
    if wrong:
        raise NotAnEventError("has no valid " + ", ".join(wrong))


def _texts(event: AuditEvent) -> dict[str, Any]:
    texts: dict[str, Any] = {name: _clean(getattr(event, name), longest) for name, longest in LENGTHS.items()}
    for name in ("request_id", "gateway_request_id"):
        text = getattr(event, name)
        texts[name] = text if isinstance(text, str) and _REQUEST_ID.fullmatch(text) else None
    texts["request_id"] = texts["request_id"] or ""
    texts["actor_hash"] = _clean(event.actor_hash, 64)
    return texts


def _clean(text: object, longest: int) -> str | None:
    if text is None:
        return None
    if not isinstance(text, str):
        raise NotAnEventError("has a member that must be a text")
    return _CONTROL.sub("\ufffd", text)[:longest] or None


def _payload(payload: object) -> Payload:
    if not isinstance(payload, dict) or len(payload) > MAX_ENTRIES:
        raise NotAnEventError("has no valid payload")
    return {_clean(key, MAX_KEY) or "_": _scalar(value) for key, value in payload.items()}


def _scalar(value: object) -> Scalar:
    if isinstance(value, str):
        return _CONTROL.sub("\ufffd", value)[:MAX_TEXT]
    if value is None or isinstance(value, bool):
        return value
    # NaN is not less than anything, and an int is compared without becoming a float.
    if isinstance(value, int | float) and abs(value) <= MAX_NUMBER:
        return value
    raise NotAnEventError("has a payload that is no map of scalars")
